"""The ledger as the services know it: many appends wait, one thread commits them in groups and reopens what broke."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection

from ..domain.ports import (
    AppendedResult,
    History,
    JoinCounts,
    JoinRecord,
    LedgerState,
    LedgerUnavailable,
    RaisedCause,
    Tally,
    Time,
)
from ..telemetry.fail_open import FailOpen, place
from ..telemetry.logs import Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import Stage
from .errands import RETRY_REFUSED_S, Errands
from .errors import Batch, CommitUnknown, RecordError
from .reading import NEWEST, PAGE_ROWS, Page, Place, edges
from .store import Store

RETENTION_CHECK_S = 3600.0
DELETE_ROWS = 1000
"""Rows deleted between two commits: a few milliseconds of work."""

RETRY_S = 1

SETTLE_S = 20.0
"""So long a batch of which nobody knows whether it was committed is not given up: the ledger may come back and tell."""

_T = TypeVar("_T")
_Answer = AppendedResult | RecordError
_Waiting = tuple[JoinRecord, asyncio.Future[AppendedResult]]


class LedgerWriter:
    """Implements ports.Ledger on a store that may come and go; all its methods belong to one event loop.

    `store_factory` opens and migrates a store; it and all of the store's methods run in one thread of the writer's own.
    `retention_s` is the age at which rows are deleted, `backoff_s` the first and the longest pause between attempts to
    open the store.
    """

    def __init__(
        self,
        store_factory: Callable[[], Store],
        *,
        metrics: Metrics,
        logs: Logs,
        fail_open: FailOpen,
        time: Time,
        max_per_receipt: int,
        retention_s: float,
        max_waiting: int = 10_000,
        max_batch: int = 512,
        backoff_s: tuple[float, float] = (0.5, 15.0),
    ) -> None:
        self._factory, self._time = store_factory, time
        self._metrics, self._logs, self._fail_open = metrics, logs, fail_open
        self._max_per_receipt, self._retention_s = max_per_receipt, retention_s
        self._max_waiting, self._max_batch = max_waiting, max_batch
        self._first_delay, self._longest_delay = backoff_s
        self._delay = self._first_delay
        self._retry_at = self._forget_at = time.mono()
        self._store: Store | None = None
        self._reason = "it is being opened"
        self._waiting: deque[_Waiting] = deque()
        self._committing: list[_Waiting] = []
        self._unsettled: Batch | None = None  # the answers to the first of _committing, if it was committed
        self._settle_until = 0.0
        self._errands = Errands()
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def start(self) -> None:
        """Begin to open the store; never fails because of it."""
        self._show_writable(False)
        self._task = asyncio.create_task(self._run(), name="ledger")

    async def append(self, record: JoinRecord) -> AppendedResult:
        """Store durably; returns only after the commit. Raises LedgerUnavailable.

        Once accepted, the record is committed even if the caller is cancelled.
        """
        if self._closing.is_set() or self._store is None:
            raise self._refusal()
        if len(self._waiting) >= self._max_waiting:
            raise LedgerUnavailable(f"the ledger is busy: {len(self._waiting)} results wait", RETRY_S)
        future: asyncio.Future[AppendedResult] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, future))
        self._wake.set()
        return await future

    async def keep_causes(self, causes: Sequence[RaisedCause]) -> None:
        """Store durably what was raised, or bring its row up to date. Raises LedgerUnavailable.

        Once accepted, it is committed even if the caller is cancelled.
        """
        await self._open_errands().keep(lambda store: store.keep_causes(causes))

    async def history(self, since: float, limit: int) -> History:
        """The newest `limit` joins received from `since` on, and the open causes. Raises LedgerUnavailable."""
        joins: list[JoinRecord] = []
        last: Place | None = NEWEST
        for begin in range(0, limit, PAGE_ROWS):
            if last is not None:
                rows = min(PAGE_ROWS, limit - begin)
                page = await self._open_errands().read(_reading(since, last, rows))
                joins += page.joins
                last = page.last
        causes = await self._open_errands().read(lambda store: store.suspected_since(math.inf))
        return History(joins[::-1], causes)

    async def tally(self, since: float) -> Tally:
        """Joins received, and causes suspected, from `since` on, however many. Raises LedgerUnavailable."""
        causes = await self._open_errands().read(lambda store: store.suspected_since(since))
        spans: list[JoinCounts] = []
        begin = since
        for end in edges(since, causes):
            while begin < end:
                spans.append(await self._open_errands().read(_counting(begin, end)))
                begin = spans[-1].end
        return Tally(spans, causes)

    async def read(self, call: Callable[[Connection], _T]) -> _T:
        """One question of looking.py, which must be a bounded one: results wait meanwhile. Raises LedgerUnavailable."""
        return await self._open_errands().read(lambda store: store.read(call))

    def _open_errands(self) -> Errands:
        if self._closing.is_set() or self._store is None:
            raise self._refusal()
        self._wake.set()
        return self._errands

    def state(self) -> LedgerState:
        """Whether appends are taken now; if not, why."""
        waiting = len(self._waiting) + len(self._committing)
        if self._closing.is_set() or self._store is None:
            return LedgerState(writable=False, detail=self._why(), waiting=waiting)
        return LedgerState(writable=True, waiting=waiting)

    async def aclose(self) -> None:
        """Take no more, commit what was accepted, close the store. Raises nothing, however the writer ended."""
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.exception()  # Retrieved, or asyncio would complain; the shutdown must go on.
        self._worker.shutdown()

    async def _run(self) -> None:
        try:
            while not self._closing.is_set() or (
                self._store is not None and (self._waiting or self._errands)
            ):
                if self._store is None:
                    await self._open()
                else:
                    await self._serve(self._store)
        except Exception as error:  # noqa: BLE001 - a fault of the writer itself; signatures are served
            at = place(error.__traceback__)
            self._lost(f"its writer failed ({type(error).__name__} at {at}): restart joinwatch")
        finally:
            self._settle(committed=False)
            self._refuse_all()
            if self._store is not None:
                await self._close(self._store)

    async def _open(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._retry_at - self._time.mono())):
                await self._closing.wait()
                return
        try:
            store, committed = await self._in_worker(self._opened)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again, and signatures are served
            self._lost(_told(error))
            if self._retry_at >= self._settle_until:
                self._settle(committed=False)
            return
        self._settle(committed)
        self._store, self._reason = store, ""
        self._show_writable(True)
        with self._fail_open[Stage.LOG]:
            done = store.migration
            if done.before != done.after:
                self._logs.notice("ledger.migrated", before=done.before, after=done.after)
        with self._fail_open[Stage.LOG]:
            self._logs.notice("ledger.available")

    def _opened(self) -> tuple[Store, bool]:
        """The store, and whether it has what is unsettled."""
        store = self._factory()
        try:
            store.check_writable()
            committed = self._unsettled is not None and store.was_committed(self._unsettled)
        except BaseException:
            store.close()
            raise
        return store, committed

    def _settle(self, committed: bool) -> None:
        """Answer who waits to learn whether a commit was done before the connection broke."""
        if self._unsettled is not None:
            batch, self._unsettled = self._unsettled, None
            if committed:
                self._hand_out(batch.answers)
            self._refuse_all()

    async def _serve(self, store: Store) -> None:
        """One commit, one errand, and one batch of deletions, so that none starves another; or wait for any."""
        try:
            if self._waiting or self._errands:
                await self._commit(store)
                await self._errands.run_one(store, self._in_worker)
            elif self._time.mono() < self._forget_at:
                await self._idle(self._forget_at - self._time.mono())
                return
            if self._time.mono() >= self._forget_at and not self._closing.is_set():
                await self._forget(store)
        except Exception as error:  # noqa: BLE001 - every sender gets an answer, and the store is opened anew
            self._lost(_told(error))
            if isinstance(error, CommitUnknown):
                self._unsettled = error.batch
                self._settle_until = self._time.mono() + SETTLE_S
            self._refuse_all()
            await self._close(store)

    async def _commit(self, store: Store) -> None:
        if not self._waiting:
            return
        size = min(len(self._waiting), self._max_batch)
        self._committing = [self._waiting.popleft() for _ in range(size)]
        records = [record for record, _ in self._committing]
        answers: list[_Answer] = []
        began = self._time.mono()
        try:
            await self._in_worker(lambda: self._append(store, records, answers))
        finally:
            self._hand_out(list(answers))
        with self._fail_open[Stage.METRIC]:
            self._metrics.ledger_committed(self._time.mono() - began)
        self._delay = self._first_delay

    def _append(self, store: Store, records: Sequence[JoinRecord], answers: list[_Answer]) -> None:
        """Adds an answer per record as it is committed; a batch with a refused record is tried in halves."""
        try:
            answers.extend(store.append(records, self._max_per_receipt))
        except RecordError as error:
            if len(records) == 1:
                answers.append(error)
                return
            half = len(records) // 2
            self._append(store, records[:half], answers)
            self._append(store, records[half:], answers)

    def _hand_out(self, answers: Sequence[_Answer]) -> None:
        """Gives each caller its answer; who has none yet stays in `_committing`."""
        answered, self._committing = self._committing[: len(answers)], self._committing[len(answers) :]
        for (record, future), answer in zip(answered, answers, strict=True):
            if not isinstance(answer, RecordError):
                if not future.done():  # its caller may have been cancelled
                    future.set_result(answer)
                continue
            if not future.done():
                future.set_exception(LedgerUnavailable(str(answer), RETRY_REFUSED_S))
            with self._fail_open[Stage.LOG]:
                self._logs.trouble(
                    "ledger.refused", reason=str(answer), receipt_id=record.issuance.receipt_id
                )

    async def _forget(self, store: Store) -> None:
        cutoff = self._time.wall() - self._retention_s
        deleted = await self._in_worker(lambda: store.delete_older_than(cutoff, DELETE_ROWS))
        if deleted < DELETE_ROWS:
            await self._in_worker(lambda: store.delete_causes_cleared_before(cutoff, DELETE_ROWS))
            self._forget_at = self._time.mono() + RETENTION_CHECK_S

    async def _idle(self, seconds: float) -> None:
        """Until an append or the end comes, or the time is up."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _lost(self, reason: str) -> None:
        """The store failed: nothing is taken until it has been opened again."""
        before, self._reason = self._reason, reason
        wait_s, self._delay = self._delay, min(2 * self._delay, self._longest_delay)
        self._retry_at = self._time.mono() + wait_s
        self._show_writable(False)
        if before != reason:  # the same again, after each attempt, is not news
            with self._fail_open[Stage.LOG]:
                self._logs.trouble("ledger.unavailable", reason=reason)

    def _show_writable(self, ok: bool) -> None:
        with self._fail_open[Stage.METRIC]:
            self._metrics.ledger_writable(ok)

    def _refuse_all(self) -> None:
        undecided = len(self._unsettled.answers) if self._unsettled is not None else 0
        failed = [*self._committing[undecided:], *self._waiting]
        self._committing = self._committing[:undecided]
        self._waiting.clear()
        for _, future in failed:
            if not future.done():
                future.set_exception(self._refusal())
        self._errands.refuse_all(self._refusal)

    def _refusal(self) -> LedgerUnavailable:
        wait_s = math.ceil(self._retry_at - self._time.mono())
        return LedgerUnavailable(f"no results are taken now: {self._why()}", max(RETRY_S, wait_s))

    def _why(self) -> str:
        return self._reason or "joinwatch is ending"

    async def _close(self, store: Store) -> None:
        self._store = None
        with suppress(Exception):  # it is given up anyway, and every commit is on disk
            await self._in_worker(store.close)

    async def _in_worker(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call)


def _counting(begin: float, end: float) -> Callable[[Store], JoinCounts]:
    return lambda store: store.count_joins(begin, end)


def _reading(since: float, before: Place, limit: int) -> Callable[[Store], Page]:
    return lambda store: store.newest_joins(since, before, limit)


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
