"""The journey of a join result: open the receipt, parse, attribute, append once, count on the ledger's verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final, TypeVar

from ..domain.attribution import attribute
from ..domain.join_result import JoinResult, Reject, Rejected, parse, read_envelope
from ..domain.ports import Appended, AppendedResult, JoinRecord, LedgerUnavailable, Results, Time
from ..domain.rate_limit import Buckets
from ..domain.receipt import Issuance, ReceiptRefused, Receipts, Refusal
from ..telemetry.fail_open import FailOpen
from ..telemetry.logs import FAILURE_LINES, Logs
from ..telemetry.metrics import Metrics
from ..telemetry.outcomes import Accepted, Received, Stage
from .diagnosis import Diagnosis
from .evidence import EvidenceQuota

COMMIT_S: Final = 8.0
"""A browser waits this long for its 204; what takes longer is still stored, and known when it comes again."""

RETRY_AFTER_S: Final = 10

USED_UP_S: Final = 3600
"""A receipt that has as many results as it may have will not take more: there is no use in asking soon."""


_T = TypeVar("_T")


class Deferred(Rejected):
    """Not taken now; the sender may come again after `retry_after_s`."""

    def __init__(self, reason: Reject, message: str, retry_after_s: int) -> None:
        super().__init__(reason, message)
        self.retry_after_s = retry_after_s


class IntakeService:
    """Takes join results; each delivery ends in exactly one outcome of joinwatch_join_results_received_total."""

    def __init__(
        self,
        *,
        receipts: Receipts,
        ledger: Results,
        evidence: EvidenceQuota,
        diagnosis: Diagnosis,
        metrics: Metrics,
        logs: Logs,
        fail_open: FailOpen,
        time: Time,
    ) -> None:
        self._receipts = receipts
        self._ledger = ledger
        self._evidence = evidence
        self._diagnosis = diagnosis
        self._metrics = metrics
        self._logs = logs
        self._fail_open = fail_open
        self._time = time
        self._lines = Buckets(FAILURE_LINES, capacity=len(Reject))
        self._running: set[asyncio.Task[object]] = set()

    async def take(self, body: bytes, *, origin: str | None, client: str) -> None:
        """Store one delivery. Returns only when it is durably stored, or was already. Raises Rejected or Deferred.

        Whoever stops waiting (a closed tab, a deadline), the delivery is still taken and counted to its end.
        """
        await asyncio.shield(self._kept(self._take(body, origin=origin, client=client)))

    async def _take(self, body: bytes, *, origin: str | None, client: str) -> None:
        known: Issuance | None = None
        try:
            now = self._time.wall()
            envelope = read_envelope(body)
            known = self._open(envelope.receipt, now)
            record = self._record(known, parse(envelope), now, origin=origin, client=client)
            status = await self._stored(record)
        except Rejected as rejected:
            self.refused(rejected, origin, known)
            raise
        except Exception as error:
            internal = Deferred(Reject.INTERNAL, f"joinwatch failed ({type(error).__name__})", RETRY_AFTER_S)
            self.refused(internal, origin, known)
            raise internal from error
        with self._fail_open[Stage.METRIC]:
            self._count_received(record, status)

    def _record(
        self, issuance: Issuance, result: JoinResult, now: float, *, origin: str | None, client: str
    ) -> JoinRecord:
        where = attribute(issuance, result, now)
        join = f"{issuance.receipt_id} {result.result_id}"
        return JoinRecord(
            issuance=issuance,
            result=result,
            received_at=now,
            joined_at=where.joined_at,
            token_age_s=where.token_age_s,
            origin=origin,
            late=where.late,
            evidence=self._evidence.take(client, join, self._time.mono()),
        )

    def refused(self, rejected: Rejected, origin: str | None, known: Issuance | None = None) -> None:
        """A delivery was refused or deferred, here or by the web layer: count it and write its line.

        Anybody can send what is refused, so the lines of each reason are limited; the count is not.
        """
        reason = rejected.reason
        with self._fail_open[Stage.METRIC]:
            self._metrics.received(Received.REJECTED if reason.final else Received.DEFERRED, reason)
        with self._fail_open[Stage.LOG]:
            if self._lines.allow(reason, self._time.mono()) == 0:
                receipt_id = known.receipt_id if known else None
                self._logs.join_rejected(reason, str(rejected), origin=origin, receipt_id=receipt_id)

    async def drain(self) -> None:
        """Wait for the deliveries that are still being taken."""
        while self._running:  # Taking one starts its storing, which may outlive it.
            await asyncio.wait(self._running)

    def _open(self, receipt: str, now: float) -> Issuance:
        try:
            return self._receipts.open(receipt, now)
        except ReceiptRefused as refused:
            expired = refused.reason is Refusal.EXPIRED
            raise Rejected(Reject.EXPIRED_RECEIPT if expired else Reject.BAD_RECEIPT, str(refused)) from None

    async def _stored(self, record: JoinRecord) -> Appended:
        storing = self._kept(self._store(record))
        try:
            async with asyncio.timeout(COMMIT_S):
                status = await asyncio.shield(storing)
        except TimeoutError:
            message = f"the ledger did not commit within {COMMIT_S:g} s: send the same result again"
            raise Deferred(Reject.LEDGER_UNAVAILABLE, message, RETRY_AFTER_S) from None
        except LedgerUnavailable as unavailable:
            # Why is for the log and /readyz: it may name files.
            message = "the ledger takes no results now: send the same result again"
            raise Deferred(Reject.LEDGER_UNAVAILABLE, message, unavailable.retry_after_s) from None
        if status is Appended.TOO_MANY:
            message = (
                "this receipt has as many results as it may have (results.max_attempts): get a new signature"
            )
            raise Deferred(Reject.TOO_MANY_ATTEMPTS, message, USED_UP_S)
        return status

    async def _store(self, record: JoinRecord) -> Appended:
        appended = await self._ledger.append(record)
        if appended.status in (Appended.NEW, Appended.RESOLVED):
            self._count_join(record, appended)
        return appended.status

    def _kept(self, work: Coroutine[object, object, _T]) -> asyncio.Task[_T]:
        """Run to its end even if nobody waits for it any more."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # Retrieved: the one who waited may be gone, and asyncio would complain.

    def _count_join(self, record: JoinRecord, appended: AppendedResult) -> None:
        with self._fail_open[Stage.METRIC]:
            self._metrics.joined(record, first=appended.first, resolved=appended.status is Appended.RESOLVED)
            if record.result.dropped:
                self._metrics.client_dropped(record.result.dropped)
        with self._fail_open[Stage.LOG]:
            self._logs.join_reported(record)
        with self._fail_open[Stage.DIAGNOSIS]:
            self._diagnosis.join(record)

    def _count_received(self, record: JoinRecord, status: Appended) -> None:
        match status:
            case Appended.DUPLICATE:
                self._metrics.received(Received.DUPLICATE, Accepted.SAME_ID)
            case Appended.RESOLVED:
                self._metrics.received(Received.ACCEPTED, Accepted.RESOLVED)
            case _:
                self._metrics.received(Received.ACCEPTED, Accepted.LATE if record.late else Accepted.NEW)
