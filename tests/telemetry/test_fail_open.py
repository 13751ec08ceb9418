"""What fails while observing costs an observation and nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy.domain.sample_request import SampleRefused, parse
from proxy.telemetry.fail_open import LINES_PER_STAGE, FailOpen, place
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import Stage
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET
from tests.support.tokens import signed, web


class Watched:
    """A real FailOpen, its lines and its count."""

    def __init__(self) -> None:
        self.metrics = Metrics(backends=("java",))
        self.written: list[bytes] = []
        self.fail_open = FailOpen(self.metrics, Logs(self.written.append, time=FakeTime()))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written]

    def failures(self, stage: Stage) -> float | None:
        name = "joinwatch_observation_failures_total"
        return self.metrics.registry.get_sample_value(name, {"stage": stage})


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.mark.parametrize("stage", Stage)
def test_an_exception_is_swallowed_counted_and_told(watched: Watched, stage: Stage) -> None:
    reached = False
    with watched.fail_open[stage]:
        json.loads("{")
    with watched.fail_open[stage]:
        reached = True
    assert reached
    assert watched.failures(stage) == 1
    (line,) = watched.lines()
    assert (line["level"], line["event"]) == ("warning", "observation.failed")
    assert (line["stage"], line["error"]) == (stage, "JSONDecodeError")
    assert line["at"].rpartition(":")[0].endswith("json/decoder.py")
    assert set(line) == {"timestamp", "level", "event", "stage", "error", "at"}


def test_what_raises_is_never_quoted(watched: Watched) -> None:
    token = signed(web())
    with watched.fail_open[Stage.DECODE]:
        raise ValueError(f"cannot read {token} with {CLIENT_SECRET}") from KeyError(token)
    line = watched.written[0].decode()
    assert not [part for part in (*token.split("."), CLIENT_SECRET, "cannot") if part in line]


@pytest.mark.parametrize(
    "leaving",
    [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit],
    ids=lambda x: x.__name__,
)
def test_what_is_to_end_the_work_ends_it(watched: Watched, leaving: type[BaseException]) -> None:
    with pytest.raises(leaving), watched.fail_open[Stage.JUDGE]:
        raise leaving
    assert watched.failures(Stage.JUDGE) == 0
    assert not watched.written


async def test_cancelling_goes_through(watched: Watched) -> None:
    async def observe() -> None:
        with watched.fail_open[Stage.CLOCK]:
            await asyncio.sleep(60)

    task = asyncio.create_task(observe())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_lines_are_limited_per_stage_and_counting_goes_on(watched: Watched) -> None:
    for _ in range(LINES_PER_STAGE + 5):
        with watched.fail_open[Stage.RECEIPT]:
            raise RuntimeError
    with watched.fail_open[Stage.LOG]:
        raise RuntimeError
    assert watched.failures(Stage.RECEIPT) == LINES_PER_STAGE + 5
    stages = [line["stage"] for line in watched.lines()]
    assert stages == ["receipt"] * LINES_PER_STAGE + ["log"]


@pytest.mark.parametrize("broken", ["metrics", "logs"])
def test_counting_and_telling_may_fail_too(broken: str) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise OSError

    metrics, written = Metrics(backends=("java",)), list[bytes]()
    logs = Logs(refuse if broken == "logs" else written.append, time=FakeTime())
    if broken == "metrics":
        metrics.observation_failed = refuse  # type: ignore[method-assign]  # a metric that raises
    fail_open = FailOpen(metrics, logs)
    with fail_open[Stage.METRIC]:
        raise RuntimeError
    count = metrics.registry.get_sample_value("joinwatch_observation_failures_total", {"stage": "metric"})
    assert (count, len(written)) == ((1, 0) if broken == "logs" else (0, 1))


def test_the_place_is_the_innermost_one_and_relative() -> None:
    with pytest.raises(SampleRefused) as refused:
        parse(b"", None, allow_host_role=False)
    assert place(refused.value.__traceback__).startswith("domain/sample_request.py:")
    assert place(None) == "unknown"
