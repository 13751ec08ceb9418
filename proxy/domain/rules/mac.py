"""Rules about the HMAC."""

from __future__ import annotations

from ..signature import Signature
from .base import DATED, Circumstances, Hit, Mac, Rules, Severity

RULES = Rules()


@RULES.add(
    "mac/wrong",
    Severity.REFUSED,
    "The HMAC does not verify with the configured secret of the key that the signature names.",
    source="RFC 7515 section 5.2; recall.ai, 'Zoom signature is invalid'",
    cause="wrong_secret",
    formats=DATED,
)
def _mac_wrong(_signature: Signature, at: Circumstances) -> Hit:
    if at.mac is not Mac.WRONG:
        return None
    return "It was signed with another secret, or changed after signing."


@RULES.add(
    "mac/unknown_key",
    Severity.WARNING,
    "The signature names a key that is not among this backend's configured credentials, so its HMAC was not checked.",
    source="configuration: backends.NAME.credentials",
    cause="unknown_key",
    formats=DATED,
)
def _mac_unknown_key(signature: Signature, at: Circumstances) -> Hit:
    if at.mac is not Mac.UNKNOWN_KEY or not signature.claims.key:
        return None
    return "Add its credentials to the backend, or correct the key that the endpoint uses."
