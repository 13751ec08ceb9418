"""Rules about the presence and the types of claims."""

from __future__ import annotations

from ..claims import JsonValue
from ..signature import Signature
from .base import ARTICLE, WEB, Circumstances, Hit, Rules, Severity

RULES = Rules()


@RULES.add(
    "claims/key_missing",
    Severity.REFUSED,
    "Neither appKey nor sdkKey holds a key; without one the Web SDK refuses to start the join.",
    source='@zoom/meetingsdk 6.2.0: "appKey can not empty in the signature"',
    cause="app_key_missing",
)
def _key_missing(signature: Signature, _at: Circumstances) -> Hit:
    keys = [signature.claims.raw[name] for name in ("appKey", "sdkKey") if name in signature.claims.raw]
    if any(isinstance(key, str) and key for key in keys):
        return None
    if not keys:
        return "Put the Client ID into the claim appKey."
    if any(key not in ("", None) for key in keys):
        return Severity.WARNING, "The key is no string; whether Zoom takes it is not known."
    return "The key is empty: the credentials are not loaded on the host that signs."


@RULES.add(
    "claims/app_key_missing",
    Severity.WARNING,
    "appKey is missing. The Web SDK requires it from 5.0.0; sdkKey alone was seen to be sent, acceptance is not known.",
    source="@zoom/meetingsdk 6.2.0 type definitions, join({signature})",
    cause="app_key_missing",
)
def _app_key_missing(signature: Signature, _at: Circumstances) -> Hit:
    raw = signature.claims.raw
    return (
        "Add appKey with the same value as sdkKey." if raw.get("sdkKey") and not raw.get("appKey") else None
    )


@RULES.add(
    "claims/iat_missing",
    Severity.REFUSED,
    "iat is missing, not positive or no number; Zoom requires the time of issue.",
    source=ARTICLE,
    cause="malformed_claims",
)
def _iat_missing(signature: Signature, _at: Circumstances) -> Hit:
    iat = signature.claims.iat
    if iat is not None and iat > 0:
        return None
    return "iat is missing or unreadable." if iat is None else f"iat is {iat:g}."


@RULES.add(
    "claims/exp_missing",
    Severity.REFUSED,
    "exp is missing or no number; Zoom requires a time of expiry.",
    source=ARTICLE,
    cause="malformed_claims",
)
def _exp_missing(signature: Signature, _at: Circumstances) -> Hit:
    return "exp is missing or unreadable." if signature.claims.exp is None else None


@RULES.add(
    "claims/mn_missing",
    Severity.REFUSED,
    "The meeting number (mn) is missing; the Web SDK requires it.",
    source="Zoom Meeting SDK documentation: payload of the web signature",
    cause="malformed_claims",
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
    cause="malformed_claims",
    formats=WEB,
)
def _role_missing(signature: Signature, _at: Circumstances) -> Hit:
    return None if "role" in signature.claims.raw else "Add the claim role."


@RULES.add(
    "claims/iat_type",
    Severity.WARNING,
    "iat is not an integer. Zoom asks for an integer, not a string; whether the Web SDK minds is not known.",
    source=ARTICLE,
    cause="malformed_claims",
)
def _iat_type(signature: Signature, _at: Circumstances) -> Hit:
    return _not_an_integer(signature, "iat")


@RULES.add(
    "claims/exp_type",
    Severity.WARNING,
    "exp or tokenExp is not an integer. Zoom asks for integers; whether the Web SDK minds is not known.",
    source=ARTICLE,
    cause="malformed_claims",
)
def _exp_type(signature: Signature, _at: Circumstances) -> Hit:
    return _not_an_integer(signature, "exp") or _not_an_integer(signature, "tokenExp")


@RULES.add(
    "claims/role_type",
    Severity.WARNING,
    "role is not the number 0 or 1; whether Zoom accepts anything else is not known.",
    source="zoom/meetingsdk-auth-endpoint-sample: validation of role",
    cause="malformed_claims",
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
    cause="malformed_claims",
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
    return "Remove spaces, dashes and letters from mn." if meeting else "mn is empty."


def _not_an_integer(signature: Signature, name: str) -> Hit:
    value = signature.claims.raw.get(name)
    return None if value is None or type(value) is int else f"{name} is {_json_type(value)}."


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
