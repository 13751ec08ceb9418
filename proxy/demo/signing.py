"""What endpoints' code makes of a request and of its host's clock: tokens, right and wrong."""

from __future__ import annotations

import base64
import hmac
import json
import random
import struct
from typing import Final, NamedTuple

CLIENT_ID: Final = "demo_client_id_not_real"
CLIENT_SECRET: Final = "demo-client-secret-not-real-0123456789"  # noqa: S105  # of no app
OTHER_SECRET: Final = "demo-other-secret-not-real-0123456789"  # noqa: S105  # likewise

LIFETIME_S: Final = 7200
MARGIN_S: Final = 30
_INT_MAX: Final = 2**31 - 1


class Asked(NamedTuple):
    """What a page asks for."""

    meeting: str
    role: int


def java_round(seconds: int) -> int:
    """Java's Math.round of a long: the long becomes a float of 24 significant bits, the result an int.

    Whole floats of this size are their own rounding, so what is left is the nearest float (ties to even), cut off at
    the largest int.
    """
    (nearest,) = struct.unpack("<f", struct.pack("<f", seconds))
    return max(-_INT_MAX - 1, min(_INT_MAX, int(nearest)))


def jwt(asked: Asked, iat: int, *, lifetime: int = LIFETIME_S, secret: str = CLIENT_SECRET) -> str:
    """A Meeting SDK JWT with the claims of the official sample."""
    exp = iat + lifetime
    claims = {
        "appKey": CLIENT_ID,
        "sdkKey": CLIENT_ID,
        "mn": asked.meeting,
        "role": asked.role,
        "iat": iat,
        "exp": exp,
        "tokenExp": exp,
    }
    head = ".".join(_url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{head}.{_url(_mac(head, secret))}"


def legacy(asked: Asked, ms: int) -> str:
    """The signature of the JWT app type: base64 of key.meeting.milliseconds.role.hash."""
    stamp = ms - 30_000
    message = base64.b64encode(f"{CLIENT_ID}{asked.meeting}{stamp}{asked.role}".encode()).decode()
    digest = base64.b64encode(_mac(message, CLIENT_SECRET)).decode()
    parts = f"{CLIENT_ID}.{asked.meeting}.{stamp}.{asked.role}.{digest}"
    return base64.b64encode(parts.encode()).decode().rstrip("=")


class Servlet:
    """A servlet whose fields all requests share: now and then a request meets the fields of the one before.

    How often, and in which way, is drawn: real threads would not do it twice alike. Another's meeting is what a pause
    between reading the parameters and writing the payload brings, and here it is the longest; a wrong HMAC or a
    payload twice is what one between writing and signing does.
    """

    SHARE: Final = 0.25

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._before: tuple[Asked, str] | None = None

    def sign(self, asked: Asked, iat: int) -> str:
        """Sign what the fields hold."""
        token = jwt(asked, iat)
        before, self._before = self._before, (asked, token)
        met = self._rng.random() < self.SHARE
        way = self._rng.random()
        if before is None or not met or before[0].meeting == asked.meeting:
            return token
        if way < 0.6:
            return jwt(before[0], iat)
        head, _, mac = token.rpartition(".")
        return f"{head}.{before[1].rpartition('.')[2]}" if way < 0.8 else f"{head}.{head}.{mac}"


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _mac(text: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), text.encode(), "sha256")
