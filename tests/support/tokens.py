"""Tokens of every format, and damaged ones, written without the product's own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.support.secrets import CLIENT_SECRET, KEY

NOW: Final = 1_795_280_241
"""When these tokens are issued: seconds since the epoch."""

MEETING: Final = "98765432101"
HEADER: Final = {"alg": "HS256", "typ": "JWT"}

Payload = Mapping[str, Any] | bytes
"""Claims, or the JSON itself where it is to have what json.dumps does not write."""


def web(**changes: Any) -> dict[str, Any]:
    """The claims of a sound Meeting SDK signature for the Web SDK, in the official sample's order."""
    times = {"iat": NOW - 60, "exp": NOW - 60 + 7200, "tokenExp": NOW - 60 + 7200}
    return {"appKey": KEY, "sdkKey": KEY, "mn": MEETING, "role": 0, **times} | changes


def native(**changes: Any) -> dict[str, Any]:
    """The claims of a sound signature for the native SDKs."""
    return without(web(), "sdkKey", "mn", "role") | changes


def video(**changes: Any) -> dict[str, Any]:
    """The claims of a Video SDK token."""
    product = {"app_key": KEY, "tpc": "a session", "role_type": 0, "version": 1}
    return {**product, "iat": NOW - 60, "exp": NOW + 7140} | changes


def rest() -> dict[str, Any]:
    """The claims of a token of the retired REST API."""
    return {"iss": "test_api_key_not_real", "exp": NOW + 7200}


def oauth() -> dict[str, Any]:
    """The claims of an OAuth access token."""
    whose = {"aud": "https://oauth.example", "auid": "0" * 32, "ver": 9, "uid": "not-a-real-user"}
    return {**whose, "iat": NOW, "exp": NOW + 3600}


def session() -> dict[str, Any]:
    """The claims of a page's own session token."""
    return {"sub": "user-17", "name": "Test Person", "iat": NOW, "exp": NOW + 900}


def without(claims: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The claims but for these."""
    return {name: value for name, value in claims.items() if name not in names}


def unpadded(raw: bytes) -> str:
    """base64url as a JWT has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def padded(raw: bytes) -> str:
    """base64url with padding, as Java's getUrlEncoder() writes it."""
    return base64.urlsafe_b64encode(raw).decode()


def standard(raw: bytes) -> str:
    """base64 with + and /, without padding."""
    return base64.b64encode(raw).rstrip(b"=").decode()


def ruby(raw: bytes) -> str:
    """base64 with a line end after every 60 characters, as Ruby's encode64 writes it."""
    text = unpadded(raw)
    return "".join(f"{text[start : start + 60]}\n" for start in range(0, len(text), 60))


def signed(
    payload: Payload,
    *,
    secret: bytes = CLIENT_SECRET.encode(),
    header: Payload = HEADER,
    encode: Callable[[bytes], str] = unpadded,
    encode_mac: Callable[[bytes], str] | None = None,
) -> str:
    """A JWT with this payload. The HMAC is made over the segments as `encode` wrote them, without line ends."""
    parts = [encode(_json(header)), encode(_json(payload))]
    mac = _hmac("".join(".".join(parts).split()), secret)
    return ".".join([*parts, (encode_mac or encode)(mac)])


def with_symbols(**changes: Any) -> str:
    """A sound token in which the standard alphabet shows: it has a + and a / in it."""
    claims = (web(jti=number, **changes) for number in range(1000))
    return next(token for each in claims if {"+", "/"} <= set(token := signed(each, encode=standard)))


def hexadecimal(payload: Payload) -> str:
    """A token whose HMAC is hexadecimal, as CryptoJS writes it by default."""
    return signed(payload, encode_mac=bytes.hex)


def shared_fields(payload: Payload) -> str:
    """Two requests wrote into one StringBuilder: header.payload.header.payload.hmac."""
    token = signed(payload)
    return f"{token.rpartition('.')[0]}.{token}"


def hmac_only(payload: Payload) -> str:
    """Only the last segment of a token."""
    return signed(payload).rpartition(".")[2]


def legacy(
    *,
    meeting: str = MEETING,
    stamp: int = (NOW - 30) * 1000,
    role: str = "0",
    key: str = KEY,
    secret: bytes = CLIENT_SECRET.encode(),
    encode: Callable[[bytes], str] = lambda raw: base64.b64encode(raw).decode(),
) -> str:
    """A signature of the JWT app type (Web SDK up to 2.6). PHP's samples wrote it url-safe and without padding."""
    message = base64.b64encode(f"{key}{meeting}{stamp}{role}".encode()).decode()
    mac = base64.b64encode(_hmac(message, secret)).decode()
    return encode(f"{key}.{meeting}.{stamp}.{role}.{mac}".encode())


def legacy_with_symbols() -> str:
    """A legacy signature in standard base64 that has a + and a / in it."""
    tokens = (
        legacy(meeting="~~~>>>???" + MEETING, stamp=NOW * 1000 + k, key=f"?>~{k % 3}") for k in range(9999)
    )
    return next(token for token in tokens if {"+", "/"} <= set(token))


def _hmac(text: str, secret: bytes) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


def _json(value: Payload) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
