"""Which mistake explains an HMAC that does not verify: the damages that secrets and texts suffer, tried one by one.

A match is a proof, for no two of these secrets or texts have the same HMAC. What no probe explains stays unexplained.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

import msgspec

from .credentials import Credentials
from .rules.base import Flaw
from .secret import Secret
from .signature import Format, Signature

MAX_PROBES: Final = 48
"""HMACs that are made for one signature at most: some 50 µs, for a wrong one only."""

MAX_OTHERS: Final = 8
"""How many other credentials' secrets are tried."""

_TELLING_LENGTH: Final = 8
"""A key that shares so many characters with a secret is no coincidence."""


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """What explains the HMAC; `detail` never shows a key or a secret."""

    flaw: Flaw
    detail: str


class _Probe(msgspec.Struct, frozen=True, gc=False):
    """One guess: this secret over this text, by this hash; `mac` where the one that arrived is to be read otherwise."""

    flaw: Flaw
    detail: str
    secret: bytes
    text: bytes | None = None
    mac: bytes | None = None


_Damage = Callable[[str], str | bytes]


def empty_secret(signature: Signature) -> Explanation | None:
    """Whether it is signed with an empty secret, which can be told with none at hand."""
    if not _made_with(b"", signature):
        return None
    return Explanation(Flaw.EMPTY, "It verifies with the empty text as the secret.")


def key_as_secret(signature: Signature) -> Explanation | None:
    """Whether it is signed with the key that it names, which can be told with no secret at hand."""
    key = signature.claims.key
    if key is None or not _made_with(_bytes(key), signature):
        return None
    return Explanation(Flaw.SWAPPED, "It verifies with the key that it names as the secret.")


def explain(
    signature: Signature, named: Sequence[Credentials], others: Sequence[Credentials]
) -> Explanation | None:
    """Why the HMAC does not verify with the secrets of `named`, the credentials that the signature's key names.

    `others` are further configured credentials. None where no probe matches.
    """
    if not signature.mac:
        return None
    for probe in islice(_probes(signature, named, others), MAX_PROBES):
        text = signature.signed if probe.text is None else probe.text
        if hmac.compare_digest(
            hmac.digest(probe.secret, text, "sha256"), signature.mac if probe.mac is None else probe.mac
        ):
            return Explanation(probe.flaw, probe.detail)
    return next((found for each in named if (found := _construction(signature, each))), None)


def whose_secret(signature: Signature, candidates: Sequence[Credentials]) -> str | None:
    """The name of the credentials whose secret it verifies with; None where there are none."""
    tried = candidates[:MAX_PROBES]
    return next((each.name for each in tried if _made_with(_secret(each), signature)), None)


def key_is_secret(signature: Signature, candidates: Sequence[Credentials]) -> Explanation | None:
    """Whether the key that the signature names is, holds or is a part of a configured secret."""
    key = (signature.claims.key or "").strip()
    if len(key) < _TELLING_LENGTH:
        return None
    for each in candidates:
        secret = each.client_secret.reveal()
        if key in secret or (len(secret) >= _TELLING_LENGTH and secret in key):
            signed_so = _made_with(_bytes(each.client_id), signature)
            with_key = ", and it verifies with their client id as the secret" if signed_so else ""
            return Explanation(
                Flaw.SWAPPED, f"The key in it is the secret of the credentials {each.name}{with_key}."
            )
    return None


def _probes(
    signature: Signature, named: Sequence[Credentials], others: Sequence[Credentials]
) -> Iterator[_Probe]:
    """The likely ones first, for only so many are tried."""
    for each in named:
        yield from _damaged(each.client_secret)
    for each in named:
        detail = "It verifies with the key in the place of the secret."
        yield _Probe(Flaw.SWAPPED, detail, _bytes(each.client_id))
    yield _Probe(Flaw.EMPTY, "It verifies with the empty text as the secret.", b"")
    for each in others[:MAX_OTHERS]:
        detail = f"It is the secret of the credentials {each.name}."
        yield _Probe(Flaw.OTHER_CREDENTIALS, detail, _secret(each))
    for each in named:
        yield from _other_texts(signature, _secret(each))
    for word in ("undefined", "null", "None"):
        detail = f"It verifies with the word {word} as the secret."
        yield _Probe(Flaw.EMPTY, detail, word.encode())


