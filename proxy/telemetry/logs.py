"""Every log line of joinwatch: one JSON object a line, its fields named here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec
import structlog
from msgspec.structs import astuple

from ..domain.claims import JsonValue
from ..domain.join_result import Reject
from ..domain.ports import JoinRecord, Offset, RaisedCause, Time
from ..domain.rate_limit import RateLimit
from ..domain.receipt import Issuance
from .outcomes import SignatureOutcome

FAILURE_LINES: Final = RateLimit(60, 60)
"""What anybody can provoke is written no oftener than this for each kind; the metrics count all of it."""


class Level(StrEnum):
    """The values of [log] level."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Logs:
    """One method per event. `write` takes a finished line (see sink.LineSink)."""

    def __init__(self, write: Callable[[bytes], None], *, time: Time, level: Level = Level.INFO) -> None:
        self._time = time
        self._informs = level in (Level.DEBUG, Level.INFO)
        self._warns = level is not Level.ERROR
        # Bound once, not anew for every line, with the keys that every line starts with, in their order.
        self._log = structlog.wrap_logger(
            _Writer(write), processors=[self._stamp, _render], wrapper_class=structlog.BoundLoggerBase
        ).bind(timestamp="", level="", event="")

    # Signatures

    def signature_issued(
        self,
        issuance: Issuance,
        *,
        claims: Mapping[str, JsonValue],
        verdict: str,
        status: int,
        duration_s: float,
    ) -> None:
        """A signature has left. `claims` are redacted already."""
        if self._informs:
            line = _issued_line(*astuple(issuance), claims, verdict, status, round(duration_s, 6))
            self._log._proxy_to_logger("info", line=line)

    def signature_failed(
        self,
        *,
        route: str,
        backend: str,
        outcome: SignatureOutcome,
        status: int | None,
        detail: str,
        duration_s: float,
    ) -> None:
        """A request to a signature route ended without an observed signature."""
        self._warning(
            "signature.failed",
            route=route,
            backend=backend,
            outcome=outcome,
            status=status,
            detail=detail,
            duration_s=_rounded(duration_s),
        )

    def backend_retried(self, *, route: str, backend: str, second: str, detail: str) -> None:
        """The connection to a backend failed before an answer, and the request goes to `second`."""
        self._warning("backend.retried", route=route, backend=backend, second=second, detail=detail)

    # Join results

    def join_reported(self, record: JoinRecord) -> None:
        """The ledger has a new join result."""
        result = record.result
        self._info(
            "join.reported",
            **_issuance(record.issuance),
            outcome=result.outcome,
            code=result.code,
            error=result.error,
            token_age_s=_rounded(record.token_age_s),
            age_s=_rounded(None if result.age_ms is None else result.age_ms / 1000),
            join_s=_rounded(None if result.join_ms is None else result.join_ms / 1000),
            asked_zoom=result.asked,
            attempt=result.attempt,
            step=result.step,
            suspended=result.suspended,
            signature_intact=result.signature_intact,
            meeting_matches=result.meeting_matches,
            view=result.view,
            sdk_version=result.sdk_version,
            origin=record.origin,
            late=record.late,
            evidence=record.evidence,
        )

    def join_rejected(
        self, reason: Reject, message: str, *, origin: str | None, receipt_id: str | None
    ) -> None:
        """A delivery to /join-results was refused or deferred; `receipt_id` where its receipt opened."""
        self._warning("join.rejected", reason=reason, message=message, origin=origin, receipt=receipt_id)

    # Clocks

    def clock_measured(self, source: str, offset: Offset) -> None:
        """This host's clock was measured."""
        self._info(
            "clock.measured",
            source=source,
            clock_offset_s=_rounded(offset.offset_s),
            clock_bound_s=_rounded(offset.bound_s),
        )

    def clock_stepped(self, step_s: float) -> None:
        """This host's wall clock has stepped by so much."""
        self._warning("clock.stepped", step_s=_rounded(step_s))

    # Causes

    def cause_suspected(self, raised: RaisedCause) -> None:
        """A cause was raised at a backend, or at all of them."""
        suspicion = raised.suspicion
        self._warning(
            "cause.suspected",
            backend=raised.backend,
            cause=suspicion.cause,
            confidence=_rounded(suspicion.confidence),
            evidence=suspicion.evidence,
            advice=suspicion.advice,
            replicas=suspicion.replicas,
            predicted_failing_share=_rounded(suspicion.predicted_share),
            observed_failing_share=_rounded(suspicion.observed_share),
            heals_s=_rounded(suspicion.heals_s),
        )

    def cause_cleared(self, raised: RaisedCause, held_s: float) -> None:
        """A cause is not suspected any more, `held_s` after it was raised."""
        self._warning(  # As loud as its beginning: a log that shows the one must show the other.
            "cause.cleared",
            backend=raised.backend,
            cause=raised.suspicion.cause,
            replicas=raised.suspicion.replicas,
            held_s=_rounded(held_s),
        )

    # joinwatch itself

    def notice(self, event: str, **fields: object) -> None:
        """An operational line: something started, stopped, or came back."""
        self._info(event, **fields)

    def trouble(self, event: str, **fields: object) -> None:
        """An operational line that somebody should read."""
        self._warning(event, **fields)

    def access(self, *, listener: str, method: str, path: str, status: int, duration_s: float) -> None:
        """One request, where [log] access is on. `path` is the configured route, never what a client sent."""
        self._info(
            "access",
            listener=listener,
            method=method,
            path=path,
            status=status,
            duration_s=_rounded(duration_s),
        )

    def _info(self, event: str, **fields: object) -> None:
        if self._informs:
            self._log._proxy_to_logger("info", event, **fields)

    def _warning(self, event: str, **fields: object) -> None:
        if self._warns:
            self._log._proxy_to_logger("warning", event, **fields)

    def _stamp(
        self, _logger: object, level: str, fields: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        fields["timestamp"] = _stamp(self._time.wall())
        fields["level"] = level
        return fields


def _stamp(wall: float) -> str:
    second, thousandth = divmod(int(wall * 1000), 1000)
    return f"{_second(second)}.{thousandth:03}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class _Writer:
    """What structlog calls a logger: takes rendered lines, whatever their level."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.info = self.warning = write


class _SignatureIssued(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="signature.issued"):
    """The line that every signature writes, as a record of its own: a third of the cost of a dictionary.

    The first fields are those of Issuance in their order, under the names that lines have for them.
    """

    receipt: str
    sent_at: float
    route: str
    asked_backend: str
    backend: str
    replica: str | None
    format: str
    iat: float | None
    exp: float | None
    iat_offset_s: float | None
    iat_offset_bound_s: float | None
    clock_offset_s: float | None
    clock_bound_s: float | None
    backend_clock_offset_s: float | None
    backend_clock_bound_s: float | None
    findings: tuple[str, ...]
    role: int | None
    claims: Mapping[str, JsonValue]
    verdict: str
    status: int
    duration_s: float


_issued_line: Final[Callable[..., _SignatureIssued]] = _SignatureIssued
_ISSUANCE_NAMES: Final = _SignatureIssued.__struct_fields__[: len(Issuance.__struct_fields__)]


def _render(_logger: object, _level: str, fields: structlog.typing.EventDict) -> bytes:
    line = fields.get("line")
    if line is None:
        return _encode(fields)
    head = f'{{"timestamp":"{fields["timestamp"]}","level":"{fields["level"]}",'
    return head.encode() + _encode(line)[1:]


def _issuance(issuance: Issuance) -> dict[str, object]:
    return dict(zip(_ISSUANCE_NAMES, astuple(issuance), strict=True))


def _rounded(value: float | None) -> float | None:
    """Microseconds are more than any clock here knows, and millionths more than any share is worth."""
    return None if value is None else round(value, 6)
