"""The monitor: what it measures when, what it keeps, what it says, and that nothing it does can fail anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from proxy.clocks.kernel import KernelClock
from proxy.clocks.monitor import HEARTBEAT_S, ClockMonitor
from proxy.clocks.system import SystemTime
from proxy.domain.offsets import DRIFT
from proxy.domain.ports import ClockUnavailable, Offset, ReferenceClock, Time
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from tests.support.fake_time import FakeTime

INTERVAL_S = 60.0


@dataclass
class Reference:
    """A reference clock that tells what it is told to tell, or raises it."""

    source: str
    tells: tuple[float, float] | Exception
    time: Time
    asked: int = 0
    closed: bool = False
    gate: asyncio.Event | None = None
    measured: asyncio.Event = field(default_factory=asyncio.Event)

    async def measure(self) -> Offset:
        self.asked += 1
        self.measured.set()
        tells, at = self.tells, self.time.wall()
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(tells, Exception):
            raise tells
        return Offset(*tells, measured_at=at)

    async def aclose(self) -> None:
        self.closed = True


class World:
    """One monitor with its time, its metrics and its log lines."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(backends=["native"], registry=self.registry)
        self.written: list[bytes] = []
        self.logs = Logs(self.written.append, time=self.time)
        self.monitors: list[ClockMonitor] = []

    def reference(self, source: str, tells: tuple[float, float] | Exception) -> Reference:
        return Reference(source, tells, self.time)

    def monitor(self, *clocks: ReferenceClock, time: Time | None = None) -> ClockMonitor:
        monitor = ClockMonitor(
            clocks,
            time=time or self.time,
            metrics=self.metrics,
            logs=self.logs,
            interval_s=INTERVAL_S,
            tick_s=0.002,
        )
        self.monitors.append(monitor)
        return monitor

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"joinwatch_{name}", labels)

    def gauge(self, source: str) -> tuple[float | None, ...]:
        names = ("clock_offset_seconds", "clock_offset_bound_seconds", "clock_measured_timestamp_seconds")
        return tuple(self.value(name, source=source) for name in names)

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.written]

    @property
    def events(self) -> list[object]:
        return [line["event"] for line in self.lines]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for monitor in world.monitors:
        await monitor.aclose()


async def test_every_reference_is_measured_and_the_tightest_counts(world: World) -> None:
    rough, fine = world.reference("kernel", (0.5, 0.9)), world.reference("ntp:a", (0.25, 0.01))
    monitor = world.monitor(rough, fine)
    assert monitor.best() is None
    await monitor.measure_once()
    assert monitor.best() == Offset(0.25, 0.01, world.time.wall())
    assert world.gauge("kernel") == (0.5, 0.9, world.time.wall())
    assert world.gauge("ntp:a") == (0.25, 0.01, world.time.wall())


async def test_a_reading_widens_with_age_and_expires(world: World) -> None:
    monitor = world.monitor(world.reference("ntp:a", (0.25, 0.01)))
    await monitor.measure_once()
    at = world.time.wall()
    world.time.advance(3 * INTERVAL_S)
    best = monitor.best()
    assert best is not None
    assert best.bound_s == pytest.approx(0.01 + 3 * INTERVAL_S * DRIFT)
    assert (best.offset_s, best.measured_at) == (0.25, at)
    world.time.advance(1.0)
    assert monitor.best() is None


async def test_an_old_tight_reading_gives_way_to_a_fresh_one(world: World) -> None:
    fine, rough = world.reference("ntp:a", (0.25, 0.001)), world.reference("kernel", (0.5, 0.005))
    monitor = world.monitor(fine, rough)
    await monitor.measure_once()
    fine.tells = ClockUnavailable("gone")
    world.time.advance(INTERVAL_S)
    await monitor.measure_once()
    best = monitor.best()
    assert best is not None
    assert best.offset_s == 0.5


