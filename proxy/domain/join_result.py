"""An untrusted beacon -> a value, or a reject reason; the SDK's error objects -> outcome and code."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn, TypeGuard

from .sdk_error import Failure, clean, code_of, failure_of, scrub

MAX_AGE_MS: Final = 16 * 86_400_000.0
"""Longer than a receipt lives by default: a duration beyond it is a broken clock or a mistaken unit."""

MAX_ATTEMPT: Final = 1_000_000
MAX_STEP: Final = 64
MAX_DROPPED: Final = 1_000_000
MAX_NESTING: Final = 16

ACCEPTED_STEP: Final = 8
"""The join-speed level "join RWG success": whoever got there had a signature that Zoom accepted."""


class Outcome(StrEnum):
    """How a join ended: the label `outcome` of joinwatch_joins_total."""

    JOINED = "joined"
    INVALID_SIGNATURE = "invalid_signature"
    SIGNATURE_EXPIRED = "signature_expired"
    OTHER_FAILURE = "other_failure"
    NO_RESULT = "no_result"


class View(StrEnum):
    """Which of the Web SDK's views the page used."""

    CLIENT = "client"
    COMPONENT = "component"
    OTHER = "other"


class Reject(StrEnum):
    """Why a join result was not taken: at once the metric's label `reason`, the log field and the reply's code."""

    CONTENT_TYPE = "content_type"
    CONTENT_ENCODING = "content_encoding"
    TOO_LARGE = "too_large"
    INCOMPLETE = "incomplete"
    RATE_LIMITED = "rate_limited"
    NOT_UTF8 = "not_utf8"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    NO_RECEIPT = "no_receipt"
    BAD_RECEIPT = "bad_receipt"
    EXPIRED_RECEIPT = "expired_receipt"
    INVALID_FIELD = "invalid_field"
    IMPOSSIBLE_AGE = "impossible_age"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    INTERNAL = "internal"

    @property
    def status(self) -> int:
        """The reply's HTTP status."""
        return _STATUS.get(self, 400)

    @property
    def final(self) -> bool:
        """Whether the same body can never be taken; otherwise the reply carries Retry-After."""
        return self.status not in (429, 503)


_STATUS: Final = {
    Reject.BAD_RECEIPT: 403,
    Reject.EXPIRED_RECEIPT: 403,
    Reject.TOO_LARGE: 413,
    Reject.INCOMPLETE: 503,
    Reject.TOO_MANY_ATTEMPTS: 429,
    Reject.RATE_LIMITED: 429,
    Reject.LEDGER_UNAVAILABLE: 503,
    Reject.INTERNAL: 503,
}


