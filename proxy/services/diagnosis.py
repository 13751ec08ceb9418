"""Feeds the windows from the live streams, looks at them, and tells what is raised and cleared."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from ..domain.causes import FLEET, Suspicion
from ..domain.diagnosis.fleet import fleet_causes, tolerance
from ..domain.diagnosis.join_causes import with_joins
from ..domain.diagnosis.joins import Joins
from ..domain.diagnosis.sightings import JoinSeen, SignatureSeen
from ..domain.diagnosis.signature_causes import signature_causes
from ..domain.diagnosis.windows import JOINS_WINDOW_S, BackendWindow
from ..domain.ports import History, JoinRecord, Ledger, LedgerUnavailable, RaisedCause, Time
from ..telemetry.fail_open import FailOpen
from ..telemetry.logs import Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import Stage
from .suspicions import Suspicions

LOOK_S: Final = 1.0
BUSY: Final = 20.0
"""A look is followed by a pause of so many times its own duration: at most a twentieth of the time is spent looking."""

RECALL_S: Final = 5.0
"""So long the first look waits for the ledger, so that what was before comes before what is new."""

RETRY_S: Final = 0.05

EARLY: Final = 20_000
READ_BACK: Final = 5000

_Early = tuple[BackendWindow, SignatureSeen | JoinSeen]


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
        self._together: dict[str, tuple[Suspicion, ...]] = {}
        self._joins: dict[str, Joins] = {}
        self._looked_at = dict.fromkeys(self._windows, -1)
        self._suspicions = Suspicions(self._windows)
        self._started_at = time.wall()
        self._recalled = False
        self._early: deque[_Early] | None = deque(maxlen=EARLY)
        """What comes before the time before a restart is known; None from then on."""
        self._task: asyncio.Task[None] | None = None
        self._syncing: asyncio.Task[None] | None = None

    def signature(self, backend: str, seen: SignatureSeen) -> None:
        """A signature has left."""
        window = self._windows[backend]
        if self._early is None:
            window.signature(seen)
        else:
            self._early.append((window, seen))

    def join(self, record: JoinRecord) -> None:
        """The ledger has a join result as new."""
        window = self._windows.get(record.issuance.signer)
        if window is None or not _is_evidence(record):
            return
        if self._early is None:
            window.join(JoinSeen.of(record))
        else:
            self._early.append((window, JoinSeen.of(record)))

    def clock_stepped(self) -> None:
        """This host's clock has stepped: leads from before were measured against another time."""
        for window in self._windows.values():
            window.forget_leads()

    def raised(self) -> Sequence[RaisedCause]:
        """What is suspected now, by backend in the order of the configuration, FLEET last; the surest first."""
        return self._suspicions.raised()

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
        for task in (self._task, self._syncing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        with self._diagnosing:
            await self.sync()

    async def look(self) -> None:
        """Judge every backend that has news, and raise and clear what follows."""
        self._take_early()
        news = {name: window.news for name, window in self._windows.items()}
        with_news = [name for name in self._windows if news[name] != self._looked_at[name]]
        for name in with_news:
            self._looked_at[name] = news[name]
            with self._diagnosing:  # One backend's oddity must not hide the others.
                await self._judge(name, self._windows[name])
        await asyncio.sleep(0)
        now = self._time.wall()
        if with_news:
            self._together = fleet_causes(self._found, self._windows, self._joins, now)
        news[FLEET] = sum(news.values())
        changes = self._suspicions.update(self._together, news, now, self._time.mono())
        self._publish()
        with self._writing:
            for raised in changes.raised:
                self._logs.cause_suspected(raised)
            for cleared in changes.cleared:
                self._logs.cause_cleared(cleared, now - cleared.raised_at)

    async def sync(self) -> None:
        """Read what the ledger has of the time before a restart, once; then let it know what has changed."""
        if not self._recalled:
            try:
                self._recall(await self._ledger.history(self._started_at - JOINS_WINDOW_S, READ_BACK))
            except LedgerUnavailable:
                return  # Nothing is kept before what is there is known.
        causes = self._suspicions.to_keep()
        if causes:
            with suppress(LedgerUnavailable):  # Kept in mind for the next time.
                await self._ledger.keep_causes(causes)
                self._suspicions.kept(causes)

    async def turn(self) -> float:
        """One look; whatever fails is counted. How many seconds it took."""
        began = self._time.mono()
        with self._diagnosing:
            await self.look()
        return self._time.mono() - began

    async def _run(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RECALL_S):
                while not self._recalled:
                    await self._sync()
                    await asyncio.sleep(RETRY_S)
        while True:
            spent_s = await self.turn()
            self._begin_sync()  # Beside the looks: a ledger that is slow does not make them blind.
            await asyncio.sleep(max(LOOK_S, BUSY * spent_s))

    def _begin_sync(self) -> None:
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync(), name="diagnosis' ledger")

    async def _sync(self) -> None:
        with self._diagnosing:
            await self.sync()

    async def _judge(self, name: str, window: BackendWindow) -> None:
        """As causes.diagnose does it, with pauses: signatures come first."""
        await asyncio.sleep(0)
        found = signature_causes(window, self._time.wall())
        await asyncio.sleep(0)
        joins = self._joins[name] = Joins(window, self._time.wall())
        await asyncio.sleep(0)
        self._found[name] = tuple(with_joins(found, joins))

    def _recall(self, history: History) -> None:
        """The windows as they were, as far as joins tell, and the causes that were raised.

        Where it comes too late, what has come since is not put behind it: then only the joins and the causes count.
        """
        self._recalled = True
        known: set[str] = set()
        for record in sorted(history.joins, key=lambda each: each.issuance.sent_at):
            window = self._windows.get(record.issuance.signer)
            if window is None or record.received_at >= self._started_at:
                continue
            if self._early is not None and record.issuance.receipt_id not in known:
                known.add(record.issuance.receipt_id)
                window.signature(SignatureSeen(record.issuance))
            if _is_evidence(record):
                window.join(JoinSeen.of(record))
        self._take_early()
        self._suspicions.recall(history.open_causes, self._time.wall(), self._time.mono())
        self._publish()
        with self._writing:
            for raised in history.open_causes:
                self._logs.notice("cause.recalled", backend=raised.backend, cause=raised.suspicion.cause)

    def _take_early(self) -> None:
        early, self._early = self._early, None
        for window, seen in early or ():
            if isinstance(seen, SignatureSeen):
                window.signature(seen)
            else:
                window.join(seen)

    def _publish(self) -> None:
        for name in (*self._windows, FLEET):
            self._metrics.causes_suspected(name, self._suspicions.causes_of(name))


def _is_evidence(record: JoinRecord) -> bool:
    return record.evidence and not record.late
