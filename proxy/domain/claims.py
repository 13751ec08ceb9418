"""The claims of a signature: one value for every format, and its redacted form."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache, partial
from typing import Final, assert_never

import msgspec

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

LEGACY_LIFETIME_S: Final = 86400
"""A legacy signature is valid for 24 hours after its timestamp (Zoom devforum 47440)."""

KEY_CLAIMS: Final = ("appKey", "sdkKey", "apiKey", "app_key")
NUMBER_CLAIMS: Final = frozenset(
    {"role", "iat", "exp", "tokenExp", "ts", "video_webrtc_mode", "role_type", "version"}
)
TIME_CLAIMS: Final = frozenset({"iat", "exp", "tokenExp", "ts"})
KNOWN_CLAIMS: Final = frozenset({*KEY_CLAIMS, *NUMBER_CLAIMS, "mn"})

FLOAT32_STEP_S: Final = 128
"""The distance in seconds of two 32-bit floats between 2^30 and 2^31, where times are from 2004 to 2038 (IEEE 754)."""

MAX_SAFE: Final = 2**53

MAX_UNKNOWN_NAMES: Final = 10
MAX_NAME_LENGTH: Final = 32
MAX_CLEAR_LENGTH: Final = 64

_TELLING_LENGTH: Final = 8
"""A text this long that is a part of a secret is no coincidence."""


def number(value: JsonValue) -> float | None:
    """A claim as a finite number: numeric strings count, booleans do not; None where it is no number."""
    if type(value) is int and -MAX_SAFE < value < MAX_SAFE:
        return float(value)  # The usual case, without the questions below.
    if value is None or isinstance(value, bool | list | dict) or len(str(value)) > 32:
        return None
    try:
        result = float(value)
    except ValueError:
        return None
    return result if math.isfinite(result) else None


class Claims(msgspec.Struct, frozen=True, gc=False):
    """What a signature claims, exactly as it was decoded: nothing is corrected or validated away.

    `raw` keeps the names and JSON types of the format at hand; the other fields say the same for every format, each
    worked out once. Times are epoch seconds as claimed: an iat in milliseconds stays 1000 times too large.
    """

    raw: Mapping[str, JsonValue]
    key: str | None = None
    """The key that the signature names, whatever its format calls it; None where none is there or all are empty."""
    meeting: str | None = None
    """The meeting number as text, as it was claimed."""
    role: float | None = None
    """0 participant, 1 host; anything else as claimed."""
    iat: float | None = None
    """Issued at. A legacy signature's millisecond timestamp counts as one."""
    exp: float | None = None
    """Expires at; for a legacy signature 24 hours after its timestamp."""
    token_exp: float | None = None

    @classmethod
    def of(cls, raw: Mapping[str, JsonValue]) -> Claims:
        """The claims of a decoded payload."""
        meeting = raw.get("mn")
        iat, exp = number(raw.get("iat")), number(raw.get("exp"))
        if "ts" in raw:
            stamp = number(raw["ts"])
            iat = None if stamp is None else stamp / 1000
            exp = None if iat is None else iat + LEGACY_LIFETIME_S
        return cls(
            raw=raw,
            key=next((key for name in KEY_CLAIMS if isinstance(key := raw.get(name), str) and key), None),
            meeting=str(meeting)
            if isinstance(meeting, str | int) and not isinstance(meeting, bool)
            else None,
            role=number(raw.get("role")),
            iat=iat,
            exp=exp,
            token_exp=number(raw.get("tokenExp")),
        )

    def __repr__(self) -> str:
        return f"Claims({', '.join(map(repr, self.raw))})"


class Showing(StrEnum):
    """How much of a meeting number or key may be shown: the values of the [privacy] settings."""

    MASKED = "masked"
    CLEAR = "clear"
    OMITTED = "omitted"


class Redaction:
    """What of a signature's claims may leave the process.

    `secrets` are all configured secret values: a text that holds one of them, or is a part of one (key and secret
    swapped, or cut off), is shown as a short digest, however open the other settings are.
    """

    def __init__(
        self,
        *,
        meeting_number: Showing = Showing.MASKED,
        keys: Showing = Showing.MASKED,
        secrets: Iterable[str] = (),
    ) -> None:
        self._secrets = tuple(filter(None, secrets))
        self._shortest = min(map(len, self._secrets), default=MAX_SAFE)
        self._joined = "\n".join(self._secrets)
        # A signer's tokens all name the same key, and a webinar's the same meeting.
        self._key = lru_cache(maxsize=64)(partial(self._identifier, keys))
        self._meeting = lru_cache(maxsize=256)(partial(self._identifier, meeting_number))

    def claims(self, claims: Claims) -> dict[str, JsonValue]:
        """Known claims by value, redacted; unknown ones by name only, at most ten names of 32 characters."""
        shown: dict[str, JsonValue] = {}
        unknown: list[JsonValue] = []
        for name, value in claims.raw.items():
            if type(value) is int and name in TIME_CLAIMS and 0 <= value < MAX_SAFE:
                shown[name] = value  # The usual case, without the questions below.
            elif name in NUMBER_CLAIMS:
                shown[name] = _number(name, value)
            elif name not in KNOWN_CLAIMS:
                if len(unknown) < MAX_UNKNOWN_NAMES:
                    unknown.append(self._free_text(name))
            elif isinstance(value, bool) or not isinstance(value, str | int):
                shown[name] = _kind(value)
            else:
                text = self._meeting(str(value)) if name == "mn" else self._key(str(value))
                if text is not None:
                    shown[name] = text
        if unknown:
            shown["unknown"] = unknown
        return shown

    def _identifier(self, showing: Showing, text: str) -> str | None:
        """A meeting number or key as it may be shown; None where it is to be left out."""
        if self._tells_a_secret(text):
            return digest(text)
        match showing:
            case Showing.MASKED:
                return masked(_encodable(text))
            case Showing.CLEAR:
                return _encodable(text)[:MAX_CLEAR_LENGTH]
            case Showing.OMITTED:
                return None
            case _:
                assert_never(showing)

    def _free_text(self, name: str) -> str:
        return digest(name) if self._tells_a_secret(name) else _encodable(name)[:MAX_NAME_LENGTH]

    def _tells_a_secret(self, text: str) -> bool:
        if len(text) >= _TELLING_LENGTH and text in self._joined:
            return True
        return len(text) >= self._shortest and any(secret in text for secret in self._secrets)


def masked(text: str) -> str:
    """Enough of an identifier to recognise it beside others, not enough to use it."""
    return f"{text[:2]}***{text[-2:]}" if len(text) >= 8 else "***" if text else ""


def digest(text: str) -> str:
    """A short digest by which equal values can be recognised."""
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _encodable(text: str) -> str:
    """Without the lone surrogates that JSON's escapes can write and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _number(name: str, value: JsonValue) -> JsonValue:
    """A time, or one digit, as it is; anything else by its kind: it may be a passcode that went astray."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _kind(value)
    if number(value) is None:
        return "(out of range)"
    return value if name in TIME_CLAIMS or 0 <= value < 10 else _kind(value)


def _kind(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "(boolean)"
    if isinstance(value, str):
        return "(text)"
    if isinstance(value, dict):
        return "(object)"
    if isinstance(value, list):
        return "(array)"
    return "(null)" if value is None else "(number)"
