"""Ledger and diagnosis -> what /api/summary, the status page and `report` show."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from ..domain.diagnosis.base import FLEET
from ..domain.diagnosis.exact import wilson
from ..domain.join_result import Outcome
from ..domain.ports import Ledger, LedgerUnavailable, Offset, RaisedCause, Tally, Time
from .summary_shape import BackendSummary, CauseSummary, ClockSummary, LedgerSummary, Rate, Summary

LEDGER_S: Final = 20.0
"""A question about a very long time is given up after so many seconds."""

MAX_PERIOD_S: Final = 366 * 86400.0

SIGNATURE_FAILED: Final = (Outcome.INVALID_SIGNATURE, Outcome.SIGNATURE_EXPIRED)

_Z95: Final = 1.959963984540054
_PERIOD: Final = re.compile(r"([0-9]{1,8})([smhd])")
_UNIT_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Suspected(Protocol):
    """What is suspected now."""

    @property
    def tolerance(self) -> tuple[float, float] | None:
        """Between which seconds Zoom's tolerance for an early iat lies, as far as joins have shown it."""

    def raised(self) -> Sequence[RaisedCause]:
        """The causes that are raised and not cleared, of all backends and of FLEET."""


class HostClock(Protocol):
    """What is known of this host's own clock."""

    def best(self) -> Offset | None:
        """This host's offset against its best reference; None where nothing was measured."""


class ReplicaClocks(Protocol):
    """What is known of the clocks of each backend's replicas."""

    def replicas(self, backend: str, now: float) -> Mapping[str, Offset | None]:
        """By the replica's name, against this host's clock."""


class Verdicts(Protocol):
    """What has been counted since the start of the process."""

    def verdicts(self) -> Mapping[str, Mapping[str, int]]:
        """For each backend how many signatures of each verdict were sent out."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a summary is made of. `tally` is None while the ledger cannot be read, and `detail` says why."""

    now: float
    since: float
    tally: Tally | None
    suspected: Sequence[RaisedCause]
    detail: str = ""
    backends: Sequence[str] = ()
    clock: Offset | None = None
    tolerance: tuple[float, float] | None = None
    replicas: Mapping[str, Mapping[str, Offset | None]] = field(default_factory=dict)
    verdicts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class SummaryService:
    """Makes summaries of what this process knows and what its ledger holds."""

    def __init__(
        self,
        *,
        backends: Sequence[str],
        ledger: Ledger,
        suspected: Suspected,
        host_clock: HostClock,
        replica_clocks: ReplicaClocks,
        verdicts: Verdicts,
        time: Time,
    ) -> None:
        self._backends = backends
        self._ledger = ledger
        self._suspected = suspected
        self._host_clock = host_clock
        self._replica_clocks = replica_clocks
        self._verdicts = verdicts
        self._time = time

    async def summary(self, period_s: float) -> Summary:
        """What there is to tell of the last `period_s` seconds. Raises nothing because of the ledger."""
        now = self._time.wall()
        tally, detail = await self._tally(now - period_s)
        return summarise(
            Known(
                now=now,
                since=now - period_s,
                tally=tally,
                detail=detail,
                suspected=self._suspected.raised(),
                backends=self._backends,
                clock=self._host_clock.best(),
                tolerance=self._suspected.tolerance,
                replicas={name: self._replica_clocks.replicas(name, now) for name in self._backends},
                verdicts=self._verdicts.verdicts(),
            )
        )

    async def _tally(self, since: float) -> tuple[Tally | None, str]:
        try:
            async with asyncio.timeout(LEDGER_S):
                return await self._ledger.tally(since), ""
        except LedgerUnavailable as error:
            return None, str(error)
        except TimeoutError:
            return None, f"counting took longer than {LEDGER_S:.0f} s: ask for a shorter time"


def parse_period(text: str) -> float:
    """Read "90s", "15m", "1h" or "7d" into seconds. Raises ValueError, which says how to write it."""
    found = _PERIOD.fullmatch(text)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0.0
    if not 1.0 <= seconds <= MAX_PERIOD_S:
        raise ValueError(
            "is not a time from 1s to 366d: write a whole number and one of s, m, h, d, as in 90s or 7d"
        )
    return seconds