class Rejected(Exception):
    """A join result was not taken; the message is for the sender and repeats none of the text that it sent."""

    def __init__(self, reason: Reject, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Envelope:
    """A body of which only the receipt has been read: the fields are worth reading once the receipt opens."""

    receipt: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class JoinResult:
    """One join result as the browser reported it, checked and scrubbed. The README says what each field means."""

    result_id: str
    """32 lower-case hexadecimal digits, however the sender spelled its 128 bits."""
    attempt: int
    outcome: Outcome
    code: str | None
    """The SDK's code as sent ("3712", "1", "-3000"); "local" for an error without one; None when nothing failed,
    or when there is no error or its code cannot be read."""
    error: dict[str, str | int | bool | None]
    """The SDK's error object: known fields only, shortened, token-, URL- and e-mail-shaped text replaced."""
    age_ms: float | None
    asked: str
    age_clock: str
    join_ms: float | None
    step: int | None
    suspended: bool
    signature_intact: bool | None
    meeting_matches: bool | None
    view: View
    sdk_version: str | None
    dropped: int


def read_envelope(body: bytes) -> Envelope:
    """The body as received, after inflation -> its receipt and the rest, unread.

    Raises Rejected: not_utf8, invalid_json, not_an_object, no_receipt. The reader takes lone surrogates in escapes:
    a script that cuts a text at 200 UTF-16 units may halve an emoji, and that must not cost a result.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(
            Reject.NOT_UTF8, f"the body is not UTF-8 at byte {error.start}: send JSON in UTF-8"
        ) from None
    try:
        fields = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        message = f"the body is not JSON at character {error.pos}: {error.msg}"
        raise Rejected(Reject.INVALID_JSON, message) from None
    except ValueError:
        message = "the body holds a number that JSON does not have: send finite numbers of at most 15 digits, or null"
        raise Rejected(Reject.INVALID_JSON, message) from None
    except RecursionError:
        raise _nested_too_deeply() from None
    if not isinstance(fields, dict):
        raise Rejected(Reject.NOT_AN_OBJECT, f"the body is {_shown(fields)}, must be a JSON object")
    if _is_deeper(fields, MAX_NESTING):
        raise _nested_too_deeply()
    receipt = fields.get("receipt")
    if not isinstance(receipt, str) or not receipt:
        message = (
            f'"receipt" is {_shown(receipt)}, must be the value of the Join-Receipt header of the signature'
        )
        raise Rejected(Reject.NO_RECEIPT, message)
    return Envelope(receipt, fields)


def parse(envelope: Envelope) -> JoinResult:
    """The fields of a body whose receipt opened -> a checked value. Raises Rejected(invalid_field) only.

    `id` and `outcome` are required. Missing or null: attempt 1, error {}, age_ms, join_ms, step, signature_intact,
    meeting_matches and sdk_version None, asked "assumed", age_clock "monotonic", suspended False, view other,
    dropped 0. A view that is not known is other, an sdk_version that does not look like one is None, an odd error
    object costs only its odd parts, and fields that are not known are ignored: a newer script or SDK is not refused.
    """
    fields = envelope.fields
    step = _integer(fields, "step", 0, MAX_STEP)
    error = fields.get("error")
    outcome, code = _judged(_choice(fields, "outcome", ("joined", "failed", "no_result")), error, step)
    return JoinResult(
        result_id=_result_id(fields.get("id")),
        attempt=_integer(fields, "attempt", 1, MAX_ATTEMPT) or 1,
        outcome=outcome,
        code=code,
        error=clean(error),
        age_ms=_milliseconds(fields, "age_ms"),
        asked=_choice(fields, "asked", ("seen", "assumed"), default="assumed"),
        age_clock=_choice(fields, "age_clock", ("monotonic", "wall"), default="monotonic"),
        join_ms=_milliseconds(fields, "join_ms"),
        step=step,
        suspended=_flag(fields, "suspended") or False,
        signature_intact=_flag(fields, "signature_intact"),
        meeting_matches=_flag(fields, "meeting_matches"),
        view=_view(fields.get("view")),
        sdk_version=_version(fields.get("sdk_version")),
        dropped=_integer(fields, "dropped", 0, MAX_DROPPED) or 0,
    )


def sdk_major(version: str | None) -> str:
    """A version as the SDK tells it -> a value of the label `sdk`: "1" to "6", or "other"."""
    major = (version or "").partition(".")[0]
    return major if major in ("1", "2", "3", "4", "5", "6") else "other"


def _judged(reported: str, error: object, step: int | None) -> tuple[Outcome, str | None]:
    if reported == "joined":
        return Outcome.JOINED, None
    if reported == "no_result":
        return Outcome.NO_RESULT, None
    code = code_of(error)
    if step is not None and step >= ACCEPTED_STEP:
        return Outcome.OTHER_FAILURE, code
    match failure_of(code, error):
        case Failure.INVALID_SIGNATURE:
            return Outcome.INVALID_SIGNATURE, code
        case Failure.SIGNATURE_EXPIRED:
            return Outcome.SIGNATURE_EXPIRED, code
        case Failure.OTHER:
            return Outcome.OTHER_FAILURE, code


_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_VERSION: Final = re.compile(r"[0-9A-Za-z+-]{1,32}(?:\.[0-9A-Za-z+-]{1,32}){0,5}")


def _result_id(value: object) -> str:
    """One spelling for the same 128 bits, so that a redelivery in another spelling is the same result."""
    if isinstance(value, str):
        if _HEX.fullmatch(value) or _UUID.fullmatch(value):
            return value.replace("-", "").lower()
        if _BASE64URL.fullmatch(value):
            return base64.urlsafe_b64decode(value + "==").hex()
    allowed = "128 random bits as 32 hexadecimal digits, a UUID, or 22 characters of URL-safe base64"
    raise _invalid_field("id", value, allowed)


def _choice(
    fields: Mapping[str, object], name: str, allowed: tuple[str, ...], default: str | None = None
) -> str:
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, str) and value in allowed:
        return value
    raise _invalid_field(name, value, "one of " + ", ".join(f'"{one}"' for one in allowed))


def _integer(fields: Mapping[str, object], name: str, low: int, high: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if _is_number(value, low, high) and value == int(value):
        return int(value)
    raise _invalid_field(name, value, f"a whole number from {low} to {high}")


def _milliseconds(fields: Mapping[str, object], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if _is_number(value, 0, MAX_AGE_MS):
        return float(value)
    raise _invalid_field(name, value, f"milliseconds from 0 to {MAX_AGE_MS:.0f} (16 days), or null")


def _is_number(value: object, low: float, high: float) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _flag(fields: Mapping[str, object], name: str) -> bool | None:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise _invalid_field(name, value, "true, false or null")


def _view(value: object) -> View:
    return View(value) if value in ("client", "component") else View.OTHER


def _version(value: object) -> str | None:
    """None, too, for what might be something else than a version: a meeting number, a key."""
    if isinstance(value, str) and len(value) <= 32 and _VERSION.fullmatch(value) and scrub(value) == value:
        return value
    return None


def _invalid_field(name: str, value: object, allowed: str) -> Rejected:
    return Rejected(Reject.INVALID_FIELD, f'"{name}" is {_shown(value)}, must be {allowed}')


def _shown(value: object) -> str:
    """A value in a message: of texts the length only, of numbers three digits, since either may be a secret."""
    match value:
        case None:
            return "missing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{float(value):.3g}" if abs(value) < 1e15 else "a number that is too large"
        case str():
            return f"a text of {len(value)} characters"
        case list():
            return "a list"
        case _:
            return "an object"


def _refuse_constant(_name: str) -> NoReturn:
    """NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError


def _nested_too_deeply() -> Rejected:
    return Rejected(Reject.INVALID_JSON, f"the body is nested more than {MAX_NESTING} levels deep")


def _is_deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inner(outer) if isinstance(inner, (dict, list))]
    return bool(level)


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
