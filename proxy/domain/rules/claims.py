"""Rules about the presence and the types of claims."""

from __future__ import annotations

import re
from typing import Final

from ..claims import JsonValue
from ..diagnosis.base import Cause
from ..signature import Signature
from .base import ARTICLE, WEB, Circumstances, Hit, Rules, Severity
from .time import MAX_INT32

PLACEHOLDERS: Final = frozenset({"undefined", "null", "none", "nil", "nan", "[object object]"})
"""What the missing value of a variable becomes as text, in lower case."""

CUT_MEETING: Final = str(MAX_INT32 - 1)
_LONGEST_WORD: Final = max(map(len, PLACEHOLDERS))
_PLAIN_KEY: Final = re.compile(r"[\w.-]+", re.ASCII)
_AROUND_KEYS: Final = frozenset("\"'`<>{}$\ufeff")

RULES = Rules()


@RULES.add(
    "claims/key_missing",
    Severity.REFUSED,
    "Neither appKey nor sdkKey holds a key; without one the Web SDK refuses to start the join.",
    source='@zoom/meetingsdk 6.2.0: "appKey can not empty in the signature"',
    cause=Cause.APP_KEY_MISSING,
)
def _key_missing(signature: Signature, _at: Circumstances) -> Hit:
    if signature.claims.raw.get("appKey") == signature.claims.key is not None:
        return None  # The usual case.
    raw = signature.claims.raw
    keys = _keys(signature)
    if any(isinstance(key, str) and key for key in keys):
        return None
    if not keys:
        other = next((name for name in ("app_key", "apiKey", "appkey", "sdk_key") if raw.get(name)), None)
        return (
            f"It stands under {other}; rename the claim to appKey."
            if other
            else "Put the Client ID into appKey."
        )
    if any(key not in ("", None) for key in keys):
        return Severity.WARNING, "The key is no string; whether Zoom takes it is not known."
    return None


@RULES.add(
    "claims/key_empty",
    Severity.REFUSED,
    "The key is empty: the credentials are not loaded on the host that signs.",
    source='@zoom/meetingsdk 6.2.0: "appKey can not empty in the signature"; Zoom Web SDK error codes: 3704',
    cause=Cause.EMPTY_CREDENTIALS,
)
def _key_empty(signature: Signature, _at: Circumstances) -> Hit:
    key = signature.claims.key
    if key is not None and len(key) > _LONGEST_WORD and signature.claims.raw.get("appKey") == key:
        return None  # The usual case.
    keys = _keys(signature)
    if not keys or not all(key in ("", None) or _is_placeholder(key) for key in keys):
        return None
    word = next((key for key in keys if key), None)
    return f"The key is the word {word}." if word else "appKey and sdkKey hold nothing."


@RULES.add(
    "claims/key_damaged",
    Severity.WARNING,
    "The key has white space, quotation marks or brackets in it, as no Client ID has; it is not known to be refused.",
    source='Zoom Web SDK error codes: 3704, "The api key is wrong."',
    cause=Cause.UNKNOWN_KEY,
)
def _key_damaged(signature: Signature, _at: Circumstances) -> Hit:
    key = signature.claims.key
    if key is None or _PLAIN_KEY.fullmatch(key) or _is_placeholder(key):
        return None
    if any(c.isspace() for c in key):
        return "It has white space in it, perhaps the line end of a file."
    return (
        None
        if _AROUND_KEYS.isdisjoint(key)
        else "It has quotation marks, brackets or a byte order mark in it."
    )


@RULES.add(
    "claims/keys_differ",
    Severity.WARNING,
    "appKey and sdkKey name different keys; which of them Zoom takes is not known.",
    source="zoom/meetingsdk-auth-endpoint-sample: both hold the same key",
    cause=Cause.MALFORMED_CLAIMS,
)
def _keys_differ(signature: Signature, _at: Circumstances) -> Hit:
    raw = signature.claims.raw
    app_key, sdk_key = raw.get("appKey"), raw.get("sdkKey")
    if not app_key or not sdk_key or app_key == sdk_key:
        return None
    return "Put the Client ID into both, or leave sdkKey out."


@RULES.add(
    "claims/app_key_missing",
    Severity.WARNING,
    "appKey is missing. The Web SDK requires it from 5.0.0; sdkKey alone was seen to be sent, acceptance is not known.",
    source="@zoom/meetingsdk 6.2.0 type definitions, join({signature})",
    cause=Cause.APP_KEY_MISSING,
)
def _app_key_missing(signature: Signature, _at: Circumstances) -> Hit:
    raw = signature.claims.raw
    return (
        "Add appKey with the same value as sdkKey." if raw.get("sdkKey") and not raw.get("appKey") else None
    )


@RULES.add(
    "claims/iat_missing",
    Severity.REFUSED,
    "iat is missing, zero or no number; Zoom requires the time of issue.",
    source=ARTICLE,
    cause=Cause.MALFORMED_CLAIMS,
)
def _iat_missing(signature: Signature, _at: Circumstances) -> Hit:
    iat = signature.claims.iat
    if iat is None:
        return "iat is missing or unreadable."
    # Other negative values are those of time/overflow.
    return f"iat is {iat:g}." if iat == 0 or iat < -MAX_INT32 else None


