"""The Web SDK's error objects: what of them may be kept, which code they carry, and what they say of the signature."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from .zoom_codes import LOCAL

MAX_TEXT: Final = 200
"""Characters kept of one text."""

KEYS: Final = ("type", "method", "status", "errorCode", "result", "reason", "errorMessage", "name", "message")
"""What is copied of an error object; of anything else not even the name is kept."""


class Failure(Enum):
    """What a failed join says of its signature."""

    INVALID_SIGNATURE = auto()
    SIGNATURE_EXPIRED = auto()
    OTHER = auto()


_CODE: Final = re.compile(r"-?[0-9]{1,8}")
_WORD: Final = re.compile(r"[^\W_]+")
_INVALID_SIGNATURE: Final = ("invalid signature", "signature is invalid")
_SIGNATURE_EXPIRED: Final = ("the signature has expired",)


def code_of(error: object) -> str | None:
    """The code of a failed join's error object.

    "local" when there is an error but no errorCode: the SDK threw it before it asked Zoom. None when nothing was said
    at all, or when the errorCode is neither a whole number nor the text of one (of at most 8 digits).
    """
    if not isinstance(error, Mapping) or all(error.get(key) is None for key in KEYS):
        return None
    match error.get("errorCode"):
        case None:
            return LOCAL
        case bool():
            return None
        case int() | float() as number if abs(number) < 1e8 and number == int(number):
            return str(int(number))
        case str() as text if _CODE.fullmatch(text.strip()):
            return str(int(text))
        case _:
            return None


def failure_of(code: str | None, error: object) -> Failure:
    """What a failed join says of its signature, by its code and, for the codes 1 and 200, by the server's raw text.

    3712 never travels on the wire: the SDK makes it from errorCode 200 with exactly "Invalid signature.", and anything
    else becomes 1 (Client View, text in `result`) or 200 (Component View, text in `reason`). One character changed by
    Zoom would turn every 3712 into these. `errorMessage` is never read: Client View translates it. Observed with
    @zoom/meetingsdk 6.2.0 and @zoomus/websdk 2.8.0.
    """
    if code == "3712" or (code in ("1", "200") and _says(error, _INVALID_SIGNATURE)):
        return Failure.INVALID_SIGNATURE
    if code == "3705" or (code in ("1", "200") and _says(error, _SIGNATURE_EXPIRED)):
        return Failure.SIGNATURE_EXPIRED
    return Failure.OTHER


def clean(error: object) -> dict[str, str | int | bool | None]:
    """The error object as it may be stored and logged: known keys, scalars, texts scrubbed and cut. Never raises."""
    if not isinstance(error, Mapping):
        return {}
    return {key: _kept(error[key]) for key in KEYS if key in error and _is_scalar(error[key])}


def _says(error: object, phrases: tuple[str, ...]) -> bool:
    if not isinstance(error, Mapping):
        return False
    texts = (error.get("result"), error.get("reason"))
    return any(
        " ".join(_WORD.findall(text[:MAX_TEXT].casefold())) in phrases
        for text in texts
        if isinstance(text, str)
    )


def _is_scalar(value: object) -> bool:
    return (
        value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    )


def _kept(value: object) -> str | int | bool | None:
    match value:
        case bool():
            return value
        case int():
            return value if abs(value) < 10**8 else "[number]"
        case float() if math.isfinite(value):
            return _kept(int(value)) if value.is_integer() else f"{value:.6g}"
        case str():
            return scrub(value)[:MAX_TEXT]
        case _:
            return None


# Line breaks and tabs become spaces; what only steers a terminal or hides between letters goes.
_BREAK: Final = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]")
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_PAIR: Final = re.compile(
    r"""(?:z?tk|zsk|zak|pwd|pass(?:word|code|wd)|token|secret|signature|api_?key|(?:sdk|app)_?key)"""
    r"""(?:\\*["']\s*:|\s*=|%22%3A|%3D)\s*(?:"[^"]*"?|'[^']*'?|\S+)"""
    r"""|(?:pwd|pass(?:word|code|wd))(?:\s*:\s*\S+|\s+(?:is\s+)?(?:"[^"]*"?|'[^']*'?|\S*\d\S*))""",
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"\S+")
_URL: Final = re.compile(
    r"://|\bwww\.|\b(?:data|blob|javascript):\S|[\w-]\.[a-z]{2,}(?::\d+)?/\S|\?[\w.%-]+=", re.IGNORECASE
)
_EMAIL: Final = re.compile(r"[^\s@](?:@|%40)[^\s@]{1,100}\.[^\W\d_]", re.IGNORECASE)
_JWT: Final = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_.=+/%-]+")
_LONG: Final = re.compile(r"[A-Za-z0-9+/_=%-]{20,}")
_PART: Final = re.compile(r"[+/_=-]+")
_PLAIN: Final = re.compile(r"[0-9]{0,4}|[A-Z]{1,19}|[a-z]{1,19}|[A-Z]?[a-z]{2,19}(?:[A-Z][a-z]{2,19})*")
_DIGITS: Final = re.compile(r"\d(?:[\s._-]?\d){8,}")


def scrub(text: str) -> str:
    """A text of a stranger without what may be a token, an address or a meeting number; linear in its length.

    Replaced: `tk=`-like pairs, JWTs and unbroken runs of 20 and more that are not made of words by "[token]"; what
    looks like a URL or an e-mail address, with all that touches it, by "[url]" or "[email]"; nine and more digits by
    "[number]". Control characters go first, so that none can split what is looked for.
    """
    text = _CONTROL.sub("", _BREAK.sub(" ", text))
    text = _LONE_SURROGATE.sub("\ufffd", text)
    text = _PAIR.sub("[token]", text)
    text = _RUN.sub(_hide_address, text)
    text = _JWT.sub("[token]", text)
    text = _LONG.sub(_hide_token, text)
    return _DIGITS.sub("[number]", text)


def _hide_address(run: re.Match[str]) -> str:
    if _URL.search(run[0]):
        return "[url]"
    return "[email]" if _EMAIL.search(run[0]) else run[0]


def _hide_token(run: re.Match[str]) -> str:
    """SDK names such as REQUEST_WEB_JOIN_MEETING_ERROR and InvalidCharacterError are long too, but made of words."""
    return run[0] if all(_PLAIN.fullmatch(part) for part in _PART.split(run[0])) else "[token]"
