"""Feeds the windows from the live streams, looks at them, and raises and clears suspicions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from ..domain.causes import FLEET, Cause, Suspicion
from ..domain.diagnosis.fleet import fleet_causes, tolerance
from ..domain.diagnosis.join_causes import with_joins
from ..domain.diagnosis.sightings import JoinSeen, SignatureSeen
from ..domain.diagnosis.signature_causes import signature_causes
from ..domain.diagnosis.windows import JOINS_WINDOW_S, BackendWindow
from ..domain.ports import JoinRecord, Ledger, LedgerUnavailable, RaisedCause, Time
from ..telemetry.fail_open import FailOpen
from ..telemetry.logs import Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import Stage

LOOK_S: Final = 1.0
BUSY: Final = 20.0
"""A look is followed by a pause of so many times its own duration: at most a twentieth of the time is spent looking."""

SURE: Final = 0.9
LOOKS: Final = 3
"""What is less sure must be seen by so many looks in a row, each with news."""

CLEAR_S: Final = 180.0
"""Longer than the 128 s for which a rounded iat stands still."""

CLEAR_NEWS: Final = 16
"""Silence is no proof of health: so many signatures and joins must have come meanwhile."""

REFRESH_S: Final = 300.0
"""How often the ledger learns how the evidence of a raised cause has grown."""

READ_BACK: Final = 5000

_Key = tuple[str, Cause]


@dataclass(slots=True)
class _Held:
    """A raised cause. `absent_since`: when a look did not find it any more (mono), and the news by then."""

    raised: RaisedCause
    absent_since: float | None = None
    news_then: int = 0
    kept_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Row:
    """So many looks in a row have found a cause, the last one with so much news."""

    looks: int
    news: int


class Diagnosis:
    """The windows of all backends, and what is suspected of each.

    What is raised and cleared is kept in the ledger: a restart neither forgets nor raises again.
    """

    def __init__(
        self,
        backends: Iterable[str],
        *,
        ledger: Ledger,
        metrics: Metrics,
        logs: Logs,
        fail_open: FailOpen,
        time: Time,
    ) -> None:
        self._windows = {name: BackendWindow() for name in backends}
        self._ledger, self._metrics, self._logs, self._time = ledger, metrics, logs, time
        self._diagnosing = fail_open[Stage.DIAGNOSIS]
        self._writing = fail_open[Stage.LOG]
        self._found: dict[str, tuple[Suspicion, ...]] = dict.fromkeys(self._windows, ())
        self._news_looked_at = dict.fromkeys(self._windows, 0)
        self._held: dict[_Key, _Held] = {}
        self._in_a_row: dict[_Key, _Row] = {}
        self._to_keep: dict[tuple[str, Cause, float], RaisedCause] = {}
        self._read_back = False
        self._started_at = time.wall()
        self._task: asyncio.Task[None] | None = None

    def signature(self, backend: str, seen: SignatureSeen) -> None:
        """A signature has left."""
        self._windows[backend].signature(seen)

    def join(self, record: JoinRecord) -> None:
        """The ledger has a join result as new."""
        window = self._windows.get(record.issuance.signer)
        if window is not None and _is_evidence(record):
            window.join(JoinSeen.of(record))

    def clock_stepped(self) -> None:
        """This host's clock has stepped: leads from before were measured against another time."""
        for window in self._windows.values():
            window.forget_leads()

    def raised(self) -> Sequence[RaisedCause]:
        """What is suspected now, by backend in the order of the configuration, FLEET last; the surest first."""
        order = [*self._windows, FLEET]
        held = sorted(
            self._held.values(),
            key=lambda each: (order.index(each.raised.backend), -each.raised.suspicion.confidence),
        )
        return [each.raised for each in held]

    @property
    def tolerance(self) -> tuple[float, float] | None:
        """Between which seconds Zoom's tolerance for an early iat lies, by tokens refused and later taken."""
        found = tolerance(self._windows.values(), self._time.wall())
        return None if found is None else (found.lo, found.hi)

    async def start(self) -> None:
        """Begin to look."""
        self._publish()
        self._task = asyncio.create_task(self._run(), name="diagnosis")

    async def aclose(self) -> None:
        """Look no more; what was raised or cleared and is not in the ledger yet is tried once more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._keep()

    async def turn(self) -> None:
        """One look; before the first, what the ledger has of the time before. Whatever fails is counted."""
        with self._diagnosing:
            if not self._read_back:
                await self.recall()
            await self.look()

    async def look(self) -> None:
        """Judge every backend that has news, and raise and clear what follows."""
        for name, window in self._windows.items():
            if window.news != self._news_looked_at[name]:
                self._news_looked_at[name] = window.news
                self._found[name] = await self._judged(window)
        found = fleet_causes(self._found, self._windows, self._time.wall())
        self._raise_and_clear(found)
        self._publish()
        await self._keep()

    async def _judged(self, window: BackendWindow) -> tuple[Suspicion, ...]:
        """As causes.diagnose does it, with pauses: signatures come first."""
        await asyncio.sleep(0)
        found = signature_causes(window, self._time.wall())
        await asyncio.sleep(0)
        return tuple(with_joins(found, window, self._time.wall()))

    async def _run(self) -> None:
        while True:
            began = self._time.mono()
            await self.turn()
            await asyncio.sleep(max(LOOK_S, BUSY * (self._time.mono() - began)))

    def _raise_and_clear(self, found: dict[str, tuple[Suspicion, ...]]) -> None:
        now, mono = self._time.wall(), self._time.mono()
        present = {(name, each.cause): each for name, causes in found.items() for each in causes}
        self._in_a_row = {key: self._once_more(key) for key in present}
        for key, suspicion in present.items():
            held = self._held.get(key)
            if held is not None:
                self._renew(held, suspicion, mono)
            elif suspicion.confidence >= SURE or self._in_a_row[key].looks >= LOOKS:
                self._raise(key, suspicion, now, mono)
        for key, held in list(self._held.items()):
            if key not in present:
                self._perhaps_clear(key, held, now, mono)

    def _once_more(self, key: _Key) -> _Row:
        news = self._news(key[0])
        before = self._in_a_row.get(key, _Row(0, -1))
        return before if news == before.news else _Row(before.looks + 1, news)

    def _raise(self, key: _Key, suspicion: Suspicion, now: float, mono: float) -> None:
        raised = RaisedCause(key[0], suspicion, now)
        self._held[key] = _Held(raised, kept_at=mono)
        self._note(raised)
        with self._writing:
            self._logs.cause_suspected(raised)

    def _renew(self, held: _Held, suspicion: Suspicion, mono: float) -> None:
        held.absent_since = None
        held.raised = replace(held.raised, suspicion=suspicion)
        if mono - held.kept_at >= REFRESH_S:
            held.kept_at = mono
            self._note(held.raised)

    def _perhaps_clear(self, key: _Key, held: _Held, now: float, mono: float) -> None:
        news = self._news(key[0])
        if held.absent_since is None:
            held.absent_since, held.news_then = mono, news
        if mono - held.absent_since < CLEAR_S or news - held.news_then < CLEAR_NEWS:
            return
        del self._held[key]
        cleared = replace(held.raised, cleared_at=now)
        self._note(cleared)
        with self._writing:
            self._logs.cause_cleared(cleared, now - cleared.raised_at)

    def _news(self, backend: str) -> int:
        if backend == FLEET:
            return sum(window.news for window in self._windows.values())
        return self._windows[backend].news

    def _note(self, raised: RaisedCause) -> None:
        self._to_keep[raised.backend, raised.suspicion.cause, raised.raised_at] = raised

    async def _keep(self) -> None:
        if not self._to_keep:
            return
        batch = dict(self._to_keep)
        try:
            await self._ledger.keep_causes(list(batch.values()))
        except LedgerUnavailable:
            return  # Kept in mind for the next look.
        self._to_keep = {key: each for key, each in self._to_keep.items() if batch.get(key) is not each}

    async def recall(self) -> None:
        """What the ledger has of the time before a restart, as soon as it can be read."""
        now = self._time.wall()
        try:
            history = await self._ledger.history(now - JOINS_WINDOW_S, READ_BACK)
        except LedgerUnavailable:
            return
        self._read_back = True
        joins: dict[str, list[JoinSeen]] = {name: [] for name in self._windows}
        for record in history.joins:
            if (
                record.issuance.signer in joins
                and _is_evidence(record)
                and record.received_at < self._started_at
            ):
                joins[record.issuance.signer].append(JoinSeen.of(record))
        for name, window in self._windows.items():
            window.remember(joins[name])
        for raised in history.open_causes:
            key = (raised.backend, raised.suspicion.cause)
            if raised.backend not in (*self._windows, FLEET):
                self._note(replace(raised, cleared_at=now))  # No longer configured: nobody would clear it.
                continue
            newer = self._held.get(key)
            if newer is not None:  # Raised again before the ledger could be read: the same one.
                self._to_keep.pop((*key, newer.raised.raised_at), None)
                newer.raised = replace(newer.raised, raised_at=raised.raised_at)
            else:
                self._held[key] = _Held(raised, kept_at=self._time.mono())

    def _publish(self) -> None:
        for name in (*self._windows, FLEET):
            causes = [cause for backend, cause in self._held if backend == name]
            self._metrics.causes_suspected(name, causes)


def _is_evidence(record: JoinRecord) -> bool:
    return record.evidence and not record.late
