"""Join results beneath HTTP: what a slow or failing ledger does, what is evidence, and labels that never grow."""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.domain.join_result import Reject, Rejected
from proxy.domain.ports import Appended, AppendedResult, JoinRecord, LedgerUnavailable, Results
from proxy.domain.receipt import Issuance, Receipts
from proxy.ledger.kept_secret import kept_secret
from proxy.services import intake as module
from proxy.services.diagnosis import Diagnosis
from proxy.services.evidence import JOINS_PER_CLIENT, MAX_CLIENTS, WINDOW_S, EvidenceQuota
from proxy.services.intake import Deferred, IntakeService
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import Stage
from tests.support.beacons import beacon, encoded
from tests.support.diagnosing import diagnosis
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET, found_in

ORIGIN = "https://meet.example"
KEY = bytes(range(32))
RECEIVED = "joinwatch_join_results_received_total"
NEW = AppendedResult(Appended.NEW, first=True)


@dataclass(slots=True)
class Memory:
    """A ledger that keeps its rows in memory, for what a file would be too slow for."""

    rows: dict[tuple[str, str], JoinRecord] = field(default_factory=dict)

    async def append(self, record: JoinRecord) -> AppendedResult:
        key = record.issuance.receipt_id, record.result.result_id
        if key in self.rows:
            return AppendedResult(Appended.DUPLICATE)
        self.rows[key] = record
        return NEW


