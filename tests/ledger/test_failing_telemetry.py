"""Metrics and log lines that fail cost no result, no answer, and not the writer."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.domain.ports import Appended, AppendedResult, LedgerUnavailable
from proxy.ledger.store import Store
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics

from .builders import FULL, Watched, eventually, record, url_of, writing

FIRST = AppendedResult(Appended.NEW, first=True)


class RaisingMetrics(Metrics):
    """Nothing of the ledger can be measured."""

    def ledger_writable(self, ok: bool) -> None:
        raise RuntimeError("no gauge")

    def ledger_committed(self, seconds: float) -> None:
        raise RuntimeError("no histogram")


class RaisingLogs(Logs):
    """No line can be written."""

    def notice(self, event: str, **fields: object) -> None:
        raise RuntimeError("no line")

    def trouble(self, event: str, **fields: object) -> None:
        raise RuntimeError("no line")


class Unspeakable(Exception):
    """Not even its message can be had."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


@pytest.mark.parametrize(
    ("metrics_type", "logs_type", "lost"),
    [
        # ill at the start, writable, ill, writable; and two commits
        pytest.param(RaisingMetrics, Logs, {"metric": 6, "log": 0}, id="metrics"),
        # migrated, available, refused, unavailable, migrated, available
        pytest.param(Metrics, RaisingLogs, {"metric": 0, "log": 6}, id="logs"),
        pytest.param(RaisingMetrics, RaisingLogs, {"metric": 6, "log": 6}, id="both"),
    ],
)
async def test_results_are_stored_and_answered_all_the_same(
    tmp_path: Path, metrics_type: type[Metrics], logs_type: type[Logs], lost: dict[str, int]
) -> None:
    file = tmp_path / "joinwatch.db"
    async with (
        asyncio.timeout(10.0),
        writing(lambda: Store(url_of(file)), metrics_type=metrics_type, logs_type=logs_type) as watched,
    ):
        await watched.until_writable()
        sent = [record("a"), replace(FULL, received_at=float("nan")), record("b")]
        a, sick, b = await asyncio.gather(*map(watched.ledger.append, sent), return_exceptions=True)
        assert (a, b) == (FIRST, FIRST)
        assert isinstance(sick, LedgerUnavailable)
        assert watched.ledger.state().writable

        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"joinwatch.db{suffix}").unlink()
        with pytest.raises(LedgerUnavailable, match="removed or replaced while in use"):
            await watched.ledger.append(record("meanwhile"))
        await watched.until_writable()
        assert await watched.ledger.append(record("after")) == FIRST
        await watched.ledger.aclose()
        assert {stage: _lost(watched, stage) for stage in lost} == lost
    with closing(Store(url_of(file))) as reader:
        assert [row.issuance.receipt_id for row in reader.rows(10)] == ["after"]


async def test_a_writer_that_failed_says_so_and_can_be_closed(tmp_path: Path) -> None:
    class Ill(Store):
        def append(self, records: object, max_per_receipt: int) -> list[AppendedResult]:
            raise Unspeakable

    async with asyncio.timeout(10.0), writing(lambda: Ill(url_of(tmp_path / "joinwatch.db"))) as watched:
        await watched.until_writable()
        why = r"its writer failed \(RuntimeError at .*\): restart joinwatch"
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match=why):
                await watched.ledger.append(record())
        assert not watched.ledger.state().writable
        assert watched.writable() == 0
        assert watched.events() == ["ledger.migrated", "ledger.available", "ledger.unavailable"]
        await watched.ledger.aclose()


async def test_a_writer_that_was_cancelled_can_be_closed(tmp_path: Path) -> None:
    async with asyncio.timeout(10.0), writing(lambda: Store(url_of(tmp_path / "joinwatch.db"))) as watched:
        await watched.until_writable()
        (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "ledger")
        task.cancel()
        await eventually(task.done)
        await watched.ledger.aclose()
        with pytest.raises(LedgerUnavailable, match="joinwatch is ending"):
            await watched.ledger.append(record())


def _lost(watched: Watched, stage: str) -> int:
    value = watched.metrics.registry.get_sample_value(
        "joinwatch_observation_failures_total", {"stage": stage}
    )
    return int(value or 0)
