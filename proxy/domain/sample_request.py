"""What the official sample endpoint accepts and how it complains, with the three deviations of the native issuer.

The request, the validation, the reasons and their order are those of zoom/meetingsdk-auth-endpoint-sample 3.12.0, so
that clients written for it need not change. Deviations, each where the sample is harmful: a body that is not a JSON
object is refused (the sample signs a token without a meeting), a meeting number is digits only, and the host role is
refused unless it is allowed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from .claims import JsonValue

MIN_SECONDS: Final = 1800
MAX_SECONDS: Final = 172800
HOST: Final = 1

_INTEGER: Final = re.compile(r"\s*([+-]?[0-9]{1,15})")
_MEETING: Final = re.compile(r"\d{1,20}", re.ASCII)
_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of the sample's `errors`."""

    property: str
    reason: str


class SampleRequest(msgspec.Struct, frozen=True, gc=False):
    """A valid request. `meeting` and `role` are both None for a token of the native SDKs."""

    meeting: str | int | None
    role: int | None
    expiration_s: int | None = None
    video_webrtc_mode: int | None = None


class _Usual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What nearly every page sends: read and checked in one go. Anything else takes the way with the reasons."""

    meetingNumber: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,20}\Z")]  # noqa: N815  # the sample's name
    role: Literal[0, 1]


_decode_usual: Final = msgspec.json.Decoder(_Usual).decode


class SampleRefused(Exception):
    """The request is not served; `status` and `problems` are the reply."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.property}: {problem.reason}" for problem in problems))
        self.status = status
        self.problems = problems


def parse(body: bytes, content_type: str | None, *, allow_host_role: bool) -> SampleRequest:
    """Read and validate a request. Raises SampleRefused with the status and every problem."""
    if content_type == "application/json":
        try:
            usual = _decode_usual(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        else:
            return SampleRequest(usual.meetingNumber, _allowed(usual.role, allow_host_role))
    fields = _object(body, content_type)
    for name in ("role", "expirationSeconds", "videoWebRtcMode"):
        value = fields.get(name)
        if isinstance(value, str):
            fields[name] = _parse_int(value)
    problems = [
        problem
        for problem in (
            _both_or_neither(fields),
            _meeting_digits(fields),
            _one_of("role", fields, (0, 1)),
            _between("expirationSeconds", fields, MIN_SECONDS, MAX_SECONDS),
            _one_of("videoWebRtcMode", fields, (0, 1)),
        )
        if problem is not None
    ]
    if problems:
        raise SampleRefused(400, *problems)
    role = _allowed(_int(fields.get("role")), allow_host_role)
    meeting = fields.get("meetingNumber")
    return SampleRequest(
        meeting=meeting if isinstance(meeting, str | int) else None,
        role=role,
        expiration_s=_int(fields.get("expirationSeconds")),
        video_webrtc_mode=_int(fields.get("videoWebRtcMode")),
    )


def _allowed(role: int | None, allow_host_role: bool) -> int | None:
    if role == HOST and not allow_host_role:
        reason = "The host role is not issued here: set allow_host_role to issue it"
        raise SampleRefused(403, Problem("role", reason))
    return role


def _object(body: bytes, content_type: str | None) -> dict[str, JsonValue]:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        reason = "The body must be JSON and be sent with Content-Type: application/json"
        raise SampleRefused(415, Problem("$schema", reason))
    try:
        value = _decode(body)
    except (ValueError, RecursionError):
        raise SampleRefused(400, Problem("$schema", "The body is not valid JSON")) from None
    if not isinstance(value, dict):
        raise SampleRefused(400, Problem("$schema", "The body must be a JSON object"))
    return value


def _both_or_neither(fields: dict[str, JsonValue]) -> Problem | None:
    if ("meetingNumber" in fields) == ("role" in fields):
        return None
    names = "meetingNumber, role"
    return Problem(
        "$schema", f"If one of the following properties is present, all or none must be present: {names}"
    )


def _meeting_digits(fields: dict[str, JsonValue]) -> Problem | None:
    if "meetingNumber" not in fields:
        return None
    value = fields["meetingNumber"]
    if isinstance(value, str | int) and not isinstance(value, bool) and _MEETING.fullmatch(str(value)):
        return None
    return Problem("meetingNumber", "Value must be 1 to 20 digits, without spaces or dashes")


def _one_of(name: str, fields: dict[str, JsonValue], allowed: tuple[int, ...]) -> Problem | None:
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, int | float) or not _is_number(value):
        return _not_a_number(name, value)
    if value in allowed:
        return None
    got = int(value) if value == int(value) else value
    return Problem(name, f"Value is not valid. Got {got}, expected {','.join(map(str, allowed))}")


def _between(name: str, fields: dict[str, JsonValue], least: int, most: int) -> Problem | None:
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, int | float) or not _is_number(value):
        return _not_a_number(name, value)
    return None if least <= value <= most else Problem(name, f"Value must in between {least} and {most}")


def _is_number(value: JsonValue) -> bool:
    """Also an integer too large for a float, for which math.isfinite raises."""
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _not_a_number(name: str, value: JsonValue) -> Problem:
    match value:
        case None:
            shown = "null"
        case bool():
            shown = str(value).lower()
        case dict():
            shown = "[object Object]"
        case _:
            shown = "NaN"
    return Problem(name, f"Value {shown} not allowed, must be of type number")


def _parse_int(text: str) -> int | float:
    """JavaScript's parseInt: the leading integer, else NaN."""
    match = _INTEGER.match(text)
    return int(match[1]) if match else float("nan")


def _int(value: JsonValue) -> int | None:
    return int(value) if isinstance(value, int | float) else None