async def test_a_source_that_fails_has_no_gauges_and_its_reading_expires(world: World) -> None:
    clock = world.reference("ntp:a", (0.25, 0.01))
    monitor = world.monitor(clock)
    await monitor.measure_once()
    clock.tells = ClockUnavailable("NTP server a port 123: no answer within 2 s")
    world.time.advance(INTERVAL_S)
    await monitor.measure_once()
    assert world.gauge("ntp:a") == (None, None, None)
    assert monitor.best() is not None
    world.time.advance(3 * INTERVAL_S)
    assert monitor.best() is None
    assert world.value("observation_failures_total", stage="clock") == 0
    assert world.lines[-1]["event"] == "clock.unmeasured"
    assert world.lines[-1]["source"] == "ntp:a"
    assert world.lines[-1]["reason"] == "NTP server a port 123: no answer within 2 s"


async def test_a_bug_in_one_source_costs_an_observation_and_no_other_source(world: World) -> None:
    monitor = world.monitor(
        world.reference("ntp:a", RuntimeError("bug")), world.reference("ntp:b", (0.0, 0.1))
    )
    await monitor.measure_once()
    assert world.value("observation_failures_total", stage="clock") == 1
    assert world.gauge("ntp:a") == (None, None, None)
    assert monitor.best() == Offset(0.0, 0.1, world.time.wall())


async def test_a_log_that_raises_costs_an_observation(world: World) -> None:
    class Full(list[bytes]):
        def append(self, item: bytes) -> None:
            raise OSError("no space left")

    world.logs = Logs(Full().append, time=world.time)
    monitor = world.monitor(world.reference("ntp:a", (0.25, 0.01)))
    await monitor.measure_once()
    assert monitor.best() is not None
    assert world.gauge("ntp:a")[0] == 0.25
    assert world.value("observation_failures_total", stage="clock") == 1
    world.time.step_wall(5.0)
    assert monitor.check_step() is False  # the first look has nothing to compare with
    world.time.step_wall(5.0)
    assert monitor.check_step() is True
    assert world.value("clock_steps_total") == 1


@pytest.mark.parametrize(
    ("second", "after_s", "events"),
    [
        pytest.param((0.25, 0.01), INTERVAL_S, ["clock.measured"], id="nothing_new"),
        pytest.param((0.269, 0.01), INTERVAL_S, ["clock.measured"], id="moved_within_the_bounds"),
        pytest.param((0.271, 0.01), INTERVAL_S, ["clock.measured"] * 2, id="moved_beyond_the_bounds"),
        pytest.param((0.25, 0.01), HEARTBEAT_S - 1, ["clock.measured"], id="not_an_hour"),
        pytest.param((0.25, 0.01), HEARTBEAT_S, ["clock.measured"] * 2, id="an_hour"),
        pytest.param(ClockUnavailable("x"), INTERVAL_S, ["clock.measured", "clock.unmeasured"], id="lost"),
    ],
)
async def test_a_line_is_written_only_when_there_is_news(
    world: World, second: tuple[float, float] | Exception, after_s: float, events: list[str]
) -> None:
    clock = world.reference("ntp:a", (0.25, 0.01))
    monitor = world.monitor(clock)
    await monitor.measure_once()
    clock.tells = second
    world.time.advance(after_s)
    await monitor.measure_once()
    assert world.events == events


async def test_a_source_that_stays_away_is_told_once_an_hour_and_its_return_at_once(world: World) -> None:
    clock = world.reference("ntp:a", ClockUnavailable("first reason"))
    monitor = world.monitor(clock)
    await monitor.measure_once()
    clock.tells = ClockUnavailable("second reason")
    await monitor.measure_once()
    world.time.advance(HEARTBEAT_S)
    await monitor.measure_once()
    clock.tells = (0.25, 0.01)
    await monitor.measure_once()
    assert world.events == ["clock.unmeasured", "clock.unmeasured", "clock.measured"]


