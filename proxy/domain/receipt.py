"""What a receipt carries; seal and open, key rotation, age."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAX_CHARACTERS: Final = 1024
"""No receipt is longer: it travels in a header, and many servers stop at 4 to 8 KiB for all of them."""

TOLERANCE_S: Final = 3600.0
"""How far the clocks of two replicas may be apart before one refuses the other's receipts."""

_KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_HEAD_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES
_NONCE_BYTES: Final = 12
_BODY_FROM: Final = _HEAD_BYTES + _NONCE_BYTES
_TAG_BYTES: Final = 16
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_MAX_PAYLOAD_BYTES: Final = MAX_CHARACTERS // 4 * 3 - _BODY_FROM - _TAG_BYTES

_ID_BYTES: Final = 64
_NAME_BYTES: Final = 64
_ROUTE_BYTES: Final = 128
_REPLICA_BYTES: Final = 64
_FORMAT_BYTES: Final = 32

_MAKE_ONE: Final = "make one with `python -m proxy new-key`"


class Issuance(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """What joinwatch knew when a signature left: everything that a later join result is judged by.

    Never the signature, a secret, a meeting number or a key. Times are epoch seconds of the proxy's clock, offsets
    seconds with |true - offset| <= bound; None is unknown.

    The fields in their order are what a receipt holds: only ever append, with defaults; any other change is a new
    tag, the version.
    """

    receipt_id: str
    sent_at: float
    route: str
    asked: str
    """The backend that the route chose."""
    signer: str
    """The backend that signed: another one after a retry."""
    replica: str | None
    format: str
    iat: float | None
    exp: float | None
    iat_offset_s: float | None
    """iat - the proxy's clock when the backend's headers arrived."""
    iat_offset_bound_s: float | None
    clock_offset_s: float | None
    """This host's clock against its reference."""
    clock_bound_s: float | None
    backend_clock_offset_s: float | None
    """The backend's clock against this host's."""
    backend_clock_bound_s: float | None
    findings: tuple[str, ...]
    role: int | None = None
    """0 participant, 1 host; None where it claims neither."""


class Refusal(StrEnum):
    """Why a receipt was not opened."""

    BAD = "bad"
    """Forged, damaged, sealed with a key that is not configured here, or of an unknown version."""
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    """Sent in the future, beyond the tolerance between replicas' clocks."""


class ReceiptRefused(Exception):
    """A receipt was not opened; the message says why and how to mend it, and never repeats the receipt."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Issuance)


class Receipts:
    """Seals and opens receipts with the configured keys: the first one seals, every one opens.

    A receipt is base64url of: a version byte, four bytes that tell the key, a nonce of twelve, and the issuance under
    AES-256-GCM. The nonce is a digest of the receipt's id, which is random and never given twice; as for every random
    nonce of this length, a key is good for 2^32 receipts (NIST SP 800-38D section 8.3).
    """

    def __init__(self, keys: Sequence[bytes], max_age_s: float) -> None:
        """`keys`: 32 random bytes each, newest first. Raises ValueError without a key, or for one of another length."""
        if not keys:
            raise ValueError(f"receipts need at least one key: {_MAKE_ONE}")
        for key in keys:
            encode_key(key)
        self._newest = _key_id(keys[0])
        self._ciphers = {_key_id(key): AESGCM(key) for key in reversed(keys)}
        self._max_age_s = max_age_s

    def seal(self, issuance: Issuance) -> str:
        """An issuance -> at most 1024 URL-safe characters.

        What would not fit is cut: names and ids to 64 bytes of UTF-8, the route to 128, the format to 32, then findings
        from the end. Numbers that are not finite become None. Raises ValueError if `sent_at` is not a time.
        """
        if not 0.0 <= issuance.sent_at < 2.0**53:
            raise ValueError(
                f"sent_at is {issuance.sent_at!r}, must be epoch seconds: look at this host's clock"
            )
        payload = _packed(issuance)
        receipt_id = issuance.receipt_id.encode("utf-8", "replace")
        nonce = hashlib.blake2b(receipt_id, digest_size=_NONCE_BYTES).digest()
        head = _VERSION + self._newest
        sealed = self._ciphers[self._newest].encrypt(nonce, payload, head)
        return binascii.b2a_base64(head + nonce + sealed, newline=False).translate(_URL_SAFE).decode("ascii")

    def open(self, token: str, now: float) -> Issuance:
        """A receipt as it came from a client -> what was sealed. `now`: epoch seconds. Raises ReceiptRefused only."""
        issuance = self._authentic(token)
        age_s = now - issuance.sent_at
        if age_s > self._max_age_s + TOLERANCE_S:
            raise ReceiptRefused(
                Refusal.EXPIRED,
                f"the receipt was sent {age_s:.0f} s ago, at most {self._max_age_s:.0f} s are allowed"
                " (receipts.max_age_s): ask for a new signature",
            )
        if age_s < -TOLERANCE_S:
            raise ReceiptRefused(
                Refusal.NOT_YET,
                f"the receipt was sent {-age_s:.0f} s in the future, at most {TOLERANCE_S:.0f} s are allowed:"
                " synchronise the clocks of the proxy's replicas",
            )
        return issuance

    def _authentic(self, token: str) -> Issuance:
        raw = _canonical(token)
        if raw is None or len(raw) < _HEAD_BYTES + _NONCE_BYTES:
            raise ReceiptRefused(
                Refusal.BAD, "the receipt is damaged: send the value of the Join-Receipt header as it came"
            )
        head, nonce, sealed = raw[:_HEAD_BYTES], raw[_HEAD_BYTES:_BODY_FROM], raw[_BODY_FROM:]
        cipher = self._ciphers.get(head[len(_VERSION) :])
        try:
            if cipher is None or not head.startswith(_VERSION):
                raise InvalidTag
            return _DECODER.decode(cipher.decrypt(nonce, sealed, head))
        except (InvalidTag, ValueError):
            raise ReceiptRefused(
                Refusal.BAD,
                "the receipt was altered, or sealed with a key that is not configured here: give every replica"
                " the same receipts.keys_file, and keep an old key in it for receipts.max_age_s",
            ) from None
        except msgspec.MsgspecError:
            raise ReceiptRefused(
                Refusal.BAD,
                "the receipt is of a version that this joinwatch does not know: run one version everywhere",
            ) from None


def encode_key(random32: bytes) -> str:
    """32 random bytes -> the spelling of a key in a keys file. Raises ValueError for another length."""
    if len(random32) != _KEY_BYTES:
        raise ValueError(f"a receipt key is {_KEY_BYTES} random bytes, not {len(random32)}: {_MAKE_ONE}")
    return base64.urlsafe_b64encode(random32).decode("ascii")


def decode_key(text: str) -> bytes:
    """One line of a keys file -> 32 bytes; white space around it is ignored. Raises ValueError, never with the key."""
    spelled = text.strip()
    try:
        key = base64.urlsafe_b64decode(spelled)
        if encode_key(key) == spelled:
            return key
    except ValueError:
        pass
    raise ValueError(
        f"a receipt key is 44 characters of URL-safe base64 ({_KEY_BYTES} bytes), this one has {len(spelled)}"
        f" characters or is spelled otherwise: {_MAKE_ONE}"
    )


def _key_id(key: bytes) -> bytes:
    """By what a receipt tells its key; says nothing about the key itself."""
    return hashlib.sha256(b"joinwatch receipt key" + key).digest()[:_KEY_ID_BYTES]


def _canonical(token: str) -> bytes | None:
    """The bytes of which the text is the one spelling; None where it is not.

    Python's base64 skips foreign characters and spare bits: without this an altered token could still open.
    """
    if not 0 < len(token) <= MAX_CHARACTERS or not token.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(token)
    except ValueError:
        return None
    return raw if base64.urlsafe_b64encode(raw) == token.encode("ascii") else None


def _packed(issuance: Issuance) -> bytes:
    """The usual issuance as it is; one with overlong text or strange numbers trimmed."""
    if len(issuance.route) <= _ROUTE_BYTES and _finite(issuance.iat) == issuance.iat:
        try:
            payload = _ENCODER.encode(issuance)
        except (UnicodeEncodeError, OverflowError):
            pass  # A header's stray bytes, or 400 digits.
        else:
            if len(payload) <= _MAX_PAYLOAD_BYTES:
                return payload
    findings = tuple(_cut(finding, _MAX_PAYLOAD_BYTES) for finding in issuance.findings)
    payload = _ENCODER.encode(_trimmed(issuance, findings))
    if len(payload) <= _MAX_PAYLOAD_BYTES:
        return payload
    bare = len(_ENCODER.encode(_trimmed(issuance, ())))
    array_header = 2  # an array of more than 15 has two bytes of length more than the empty one
    fitting = _fitting(findings, _MAX_PAYLOAD_BYTES - bare - array_header)
    return _ENCODER.encode(_trimmed(issuance, fitting))


def _trimmed(issuance: Issuance, findings: tuple[str, ...]) -> Issuance:
    return Issuance(
        receipt_id=_cut(issuance.receipt_id, _ID_BYTES),
        sent_at=float(issuance.sent_at),
        route=_cut(issuance.route, _ROUTE_BYTES),
        asked=_cut(issuance.asked, _NAME_BYTES),
        signer=_cut(issuance.signer, _NAME_BYTES),
        replica=None if issuance.replica is None else _cut(issuance.replica, _REPLICA_BYTES),
        format=_cut(issuance.format, _FORMAT_BYTES),
        iat=_finite(issuance.iat),
        exp=_finite(issuance.exp),
        iat_offset_s=_finite(issuance.iat_offset_s),
        iat_offset_bound_s=_finite(issuance.iat_offset_bound_s),
        clock_offset_s=_finite(issuance.clock_offset_s),
        clock_bound_s=_finite(issuance.clock_bound_s),
        backend_clock_offset_s=_finite(issuance.backend_clock_offset_s),
        backend_clock_bound_s=_finite(issuance.backend_clock_bound_s),
        findings=findings,
        role=issuance.role if issuance.role in (0, 1) else None,
    )


def _fitting(findings: Iterable[str], room: int) -> tuple[str, ...]:
    kept: list[str] = []
    for finding in findings:
        room -= len(_ENCODER.encode(finding))
        if room < 0:
            break
        kept.append(finding)
    return tuple(kept)


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8; what cannot be written as UTF-8 (a header's stray bytes) becomes "?"."""
    if len(text) <= limit and text.isascii():
        return text
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _finite(value: float | None) -> float | None:
    """A backend's claims may hold any JSON number: 1e999, or an integer of 400 digits."""
    if value is None:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