@RULES.add(
    "claims/exp_missing",
    Severity.REFUSED,
    "exp is missing or no number; Zoom requires a time of expiry.",
    source=ARTICLE,
    cause=Cause.MALFORMED_CLAIMS,
)
def _exp_missing(signature: Signature, _at: Circumstances) -> Hit:
    return "exp is missing or unreadable." if signature.claims.exp is None else None


@RULES.add(
    "claims/mn_missing",
    Severity.REFUSED,
    "The meeting number (mn) is missing; the Web SDK requires it.",
    source="Zoom Meeting SDK documentation: payload of the web signature",
    cause=Cause.MALFORMED_CLAIMS,
    formats=WEB,
)
def _mn_missing(signature: Signature, _at: Circumstances) -> Hit:
    raw = signature.claims.raw
    if "mn" in raw:
        return None
    other = next((name for name in ("meetingNumber", "meeting_number") if name in raw), None)
    return f"It stands under {other}; rename the claim to mn." if other else "Add the claim mn."


@RULES.add(
    "claims/role_missing",
    Severity.REFUSED,
    "The role is missing; the Web SDK requires 0 (participant) or 1 (host).",
    source="Zoom Meeting SDK documentation: payload of the web signature",
    cause=Cause.MALFORMED_CLAIMS,
    formats=WEB,
)
def _role_missing(signature: Signature, _at: Circumstances) -> Hit:
    return None if "role" in signature.claims.raw else "Add the claim role."


@RULES.add(
    "claims/iat_type",
    Severity.WARNING,
    "iat is not an integer. Zoom asks for an integer, not a string; whether the Web SDK minds is not known.",
    source=ARTICLE,
    cause=Cause.MALFORMED_CLAIMS,
)
def _iat_type(signature: Signature, _at: Circumstances) -> Hit:
    return _not_an_integer(signature, "iat")


@RULES.add(
    "claims/exp_type",
    Severity.WARNING,
    "exp or tokenExp is not an integer. Zoom asks for integers; whether the Web SDK minds is not known.",
    source=ARTICLE,
    cause=Cause.MALFORMED_CLAIMS,
)
def _exp_type(signature: Signature, _at: Circumstances) -> Hit:
    return _not_an_integer(signature, "exp") or _not_an_integer(signature, "tokenExp")


@RULES.add(
    "claims/role_type",
    Severity.WARNING,
    "role is not the number 0 or 1; whether Zoom accepts anything else is not known.",
    source="zoom/meetingsdk-auth-endpoint-sample: validation of role",
    cause=Cause.MALFORMED_CLAIMS,
    formats=WEB,
)
def _role_type(signature: Signature, _at: Circumstances) -> Hit:
    raw = signature.claims.raw
    if "role" not in raw or (type(raw["role"]) is int and raw["role"] in (0, 1)):
        return None
    return f"role is {_json_type(raw['role'])}."


@RULES.add(
    "claims/mn_type",
    Severity.WARNING,
    "The meeting number is not made of digits only, which is Zoom's rule.",
    source="zoom/skills: signature playbook",
    cause=Cause.MALFORMED_CLAIMS,
    formats=WEB,
)
def _mn_type(signature: Signature, _at: Circumstances) -> Hit:
    raw = signature.claims.raw
    if "mn" not in raw:
        return None
    meeting = signature.claims.meeting
    if meeting is not None and meeting.isascii() and meeting.isdecimal():
        return None
    if meeting is None:
        return f"mn is {_json_type(raw['mn'])}."
    if meeting.startswith("-") and meeting[1:].isdecimal():
        return "mn is negative: it was cut to 32 bits."
    if _is_placeholder(meeting):
        return "mn is the word that a missing value becomes: the request's meeting number was not found."
    return "Remove spaces, dashes and letters from mn." if meeting else "mn is empty."


@RULES.add(
    "claims/mn_cut",
    Severity.WARNING,
    "The meeting number is 2147483647, the largest of 32 bits: a longer one was probably cut.",
    source="PHP manual, Integers: 32-bit builds cut (int)'98765432101'; Zoom's meeting numbers have up to 11 digits",
    cause=Cause.MALFORMED_CLAIMS,
    formats=WEB,
)
def _mn_cut(signature: Signature, at: Circumstances) -> Hit:
    meeting = signature.claims.meeting
    if meeting != CUT_MEETING or at.meeting == CUT_MEETING:
        return None
    return "Keep the meeting number a string from the request to the signature."


def _keys(signature: Signature) -> list[JsonValue]:
    raw = signature.claims.raw
    return [raw[name] for name in ("appKey", "sdkKey") if name in raw]


def _is_placeholder(value: JsonValue) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_WORD and value.lower() in PLACEHOLDERS


def _not_an_integer(signature: Signature, name: str) -> Hit:
    value = signature.claims.raw.get(name)
    if value is None or type(value) is int:
        return None
    if isinstance(value, float) and value.is_integer():
        return f"{name} is a whole number written with a fraction or an exponent, as a float is."
    if isinstance(value, float):
        return (
            f"{name} is {_json_type(value)}, as Date.now() / 1000, time.time() and microtime(true) have it."
        )
    return f"{name} is {_json_type(value)}."


def _json_type(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "another number"
    if isinstance(value, float):
        return "a number with a fraction part"
    if isinstance(value, str):
        return "a string"
    return "null" if value is None else "an object or array"