@pytest.mark.parametrize(
    ("step", "stepped"),
    [
        pytest.param(0.0, False, id="none"),
        pytest.param(0.4, False, id="small"),
        pytest.param(0.6, True, id="ahead"),
        pytest.param(-0.6, True, id="back"),
        pytest.param(3600.0, True, id="an_hour"),
    ],
)
async def test_a_step_of_this_hosts_clock(world: World, step: float, stepped: bool) -> None:
    clock = world.reference("ntp:a", (0.25, 0.01))
    monitor = world.monitor(clock)
    told: list[str] = []

    def broken() -> None:
        raise RuntimeError("bug")

    monitor.on_step += [broken, lambda: told.append("reset")]
    assert monitor.check_step() is False
    await monitor.measure_once()
    world.time.advance(10.0)
    world.time.step_wall(step)
    assert monitor.check_step() is stepped
    assert world.value("clock_steps_total") == (1 if stepped else 0)
    assert (monitor.best() is None) is stepped
    assert (world.gauge("ntp:a")[0] is None) is stepped
    assert told == (["reset"] if stepped else [])
    assert world.value("observation_failures_total", stage="clock") == (1 if stepped else 0)
    assert ("clock.stepped" in world.events) is stepped
    if stepped:
        assert world.lines[-1]["step_s"] == pytest.approx(step, abs=1e-3)
    assert monitor.check_step() is False


async def test_two_readings_that_do_not_belong_together_are_no_step(world: World) -> None:
    class HeldUp(FakeTime):
        pause = 0.0

        def wall(self) -> float:
            self.advance(self.pause)
            return FakeTime.wall(self) - self.pause

    time = HeldUp()
    monitor = world.monitor(time=time)
    monitor.check_step()
    time.pause = 2.0
    assert monitor.check_step() is False
    time.pause = 0.0
    assert monitor.check_step() is False


async def until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), 5.0)


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_it_starts_without_waiting_and_a_slow_source_holds_nobody_back(world: World) -> None:
    slow, quick = world.reference("ntp:slow", (0.0, 0.1)), world.reference("ntp:quick", (0.25, 0.2))
    slow.gate = asyncio.Event()
    monitor = world.monitor(slow, quick)
    await monitor.start()
    assert slow.asked == quick.asked == 0
    await until(quick.measured)
    await settle()
    best = monitor.best()
    assert best is not None
    assert best.offset_s == 0.25
    quick.measured.clear()
    world.time.advance(INTERVAL_S)
    await until(quick.measured)
    assert (slow.asked, quick.asked) == (1, 2)
    await monitor.aclose()
    assert slow.closed
    assert quick.closed


async def test_a_step_makes_it_measure_anew_at_once_and_what_was_under_way_is_void(world: World) -> None:
    clock = world.reference("ntp:a", (0.25, 0.01))
    before, after = asyncio.Event(), asyncio.Event()
    clock.gate = before
    monitor = world.monitor(clock)
    await monitor.start()
    await until(clock.measured)
    clock.measured.clear()
    clock.tells, clock.gate = (5.25, 0.01), after
    world.time.step_wall(5.0)
    await until(clock.measured)
    before.set()
    await settle()
    assert monitor.best() is None
    after.set()
    await settle()
    best = monitor.best()
    assert best is not None
    assert best.offset_s == 5.25
    assert clock.asked == 2


async def test_closing_twice_or_without_a_start_is_fine(world: World) -> None:
    clock = world.reference("ntp:a", (0.25, 0.01))
    monitor = world.monitor(clock)
    await monitor.aclose()
    await monitor.aclose()
    assert clock.closed


async def test_the_real_kernel_is_known_or_absent_never_zero(world: World) -> None:
    monitor = world.monitor(KernelClock(time=SystemTime()), time=SystemTime())
    await monitor.measure_once()
    best = monitor.best()
    assert (best is None) == (world.gauge("kernel")[0] is None)
    assert best is None or best.bound_s > 0.0
    assert world.value("observation_failures_total", stage="clock") == 0
