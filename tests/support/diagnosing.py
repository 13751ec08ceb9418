"""A diagnosis for the services that feed it, made in one place."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.domain.ports import AppendedResult, History, JoinRecord, LedgerUnavailable, RaisedCause, Tally
from proxy.services.diagnosis import Diagnosis
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from tests.support.fake_time import FakeTime


class NoLedger:
    """A ledger that is never there."""

    async def append(self, record: JoinRecord) -> AppendedResult:
        """Refused."""
        raise LedgerUnavailable("not here", 1)

    async def keep_causes(self, causes: Sequence[RaisedCause]) -> None:
        """Refused."""
        raise LedgerUnavailable("not here", 1)

    async def history(self, since: float, limit: int) -> History:
        """Refused."""
        raise LedgerUnavailable("not here", 1)

    async def tally(self, since: float) -> Tally:
        """Refused."""
        raise LedgerUnavailable("not here", 1)


def diagnosis(kind: type[Diagnosis] = Diagnosis) -> Diagnosis:
    """One that watches the backend java, never looks, and keeps nothing."""
    time = FakeTime()
    metrics = Metrics(backends=("java",))
    logs = Logs(lambda _line: None, time=time)
    return kind(
        ("java",), ledger=NoLedger(), metrics=metrics, logs=logs, fail_open=FailOpen(metrics, logs), time=time
    )