# The secret


_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_STANDARD: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _from_base64(text: str) -> bytes:
    """As Node's Buffer decodes: both alphabets, padding or none, a character too many left out."""
    plain = _bytes(text).rstrip(b"=").translate(_TO_STANDARD)
    return _decoded(plain[:-1] if len(plain) % 4 == 1 else plain)


def _from_loose(text: str) -> bytes:
    """As PHP, Python and Java's DatatypeConverter decode: what is no base64 left out, and what fills no group of 4."""
    plain = bytes(byte for byte in _bytes(text) if byte in _STANDARD)
    return _decoded(plain[: len(plain) // 4 * 4])


def _decoded(plain: bytes) -> bytes:
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        return b""


def _from_hex(text: str) -> bytes:
    """jsrsasign takes a secret of hexadecimal digits for bytes."""
    try:
        return bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        return b""


_DAMAGES: Final[tuple[tuple[str, _Damage], ...]] = (
    ("the secret and a line end (\\n) after it", lambda secret: f"{secret}\n"),
    ("the secret decoded as base64", _from_base64),
    ("the secret and a Windows line end (\\r\\n) after it", lambda secret: f"{secret}\r\n"),
    ("the secret and a carriage return (\\r) after it", lambda secret: f"{secret}\r"),
    ("the secret without the white space around it", str.strip),
    ("the secret and a space after it", lambda secret: f"{secret} "),
    ("the secret and a space before it", lambda secret: f" {secret}"),
    ("the secret in double quotation marks", lambda secret: f'"{secret}"'),
    ("the secret in single quotation marks", lambda secret: f"'{secret}'"),
    ("the secret without the quotation marks around it", lambda secret: secret.strip().strip("\"'")),
    ("the secret with a byte order mark before it", lambda secret: f"\ufeff{secret}"),
    ("the secret without the byte order mark before it", lambda secret: secret.removeprefix("\ufeff")),
    ("the secret encoded as base64", lambda secret: base64.b64encode(_bytes(secret))),
    ("the secret and a line end encoded as base64", lambda secret: base64.b64encode(_bytes(f"{secret}\n"))),
    (
        "the secret decoded as base64, characters that are not base64 left out",
        _from_loose,
    ),
    ("the secret decoded as hexadecimal", _from_hex),
    ("the secret URL-decoded", unquote_plus),
    ("the secret URL-decoded, its + kept", unquote),
    ("the secret URL-encoded", lambda secret: quote(secret, safe="")),
    ("the secret in UTF-16", lambda secret: secret.encode("utf-16-le", "surrogatepass")),
    ("the secret in Latin-1", lambda secret: secret.encode("latin-1", "replace")),
    ("the secret in lower case", str.lower),
    ("the secret in upper case", str.upper),
)


@lru_cache(maxsize=64)
def _damaged(secret: Secret) -> tuple[_Probe, ...]:
    """Every damaged form of a secret, none twice; kept, for a backend's signatures all have the same."""
    text = secret.reveal()
    forms: dict[bytes, _Probe] = {}
    for what, damage in _DAMAGES:
        damaged = damage(text)
        form = damaged if isinstance(damaged, bytes) else _bytes(damaged)
        if form and form != _bytes(text):
            forms.setdefault(form, _Probe(Flaw.DAMAGED, f"It verifies with {what}.", form))
    return tuple(forms.values())


# The text and the HMAC


def _other_texts(signature: Signature, secret: bytes) -> Iterator[_Probe]:
    if signature.format is Format.LEGACY:
        raw = _decoded(signature.signed)
        yield _Probe(Flaw.CONSTRUCTION, "It is made over the message without base64.", secret, raw)
        return
    for what, text in _encodings(signature.signed):
        if text != signature.signed:
            detail = f"It is made over the segments {what}, and they arrived otherwise."
            yield _Probe(Flaw.ENCODING, detail, secret, text)
    inner = _inner(signature.mac)
    if inner is not None:
        how = "hexadecimal digits" if len(signature.mac) == 64 else "base64"
        yield _Probe(
            Flaw.ENCODING, f"It was encoded twice: as {how}, and that as base64.", secret, None, inner
        )
    for what, text in _constructions(signature):
        yield _Probe(Flaw.CONSTRUCTION, f"It is made over {what}.", secret, text)


def _encodings(signed: bytes) -> Iterator[tuple[str, bytes]]:
    """The segments in the other spellings of base64."""
    plain = [part.rstrip(b"=") for part in signed.split(b".")]
    padded = [part + b"=" * (-len(part) % 4) for part in plain]
    standard = [part.translate(_TO_STANDARD) for part in padded]
    yield "in base64url without padding", b".".join(plain).translate(_TO_URL)
    yield "in base64url with padding", b".".join(padded).translate(_TO_URL)
    yield "in standard base64 with padding", b".".join(standard)
    yield "in standard base64 without padding", b".".join(plain).translate(_TO_STANDARD)
    yield "in base64 with line ends, as Ruby's encode64 writes it", b".".join(map(_in_lines, standard))


def _in_lines(segment: bytes) -> bytes:
    return b"".join(segment[start : start + 60] + b"\n" for start in range(0, len(segment), 60))


def _constructions(signature: Signature) -> Iterator[tuple[str, bytes]]:
    """What else than header.payload was seen to be signed."""
    header, _, payload = signature.signed.partition(b".")
    yield "the payload alone", payload
    yield "header and payload without the dot between them", header + payload
    inner = (_decoded(part.rstrip(b"=").translate(_TO_STANDARD)) for part in (header, payload))
    yield "the JSON of header and payload before base64", b".".join(inner)
    claims = signature.claims
    if claims.iat is not None and claims.meeting is not None:
        for stamp in (claims.iat * 1000, claims.iat):
            role = "" if claims.role is None else f"{claims.role:.0f}"
            message = f"{claims.key or ''}{claims.meeting}{stamp:.0f}{role}"
            yield "the message of the JWT app type", base64.b64encode(_bytes(message))


def _inner(mac: bytes) -> bytes | None:
    """The 32 bytes of an HMAC that is itself hexadecimal or base64; None where it is not."""
    try:
        if len(mac) == 64:
            return bytes.fromhex(mac.decode("ascii"))
        inner = _decoded(mac.rstrip(b"=").translate(_TO_STANDARD)) if len(mac) in (43, 44) else b""
    except ValueError:
        return None
    return inner if len(inner) == 32 else None


_HASHES: Final = {20: "sha1", 28: "sha224", 48: "sha384", 64: "sha512"}


def _construction(signature: Signature, credentials: Credentials) -> Explanation | None:
    """What is not HMAC-SHA256: another hash, the arguments in each other's place, no HMAC at all, a part of it."""
    secret, text, mac = _secret(credentials), signature.signed, signature.mac
    other_hash = _HASHES.get(len(mac))
    if other_hash is not None and hmac.digest(secret, text, other_hash) == mac:
        detail = f"It is made with {other_hash.upper().replace('SHA', 'SHA-')} instead of SHA-256."
        return Explanation(Flaw.CONSTRUCTION, detail)
    if hmac.digest(text, secret, "sha256") == mac:
        return Explanation(Flaw.CONSTRUCTION, "The secret was given as the text, and the text as the secret.")
    for hashed in (text + secret, secret + text, text):
        if hashlib.sha256(hashed).digest() == mac:
            return Explanation(Flaw.CONSTRUCTION, "It is a plain SHA-256, not an HMAC.")
    if _TELLING_LENGTH <= len(mac) < 32 and hmac.digest(secret, text, "sha256").startswith(mac):
        detail = f"It was cut off: the {len(mac)} bytes that are left are right."
        return Explanation(Flaw.ENCODING, detail)
    return None


def _made_with(secret: bytes, signature: Signature) -> bool:
    return hmac.compare_digest(hmac.digest(secret, signature.signed, "sha256"), signature.mac)


def _secret(credentials: Credentials) -> bytes:
    return _bytes(credentials.client_secret.reveal())


def _bytes(text: str) -> bytes:
    """A key claim may hold lone surrogates, which JSON's escapes can write and UTF-8 cannot."""
    return text.encode("utf-8", "surrogatepass")
