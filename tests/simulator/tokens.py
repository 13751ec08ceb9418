"""Signatures as endpoints write them, right and wrong, and float32 as hardware rounds it: an encoder of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Claims = dict[str, Any]
Segment = Callable[[bytes], str]

_INT_MAX: Final = 2**31 - 1


class Pair(NamedTuple):
    """A client id and its secret, as the host that signs has them in its memory."""

    key: str
    secret: bytes


def url(raw: bytes) -> str:
    """base64url without padding, as a JWT has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def padded(raw: bytes) -> str:
    """Java's getUrlEncoder() without withoutPadding()."""
    return base64.urlsafe_b64encode(raw).decode()


def standard(raw: bytes) -> str:
    """base64 with + and /."""
    return base64.b64encode(raw).rstrip(b"=").decode()


def encode64(raw: bytes) -> str:
    """Ruby's Base64.encode64 made URL-safe: a line end after every 60 characters."""
    text = url(raw)
    return "".join(f"{text[at : at + 60]}\n" for at in range(0, len(text), 60))


_HEADERS: Final = {
    alg: json.dumps({"alg": alg, "typ": "JWT"}, separators=(",", ":")) for alg in ("HS256", "HS512")
}
_PLAIN_HEADER: Final = url(_HEADERS["HS256"].encode())


def mac(text: str, secret: bytes, digest: str = "sha256") -> bytes:
    """HMAC over a text, as every JWT library makes it."""
    return hmac.digest(secret, text.encode(), digest)


def jwt(claims: Mapping[str, Any], secret: bytes) -> str:
    """A JWT as it should be."""
    head = f"{_PLAIN_HEADER}.{url(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{head}.{url(mac(head, secret))}"


def odd_jwt(
    segment: Segment = url, *, alg: str = "HS256", mac_segment: Segment | None = None
) -> Callable[[Mapping[str, Any], bytes], str]:
    """A way to write JWTs with another alphabet, algorithm or form of the HMAC. Line ends are not signed."""

    def write(claims: Mapping[str, Any], secret: bytes) -> str:
        parts = [segment(_HEADERS[alg].encode()), segment(json.dumps(claims, separators=(",", ":")).encode())]
        head = ".".join(parts)
        digest = mac("".join(head.split()), secret, f"sha{alg[2:]}")
        return f"{head}.{(mac_segment or segment)(digest)}"

    return write


def only_mac(claims: Mapping[str, Any], secret: bytes) -> str:
    """The last segment alone."""
    return jwt(claims, secret).rpartition(".")[2]


def no_mac(claims: Mapping[str, Any], secret: bytes) -> str:
    """Header and payload alone."""
    return jwt(claims, secret).rpartition(".")[0]


def legacy(claims: Mapping[str, Any], secret: bytes) -> str:
    """The signature of the JWT app type: base64 of key.meeting.milliseconds.role.hash."""
    key, meeting, role = claims["appKey"], claims["mn"], claims["role"]
    stamp = int(claims["iat"]) * 1000
    message = base64.b64encode(f"{key}{meeting}{stamp}{role}".encode()).decode()
    digest = base64.b64encode(hmac.new(secret, message.encode(), hashlib.sha256).digest()).decode()
    return base64.b64encode(f"{key}.{meeting}.{stamp}.{role}.{digest}".encode()).decode()


def float32(value: float) -> float:
    """The nearest number that a float of 32 bits can hold."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


def java_round(value: float) -> int:
    """Java's Math.round(float): the nearest int, which ends at 2147483647."""
    return max(-_INT_MAX - 1, min(_INT_MAX, int(float32(value) + 0.5)))