def summarise(known: Known) -> Summary:
    """The summary: the configured backends, others that the ledger or the causes name, and FLEET for all together."""
    counted = _Counted.of(known.tally)
    cleared = [each for each in known.tally.causes if each.cleared_at is not None] if known.tally else []
    named = (
        {each.backend for each in (*known.suspected, *cleared)} | counted.joins.keys() | counted.late.keys()
    )
    names = [*known.backends, *sorted(named - {*known.backends, FLEET}), FLEET]
    return Summary(
        generated_at=_at(known.now),
        since=_at(known.since),
        ledger=LedgerSummary(known.tally is not None, known.detail),
        host_clock=_clock(known.clock),
        zoom_tolerance_s=known.tolerance
        if known.tolerance and all(map(math.isfinite, known.tolerance))
        else None,
        backends={name: _backend(name, known, counted, cleared) for name in names},
    )


def rate(refused: int, judged: int) -> Rate | None:
    """A share and its 95 % interval by Wilson's score (E. B. Wilson, 1927), which holds for few and for rare ones."""
    if not judged:
        return None
    low, high = wilson(refused, judged, _Z95)
    return Rate(refused / judged, low, high, refused, judged)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The joins of the whole time, by signer and for FLEET."""

    joins: Mapping[str, Counter[Outcome]]
    late: Mapping[str, int]

    @classmethod
    def of(cls, tally: Tally | None) -> _Counted:
        joins: dict[str, Counter[Outcome]] = {FLEET: Counter()}
        late: Counter[str] = Counter()
        for span in tally.spans if tally else ():
            for (signer, outcome), count in span.joins.items():
                joins.setdefault(signer, Counter())[outcome] += count
                joins[FLEET][outcome] += count
            for signer, count in span.late.items():
                late[signer] += count
                late[FLEET] += count
        return cls(joins, late)


def _backend(name: str, known: Known, counted: _Counted, cleared: Iterable[RaisedCause]) -> BackendSummary:
    tally = known.tally
    joins = counted.joins.get(name, Counter())
    judged = joins.total() - joins[Outcome.NO_RESULT]
    verdicts = known.verdicts.get(name)
    past = tuple(_cause(each, tally) for each in cleared if each.backend == name)
    return BackendSummary(
        joins={outcome.value: joins[outcome] for outcome in Outcome} if tally else None,
        late=counted.late.get(name, 0) if tally else None,
        rate_3712=rate(joins[Outcome.INVALID_SIGNATURE], judged) if tally else None,
        signatures_since_start=None if verdicts is None else dict(verdicts),
        replicas={replica: _clock(clock) for replica, clock in known.replicas.get(name, {}).items()},
        causes=tuple(_cause(each, tally) for each in known.suspected if each.backend == name),
        cleared_causes=past if tally else None,
    )


def _cause(raised: RaisedCause, tally: Tally | None) -> CauseSummary:
    suspicion = raised.suspicion
    return CauseSummary(
        cause=suspicion.cause.value,
        since=_at(raised.raised_at),
        confidence=round(suspicion.confidence, 6),
        evidence=suspicion.evidence,
        predicted_failing_share=suspicion.predicted_share,
        observed_failing_share=suspicion.observed_share,
        advice=suspicion.advice,
        replicas=suspicion.replicas,
        heals_s=suspicion.heals_s,
        failed_joins=None if tally is None else _failed(raised, tally),
        until=None if raised.cleared_at is None else _at(raised.cleared_at),
    )


def _failed(raised: RaisedCause, tally: Tally) -> int:
    """Joins that failed on their signature while the cause was raised."""
    end = math.inf if raised.cleared_at is None else raised.cleared_at
    return sum(
        count
        for span in tally.spans
        if raised.raised_at <= span.begin and span.end <= end
        for (signer, outcome), count in span.joins.items()
        if outcome in SIGNATURE_FAILED and raised.backend in (signer, FLEET)
    )


def _clock(offset: Offset | None) -> ClockSummary | None:
    if offset is None:
        return None
    return ClockSummary(round(offset.offset_s, 6), round(offset.bound_s, 6), _at(offset.measured_at))


def _at(wall: float) -> datetime:
    return datetime.fromtimestamp(wall, UTC)
