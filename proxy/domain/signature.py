"""Signature formats: find one in a reply by its shape, decode it without trusting it, verify its HMAC.

Nothing here validates: a library that rejects a token cannot say what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Final, cast

import msgspec

from .claims import Claims, JsonValue

MAX_LENGTH: Final = 8192
"""A longer string is no signature: real ones have 200 to 500 characters."""

MAX_HEADER_LENGTH: Final = 1024

MAX_STRINGS: Final = 10_000
"""How many strings of a JSON reply are looked at."""

MAX_BY_SHAPE: Final = 1000
"""How many shapes of a kind are looked at in a text: what holds more is an archive, not a reply."""


class Format(StrEnum):
    """What a token is, by its shape and claim names."""

    MEETING_SDK = "meeting_sdk"
    """Meeting SDK JWT with a meeting: what the Web SDK needs."""
    NATIVE = "native"
    """Meeting SDK JWT without meeting and role: what the native SDKs need."""
    LEGACY = "legacy"
    """base64 of key.meeting.milliseconds.role.hash: the JWT app type, shut down in 2023."""
    VIDEO_SDK = "video_sdk"
    REST_JWT = "rest_jwt"
    """The retired REST API token: iss and exp only."""
    OAUTH = "oauth"
    """An OAuth or ZAK token."""
    OTHER_JWT = "other_jwt"
    HMAC_ONLY = "hmac_only"
    """Only the last segment of a JWT, or a bare digest."""


HEXADECIMAL: Final = "a hexadecimal HMAC"
"""The one damage that no verifier can overlook: 64 hexadecimal digits decode to 48 bytes, HMAC-SHA256 has 32."""

JWT_FORMATS: Final = frozenset(
    {Format.MEETING_SDK, Format.NATIVE, Format.VIDEO_SDK, Format.REST_JWT, Format.OAUTH, Format.OTHER_JWT}
)


class Signature(msgspec.Struct, frozen=True, gc=False):
    """A decoded token. The parts that could be replayed never show in a repr.

    `segments` counts the dot-separated parts, but no empty last one; `damage` names what its encoding has that
    base64url must not have; `signed` is what the HMAC was made over.
    """

    format: Format
    claims: Claims
    alg: str | None = None
    segments: int = 3
    damage: tuple[str, ...] = ()
    signed: bytes = b""
    mac: bytes = b""

    def __repr__(self) -> str:
        return f"Signature({self.format}, {self.claims!r})"


# Every run is bounded and starts where the run of base64 starts, so that no text makes the search quadratic.
_JWT_IN_TEXT: Final = re.compile(
    r"(?<![\w+/-])ey[\w+/-]{8,512}={0,2}(?:\.[\w+/-]{1,4096}={0,2}){1,5}", re.ASCII
)
_LEGACY_IN_TEXT: Final = re.compile(r"(?<![\w+/.-])[\w+/-]{80,400}={0,2}(?![\w+/=.-])", re.ASCII)
_KEY_BEFORE: Final = re.compile(r"""(?<![\w$-])([\w$-]{1,64})["']?\s*[:=]\s*["']?$""")
_ONE_WORD: Final = re.compile(r"[\w.+/=-]*", re.ASCII)
_ESCAPED: Final = re.compile(r"\\(?:/|u00(?:2[bf]|3d))|%(?:2[bf]|3d)", re.IGNORECASE)
_PLAIN: Final = {"/": "/", "b": "+", "f": "/", "d": "="}
_LEGACY_PARTS: Final = re.compile(
    r"([^.]{0,128})\.([^.]{0,64})\.(-?\d{1,20})\.([^.]{0,16})\.([^.]{1,128})", re.ASCII
)
_BASE64_TEXT: Final = re.compile(r"[\w+/-]+={0,2}", re.ASCII)
_HEX_MAC: Final = re.compile(r"[0-9a-fA-F]{64}")
_BARE_MAC: Final = re.compile(r"[A-Za-z0-9_+/-]{43}=?|[0-9a-fA-F]{64}")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_decode_json: Final = msgspec.json.Decoder().decode

_VIDEO_CLAIMS: Final = frozenset({"app_key", "tpc", "role_type"})
_OAUTH_CLAIMS: Final = frozenset({"aud", "auid", "ver", "uid", "zid"})
_MEETING_CLAIMS: Final = frozenset({"mn", "role", "meetingNumber", "meeting_number"})
_SDK_CLAIMS: Final = frozenset({"appKey", "sdkKey", "tokenExp"})

_PREFERENCE: Final = {Format.MEETING_SDK: 0, Format.LEGACY: 1, Format.NATIVE: 2}
"""Which of several tokens in a reply is the signature; all others are taken only when their key says so."""


def find(body: bytes) -> Signature | None:
    """The signature in a reply's decoded body, wherever it stands; None where there is none.

    A Meeting SDK or legacy shape wins, under whatever key. Another token is taken only when nothing else is there
    and its key says that it was meant as a signature; then only its kind is kept.
    """
    best: Signature | None = None
    for key, text in _strings(body.decode("utf-8", "replace")):
        found = decode(text)
        if found is None and _meant_as_signature(key):
            found = _look_alike(text)
        if found is None:
            continue
        rank = _PREFERENCE.get(found.format)
        if rank is None:
            if best is None and _meant_as_signature(key):
                best = Signature(found.format, Claims({}), found.alg, found.segments)
        elif best is None or rank < _PREFERENCE.get(best.format, 9):
            best = found
            if rank == 0:
                break
    return best


def find_any(text: str) -> Signature | None:
    """The best token in a text that somebody gave on purpose, so of any kind, whole and under whatever key."""
    best: Signature | None = None
    for _key, candidate in islice(_strings(text), MAX_STRINGS):
        found = decode(candidate)
        if found is None:
            continue
        rank = _PREFERENCE.get(found.format, 9)
        if rank == 0:
            return found
        if best is None or rank < _PREFERENCE.get(best.format, 9):
            best = found
    return best or _look_alike(text.strip())


def decode(text: str) -> Signature | None:
    """A token of any known format, decoded leniently; None where the text has no token's shape."""
    if not 20 <= len(text) <= MAX_LENGTH:
        return None
    return _decode_jwt(text) if "." in text else _decode_legacy(text)


def verify(signature: Signature, secret: bytes) -> bool:
    """Whether the signature's HMAC-SHA256 was made with this secret (constant time)."""
    return hmac.compare_digest(hmac.digest(secret, signature.signed, "sha256"), signature.mac)


def _decode_jwt(text: str) -> Signature | None:
    compact = "".join(text.split())
    parts = compact.removesuffix(".").split(".")
    if len(parts) < 2 or len(parts[0]) > MAX_HEADER_LENGTH:
        return None
    is_header, alg = _header(parts[0])
    payload = _json_object(parts[1]) if is_header else None
    if payload is None:
        return None
    return Signature(
        format=_jwt_format(payload),
        claims=Claims.of(payload),
        alg=alg,
        segments=len(parts),
        damage=_damage(text, compact, parts),
        signed=f"{parts[0]}.{parts[1]}".encode("ascii", "replace"),
        mac=_mac(parts[2]) if len(parts) > 2 else b"",
    )


def _jwt_format(payload: dict[str, JsonValue]) -> Format:
    names = payload.keys()
    if names & _VIDEO_CLAIMS and not names & {"appKey", "sdkKey", "mn"}:
        return Format.VIDEO_SDK
    if names & _MEETING_CLAIMS and (names & _SDK_CLAIMS or {"mn", "role"} <= names or {"mn", "iat"} <= names):
        return Format.MEETING_SDK
    if names & _SDK_CLAIMS:
        return Format.NATIVE
    if names & _OAUTH_CLAIMS:
        return Format.OAUTH
    if "iss" in names and names <= {"iss", "exp", "iat"}:
        return Format.REST_JWT
    return Format.OTHER_JWT


def _damage(text: str, compact: str, parts: list[str]) -> tuple[str, ...]:
    damage = []
    if compact != text:
        damage.append("white space")
    if "=" in compact:
        damage.append("padding")
    if "+" in compact or "/" in compact:
        damage.append("standard base64")
    if len(parts) > 2 and _HEX_MAC.fullmatch(parts[2]):
        damage.append(HEXADECIMAL)
    return tuple(damage)


def _mac(segment: str) -> bytes:
    """Read also where it is hexadecimal, so that the encoding is not taken for a wrong secret."""
    return bytes.fromhex(segment) if _HEX_MAC.fullmatch(segment) else _base64(segment) or b""


def _decode_legacy(text: str) -> Signature | None:
    compact = "".join(text.split())
    if not _BASE64_TEXT.fullmatch(compact):
        return None
    decoded = _base64(compact)
    parts = _LEGACY_PARTS.fullmatch(decoded.decode("latin-1")) if decoded else None
    if parts is None:
        return None
    key, meeting, stamp, role, mac = parts.groups()
    message = f"{key}{meeting}{stamp}{role}".encode("latin-1")
    claims: dict[str, JsonValue] = {"apiKey": key, "mn": meeting, "ts": int(stamp)}
    if role:
        claims["role"] = int(role) if role.isdecimal() else role
    return Signature(
        format=Format.LEGACY,
        claims=Claims.of(claims),
        segments=1,
        signed=base64.b64encode(message),
        mac=_mac(mac),
    )


def _look_alike(text: str) -> Signature | None:
    return Signature(Format.HMAC_ONLY, Claims({}), segments=1) if _BARE_MAC.fullmatch(text.strip()) else None


def _meant_as_signature(key: str) -> bool:
    plain = key.lower().replace("_", "").replace("-", "")
    return "signature" in plain or plain in {
        "sig",
        "jwt",
        "jwttoken",
        "sdkjwt",
        "sdktoken",
        "zoomtoken",
        "meetingtoken",
    }


def _strings(text: str) -> Iterator[tuple[str, str]]:
    """Every string of a reply with the key that it stands under: of JSON at any depth, else by shape in the text."""
    stripped = text.strip().removeprefix("\ufeff")
    if stripped[:1] in ("{", "[", '"'):
        value = _json(stripped)
        yield from _strings_by_shape(text) if value is None else _json_strings(value)
    else:
        yield "", stripped
        yield from _strings_by_shape(text)


def _json_strings(value: JsonValue) -> Iterator[tuple[str, str]]:
    """Breadth first, without recursion; a string that holds JSON or other text with a token is opened once."""
    waiting: list[tuple[str, JsonValue, bool]] = [("", value, True)]
    for count, (key, node, may_open) in enumerate(waiting):
        if count >= MAX_STRINGS:
            return
        if isinstance(node, str):
            yield key, node
            if may_open and node[:1] in ("{", "[", '"'):
                waiting.append((key, _json(node), False))
            if "ey" in node and not _ONE_WORD.fullmatch(node):
                yield from ((inner or key, token) for inner, token in _strings_by_shape(node))
        elif isinstance(node, dict):
            waiting.extend(
                (name if _names_something(name) else key, item, may_open) for name, item in node.items()
            )
        elif isinstance(node, list):
            waiting.extend((key, item, may_open) for item in node)


def _names_something(name: str) -> bool:
    """`{"signature": {"value": …}}`: the outer name says what the inner one holds."""
    return name.lower() not in {"value", "token", "data"}


def _strings_by_shape(text: str) -> Iterator[tuple[str, str]]:
    """Tokens in a text of any kind, with + / and = as scripts and forms escape them."""
    plain = _ESCAPED.sub(lambda escape: _PLAIN[escape[0][-1].lower()], text)
    for pattern in (_JWT_IN_TEXT, _LEGACY_IN_TEXT):
        for match in islice(pattern.finditer(plain), MAX_BY_SHAPE):
            key = _KEY_BEFORE.search(plain, max(0, match.start() - 80), match.start())
            yield (key[1] if key else ""), match[0]


def _json_object(segment: str) -> dict[str, JsonValue] | None:
    decoded = _base64(segment)
    if not decoded or not decoded.lstrip().startswith(b"{"):
        return None
    value = _json(decoded)
    return value if isinstance(value, dict) else None


@lru_cache(maxsize=64)
def _header(segment: str) -> tuple[bool, str | None]:
    """Whether this is a JWT's header, and its algorithm; cached, for a signer's tokens all have the same one."""
    header = _json_object(segment)
    if header is None or ("alg" not in header and "typ" not in header):
        return False, None
    alg = header.get("alg")
    return True, alg if isinstance(alg, str) else None


def _json(text: str | bytes) -> JsonValue:
    """Parsed JSON, also what only a lenient reader takes (NaN, a line end in a string, not UTF-8); None where none."""
    try:
        return cast("JsonValue", _decode_json(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        lenient = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return cast("JsonValue", json.loads(lenient, strict=False))
    except (ValueError, RecursionError):
        return None


def _base64(text: str) -> bytes | None:
    """Both alphabets, with or without padding; None where it cannot be base64."""
    try:
        plain = text.encode("ascii").rstrip(b"=").translate(_URL_SAFE)
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        return None
