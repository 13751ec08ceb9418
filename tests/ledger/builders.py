"""Records, writers and waiting for the tests of the ledger."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sized
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec.structs import replace as changed

from proxy.domain.diagnosis.base import Cause, Suspicion
from proxy.domain.join_result import JoinResult, Outcome, View
from proxy.domain.ports import JoinRecord, RaisedCause, Time
from proxy.domain.receipt import Issuance
from proxy.ledger.store import Store
from proxy.ledger.writer import LedgerWriter
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics

NOW = 1_800_000_000.0

FULL = JoinRecord(
    issuance=Issuance(
        receipt_id="receipt",
        sent_at=NOW - 4.25,
        route="/sign",
        asked="java_b",
        signer="java_a",
        replica="10.0.0.7:8443",
        format="meeting_sdk_jwt",
        iat=NOW - 30.0,
        exp=NOW + 7170.0,
        iat_offset_s=-25.5,
        iat_offset_bound_s=0.012,
        clock_offset_s=0.0005,
        clock_bound_s=0.001,
        backend_clock_offset_s=-0.25,
        backend_clock_bound_s=0.51,
        findings=("time/iat_ahead", "claims/app_key_missing"),
        role=1,
    ),
    result=JoinResult(
        result_id="result",
        attempt=2,
        outcome=Outcome.INVALID_SIGNATURE,
        code="3712",
        error={
            "errorCode": 3712,
            "reason": "Signature is invalid. \u2013 \U0001f600",
            "status": False,
            "name": None,
        },
        age_ms=812.4,
        asked="assumed",
        age_clock="monotonic",
        join_ms=2210.0,
        step=8,
        suspended=True,
        signature_intact=True,
        meeting_matches=False,
        view=View.COMPONENT,
        sdk_version="2.8.0",
        dropped=3,
    ),
    received_at=NOW,
    joined_at=NOW - 3.4,
    token_age_s=26.6,
    origin="https://app.example.com",
    late=True,
    evidence=False,
)
"""Every fact is known, and told apart from every other."""

BARE = JoinRecord(
    issuance=Issuance(
        receipt_id="receipt",
        sent_at=NOW,
        route="/",
        asked="native",
        signer="native",
        replica=None,
        format="none",
        iat=None,
        exp=None,
        iat_offset_s=None,
        iat_offset_bound_s=None,
        clock_offset_s=None,
        clock_bound_s=None,
        backend_clock_offset_s=None,
        backend_clock_bound_s=None,
        findings=(),
    ),
    result=JoinResult(
        result_id="result",
        attempt=1,
        outcome=Outcome.JOINED,
        code=None,
        error={},
        age_ms=None,
        asked="seen",
        age_clock="wall",
        join_ms=None,
        step=None,
        suspended=False,
        signature_intact=None,
        meeting_matches=None,
        view=View.OTHER,
        sdk_version=None,
        dropped=0,
    ),
    received_at=NOW,
    joined_at=None,
    token_age_s=None,
    origin=None,
    late=False,
    evidence=True,
)
"""Nothing is known that may be unknown."""

RAISED = RaisedCause(
    backend="java",
    suspicion=Suspicion(
        cause=Cause.FLOAT32_ROUNDING,
        confidence=0.99,
        evidence="5 of 5 iat values ≡ 64 (mod 128)",
        advice="Math.round(float) → Math.round(double)",
        replicas=("pod-1", "10.0.0.7:8443"),
        predicted_share=0.262,
        observed_share=0.25,
        heals_s=64.0,
    ),
    raised_at=NOW + 0.1,
    cleared_at=NOW + 60.7,
)
"""Every fact is known, and told apart from every other."""

HINTED = RaisedCause("all", Suspicion(Cause.ZOOM_SIDE, 0.5, "", ""), NOW)
"""Nothing is known that may be unknown; not cleared."""


def record(
    receipt: str = "r",
    result: str = "a",
    outcome: Outcome = Outcome.JOINED,
    received_at: float = NOW,
    signer: str = "java_a",
    late: bool = True,
) -> JoinRecord:
    """A record that differs from others in what the ledger looks at."""
    return replace(
        FULL,
        issuance=changed(FULL.issuance, receipt_id=receipt, signer=signer),
        result=replace(FULL.result, result_id=result, outcome=outcome),
        received_at=received_at,
        late=late,
    )


def url_of(file: Path) -> str:
    """The ledger URL of a file."""
    return f"sqlite:///{file}"


class RealTime:
    """Implements ports.Time with this host's clocks."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def mono(self) -> float:
        """Seconds of a clock that never steps."""
        return time.monotonic()


@dataclass(slots=True)
class Watched:
    """A started writer with what it told."""

    ledger: LedgerWriter
    metrics: Metrics
    lines: list[dict[str, Any]] = field(default_factory=list)

    def events(self) -> list[str]:
        """The events logged so far."""
        return [line["event"] for line in self.lines]

    def commits(self) -> int:
        """How many commits the metrics have counted."""
        value = self.metrics.registry.get_sample_value("joinwatch_ledger_commit_duration_seconds_count")
        return int(value or 0)

    def writable(self) -> float | None:
        """The gauge joinwatch_ledger_writable."""
        return self.metrics.registry.get_sample_value("joinwatch_ledger_writable")

    async def until_writable(self) -> None:
        """Waits until the writer takes results."""
        await eventually(lambda: self.ledger.state().writable)


@asynccontextmanager
async def writing(
    factory: Callable[[], Store],
    *,
    clock: Time | None = None,
    retention_s: float = 1e9,
    max_waiting: int = 10_000,
    max_batch: int = 512,
    backoff_s: tuple[float, float] = (0.02, 0.1),
    metrics_type: type[Metrics] = Metrics,
    logs_type: type[Logs] = Logs,
) -> AsyncIterator[Watched]:
    """A started writer, closed at the end."""
    clock = clock or RealTime()
    metrics = metrics_type(backends=["native"])
    lines: list[dict[str, Any]] = []
    logs = logs_type(lambda line: lines.append(json.loads(line)), time=clock)
    writer = LedgerWriter(
        factory,
        metrics=metrics,
        logs=logs,
        fail_open=FailOpen(metrics, logs),
        time=clock,
        max_per_receipt=5,
        retention_s=retention_s,
        max_waiting=max_waiting,
        max_batch=max_batch,
        backoff_s=backoff_s,
    )
    await writer.start()
    try:
        yield Watched(writer, metrics, lines)
    finally:
        await writer.aclose()


async def grown(names: Sized, by: int) -> None:
    """Waits until there are so many more."""
    least = len(names) + by
    await eventually(lambda: len(names) >= least)


async def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Looks again and again until the condition holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
