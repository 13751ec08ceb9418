"""Rules about the HMAC."""

from __future__ import annotations

from typing import Final

from ..diagnosis.base import Cause
from ..signature import JWT_FORMATS, Signature
from .base import DATED, Check, Circumstances, Flaw, Hit, MacState, Rules, Severity

VERIFIES: Final = "RFC 7515 section 5.2"

RULES = Rules()


@RULES.add(
    "mac/wrong",
    Severity.REFUSED,
    "The HMAC does not verify with the configured secret of the key that the signature names.",
    source=f"{VERIFIES}; recall.ai, 'Zoom signature is invalid'",
    cause=Cause.WRONG_SECRET,
    formats=DATED,
)
def _mac_wrong(signature: Signature, at: Circumstances) -> Hit:
    if at.mac.state is not MacState.WRONG or at.mac.flaw is not None:
        return None
    if signature.format in JWT_FORMATS and (signature.segments != 3 or len(signature.mac) != 32):
        return None  # What stands there is no HMAC: the rules of the format say so.
    return "It was signed with another secret, or changed after signing; no damage of the secret explains it."


def _explained_by(flaw: Flaw) -> Check:
    """The rule for what a probe has shown."""
    return lambda _signature, at: at.mac.detail if at.mac.flaw is flaw else None


RULES.add(
    "mac/other_secret",
    Severity.REFUSED,
    "The HMAC verifies with the secret of other credentials than those of the key that the signature names.",
    source=f"{VERIFIES}; recall.ai, 'Zoom signature is invalid'",
    cause=Cause.WRONG_SECRET,
    formats=DATED,
)(_explained_by(Flaw.OTHER_CREDENTIALS))

RULES.add(
    "mac/swapped",
    Severity.REFUSED,
    "Key and secret are swapped: the signature names the secret, or was signed with the key.",
    source=f'{VERIFIES}; Zoom devforum 70827: "I mixed up the placement of the SDK KEY and Secret"',
    cause=Cause.KEY_SECRET_SWAPPED,
    formats=DATED,
)(_explained_by(Flaw.SWAPPED))

RULES.add(
    "mac/damaged_secret",
    Severity.REFUSED,
    "The HMAC verifies with a damaged form of the configured secret.",
    source=f"{VERIFIES}; jjwt: signWith(SignatureAlgorithm, String) decodes base64",
    cause=Cause.DAMAGED_SECRET,
    formats=DATED,
)(_explained_by(Flaw.DAMAGED))

RULES.add(
    "mac/empty_secret",
    Severity.REFUSED,
    "The HMAC verifies with an empty secret: the credentials are not loaded on the host that signs.",
    source=f"{VERIFIES}; zoom/meetingsdk-auth-endpoint-sample: signs without credentials and answers 200",
    cause=Cause.EMPTY_CREDENTIALS,
    formats=DATED,
)(_explained_by(Flaw.EMPTY))


@RULES.add(
    "mac/encoding",
    Severity.REFUSED,
    "The secret is right, but other characters were signed than those that arrived, or the HMAC is encoded otherwise.",
    source=f"{VERIFIES}: the HMAC is over the characters of header.payload as sent",
    cause=Cause.ENCODING_DAMAGE,
    formats=DATED,
)
def _mac_encoding(signature: Signature, at: Circumstances) -> Hit:
    if at.mac.flaw is not Flaw.ENCODING:
        return None
    if signature.damage:
        return (
            Severity.WARNING,
            f"{at.mac.detail} Whether Zoom mends such encodings before it verifies is not known.",
        )
    return at.mac.detail


RULES.add(
    "mac/construction",
    Severity.REFUSED,
    "The secret is right, but the HMAC is not HMAC-SHA256 over header.payload.",
    source="RFC 7515 section 5.1; RFC 7518 section 3.2",
    cause=Cause.WRONG_FORMAT,
    formats=DATED,
)(_explained_by(Flaw.CONSTRUCTION))


@RULES.add(
    "mac/unknown_key",
    Severity.WARNING,
    "The signature names a key that is not among this backend's configured credentials, so its HMAC was not checked.",
    source="configuration: backends.NAME.credentials",
    cause=Cause.UNKNOWN_KEY,
    formats=DATED,
)
def _mac_unknown_key(signature: Signature, at: Circumstances) -> Hit:
    if at.mac.state is not MacState.UNKNOWN_KEY or at.mac.flaw is not None or not signature.claims.key:
        return None
    return at.mac.detail or "Add its credentials to the backend, or correct the key that the endpoint uses."
