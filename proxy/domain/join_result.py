"""An untrusted beacon -> a value, or a reject reason; the SDK's error objects -> outcome and code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class JoinResult:
    """One join result as the browser reported it, checked and scrubbed. Field meanings: CONTRACT, Join results."""

    result_id: str
    attempt: int
    outcome: Outcome
    code: str | None
    """The SDK's code as sent ("3712", "1", "-3000"); "local" for an error without one; None when nothing failed."""
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