@dataclass(slots=True)
class Held(Memory):
    """A ledger that commits when it is let go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, record: JoinRecord) -> AppendedResult:
        await self.go.wait()
        return await Memory.append(self, record)


@dataclass(slots=True)
class Failing(Memory):
    """A ledger that raises."""

    error: Exception = field(default_factory=lambda: LedgerUnavailable("disk full", 7))

    async def append(self, record: JoinRecord) -> AppendedResult:
        raise self.error


class Made:
    """An intake over a ledger, with what it counted and logged."""

    def __init__(
        self,
        ledger: Results,
        metrics: type[Metrics] = Metrics,
        logs: type[Logs] = Logs,
        diagnoses: type[Diagnosis] = Diagnosis,
    ) -> None:
        self.time = FakeTime()
        self.lines: list[bytes] = []
        self.metrics = metrics(backends=("java",), origins=(ORIGIN,))
        self.receipts = Receipts([KEY], 86400.0)
        written = logs(self.lines.append, time=self.time)
        self.intake = IntakeService(
            receipts=self.receipts,
            ledger=ledger,
            evidence=EvidenceQuota(b"salt"),
            diagnosis=diagnosis(diagnoses),
            metrics=self.metrics,
            logs=written,
            fail_open=FailOpen(self.metrics, written),
            time=self.time,
        )

    def receipt(self, **fields: Any) -> str:
        """Sealed now."""
        now = self.time.wall()
        usual: dict[str, Any] = {
            "receipt_id": "receipt",
            "sent_at": now,
            "route": "/",
            "asked": "java",
            "signer": "java",
            "replica": None,
            "format": "meeting_sdk",
            "iat": now - 30,
            "exp": now + 7170,
            "iat_offset_s": -30.0,
            "iat_offset_bound_s": 0.01,
            "clock_offset_s": None,
            "clock_bound_s": None,
            "backend_clock_offset_s": None,
            "backend_clock_bound_s": None,
            "findings": (),
        }
        return self.receipts.seal(Issuance(**usual | fields))

    async def take(self, body: bytes, origin: str | None = None) -> None:
        await self.intake.take(body, origin=origin, client="198.51.100.1")

    def counted(self, *names: str) -> dict[tuple[str, ...], float]:
        """What moved, of deliveries and of joins."""
        names = names or (RECEIVED, "joinwatch_joins_total")
        return {
            tuple(sorted(each.labels.values())): each.value
            for family in text_string_to_metric_families(generate_latest(self.metrics.registry).decode())
            for each in family.samples
            if each.name in names and each.value
        }


JOINED = ("invalid_signature", "java")


async def test_a_slow_commit_is_deferred_then_counted_once_and_known_when_it_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMMIT_S", 0.05)
    ledger = Held()
    made = Made(ledger)
    body = encoded(beacon(made.receipt()))
    with pytest.raises(Deferred) as deferred:
        await made.take(body)
    assert (deferred.value.reason, deferred.value.reason.status) == (Reject.LEDGER_UNAVAILABLE, 503)
    assert deferred.value.retry_after_s > 0
    ledger.go.set()
    await made.intake.drain()
    await made.take(body)
    assert made.counted() == {("deferred", "ledger_unavailable"): 1, ("duplicate", "same_id"): 1, JOINED: 1}


async def test_whoever_stops_waiting_the_delivery_is_taken_and_counted_to_its_end() -> None:
    ledger = Held()
    made = Made(ledger)
    waiting = asyncio.create_task(made.take(encoded(beacon(made.receipt()))))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert made.counted() == {}
    ledger.go.set()
    await made.intake.drain()
    assert made.counted() == {("accepted", "new"): 1, JOINED: 1}


async def test_draining_waits_for_the_storing_that_outlives_its_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMMIT_S", 0.02)
    ledger = Held()
    made = Made(ledger)
    delivery = asyncio.create_task(made.take(encoded(beacon(made.receipt()))))
    # It begins before the storing does.
    draining = asyncio.create_task(made.intake.drain())
    with pytest.raises(Deferred):
        await delivery
    for _ in range(20):  # Turns of the loop, not time: whatever would let it end has had its turn.
        await asyncio.sleep(0)
    assert not draining.done()
    ledger.go.set()
    await draining
    assert len(ledger.rows) == 1


@pytest.mark.parametrize(
    ("error", "reason", "retry_after_s"),
    [
        pytest.param(LedgerUnavailable("disk full", 7), Reject.LEDGER_UNAVAILABLE, 7, id="unavailable"),
        pytest.param(ValueError(CLIENT_SECRET), Reject.INTERNAL, module.RETRY_AFTER_S, id="a fault"),
    ],
)
async def test_what_the_ledger_raises_is_deferred_and_counted(
    error: Exception, reason: Reject, retry_after_s: int
) -> None:
    made = Made(Failing(error=error))
    with pytest.raises(Deferred) as deferred:
        await made.take(encoded(beacon(made.receipt())))
    assert (deferred.value.reason, deferred.value.retry_after_s) == (reason, retry_after_s)
    assert made.counted() == {("deferred", reason): 1}
    assert found_in(str(deferred.value) + b"".join(made.lines).decode()) == []


class IllMetrics(Metrics):
    """Counts nothing but its own failures."""

    def received(self, *_: Any) -> None:
        raise RuntimeError

    def joined(self, *_: Any, **__: Any) -> None:
        raise RuntimeError


class IllLogs(Logs):
    """Writes nothing but operational lines."""

    def join_reported(self, *_: Any) -> None:
        raise RuntimeError

    def join_rejected(self, *_: Any, **__: Any) -> None:
        raise RuntimeError


class IllDiagnosis(Diagnosis):
    """Takes nothing in."""

    def join(self, *_: Any) -> None:
        raise RuntimeError


async def test_ill_metrics_an_ill_log_and_an_ill_diagnosis_cost_no_result() -> None:
    ledger = Memory()
    made = Made(ledger, IllMetrics, IllLogs, IllDiagnosis)
    await made.take(encoded(beacon(made.receipt())))
    assert len(ledger.rows) == 1
    with pytest.raises(Rejected):
        await made.take(b"{}")
    name = "joinwatch_observation_failures_total"
    counted = {
        stage.value: made.metrics.registry.get_sample_value(name, {"stage": stage}) or 0 for stage in Stage
    }
    lost = {stage: count for stage, count in counted.items() if count}
    assert lost == {"metric": 3, "log": 2, "diagnosis": 1}


async def test_the_diagnosis_is_told_of_each_join_that_is_new_to_the_ledger() -> None:
    told: list[str] = []

    class Listening(Diagnosis):
        """Writes down what it is told."""

        def join(self, record: JoinRecord) -> None:
            told.append(record.issuance.receipt_id)

    made = Made(Memory(), diagnoses=Listening)
    one, two = (encoded(beacon(made.receipt(receipt_id=name))) for name in ("one", "two"))
    for body in (one, one, two):
        await made.take(body)
    assert told == ["one", "two"]


# Evidence


def test_five_joins_of_an_address_are_evidence_and_each_only_once() -> None:
    quota = EvidenceQuota(b"salt")
    for _ in range(3):
        assert [quota.take("a", f"join {number}", 0.0) for number in range(7)] == [True] * 5 + [False] * 2
    assert quota.take("b", "join 6", 0.0)
    assert quota.take("a", "join 6", WINDOW_S)
    assert JOINS_PER_CLIENT == 5


def test_a_crowd_is_taken_at_its_word_and_held_in_bounded_memory() -> None:
    quota = EvidenceQuota(b"salt")
    assert all(quota.take(f"{number}", "join", 0.0) for number in range(MAX_CLIENTS + 1000))
    assert [quota.take("late", f"{number}", 0.0) for number in range(9)] == [True] * 9
    assert len(quota._joins) == MAX_CLIENTS
    assert [quota.take("0", f"{number}", 0.0) for number in range(9)] == [True] * 4 + [False] * 5


# Labels


def _text(source: random.Random) -> str:
    length = source.choice((1, 5, 12, 40, 200))
    return "".join(source.choices(string.printable + "éß中\u202e\ud83d", k=length))


def _series(metrics: Metrics) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    page = generate_latest(metrics.registry).decode()
    return {
        (each.name, frozenset(each.labels.items()))
        for family in text_string_to_metric_families(page)
        for each in family.samples
    }


async def test_a_hundred_thousand_texts_of_strangers_add_no_series() -> None:
    made = Made(Memory())
    before = _series(made.metrics)
    source = random.Random(100_000)
    text: Callable[[], str] = lambda: _text(source)  # noqa: E731
    taken = 0
    for number in range(100_000 // 12 + 1):
        receipt = made.receipt(
            receipt_id=f"{number}", route=text(), asked=text(), signer=text(), format=text()
        )
        error = {"errorCode": text(), "type": text(), "reason": text(), "result": text(), "message": text()}
        body = beacon(
            receipt,
            error=error,
            view=text(),
            sdk_version=text(),
            outcome=source.choice(("failed", "failed", "joined", "no_result", text())),
        )
        try:
            await made.take(json.dumps(body).encode(), origin=text())
        except Rejected:
            continue
        taken += 1
    assert taken > 5000
    assert _series(made.metrics) == before
    assert sum(made.counted("joinwatch_joins_total").values()) == taken
    assert sum(made.counted(RECEIVED).values()) == number + 1


# The key that is kept beside the ledger


def test_a_kept_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.receipt-key"
    assert kept_secret(path, lambda: "first") == "first"
    assert kept_secret(path, lambda: "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_of_two_that_start_at_once_one_secret_counts(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def meanwhile() -> str:
        """The other process comes between looking and writing."""
        assert kept_secret(path, lambda: "theirs") == "theirs"
        return "ours"

    assert kept_secret(path, meanwhile) == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept_secret(tmp_path / "key", fail)
    assert list(tmp_path.iterdir()) == []
