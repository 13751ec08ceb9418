"""Measures this host's clock against its references for as long as the process lives, and notices when it is set."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..domain.offsets import DRIFT
from ..domain.ports import ClockUnavailable, Offset, ReferenceClock, Time
from ..telemetry.logs import Logs
from ..telemetry.metrics import Metrics

STEP_S = 0.5
"""Between two ticks the wall clock must not move by so much more or less than the monotonic one."""

KEPT_INTERVALS = 3
HEARTBEAT_S = 3600.0
MEASURE_TIMEOUT_S = 30.0
_STAGE = "clock"


@dataclass(slots=True)
class _Reference:
    clock: ReferenceClock
    task: asyncio.Task[None] | None = None
    reading: Offset | None = None
    read_mono: float = 0.0
    said: Offset | str | None = None
    """What the last log line told: an offset, or why there is none."""
    said_mono: float = 0.0


class ClockMonitor:
    """Keeps the latest reading of each reference clock. Everything fails open: a clock is a finding, never a fault."""

    def __init__(
        self,
        clocks: Sequence[ReferenceClock],
        *,
        time: Time,
        metrics: Metrics,
        logs: Logs,
        interval_s: float,
        tick_s: float = 1.0,
    ) -> None:
        self.on_step: list[Callable[[], None]] = []
        """Called after this host's wall clock was set: whatever was measured against it before is void."""
        self._references = tuple(_Reference(clock) for clock in clocks)
        self._time = time
        self._metrics = metrics
        self._logs = logs
        self._interval_s = interval_s
        self._tick_s = tick_s
        self._runner: asyncio.Task[None] | None = None
        self._measuring: set[asyncio.Task[None]] = set()
        self._wall_minus_mono: float | None = None

    async def start(self) -> None:
        """Begin to measure, in the background, at once."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="clock monitor")

    async def aclose(self) -> None:
        """Stop measuring and close the clocks."""
        runner, self._runner = self._runner, None
        tasks = [*self._measuring, *([] if runner is None else [runner])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for reference in self._references:
            with self._observing():
                await reference.clock.aclose()

    def best(self) -> Offset | None:
        """The reading with the smallest bound by now, widened by 100 ppm of its age; None where none is fresh.

        Cheap, never waits, never raises.
        """
        now = self._time.mono()
        best: Offset | None = None
        for reference in self._references:
            reading, age_s = reference.reading, now - reference.read_mono
            if reading is None or age_s > KEPT_INTERVALS * self._interval_s:
                continue
            bound_s = reading.bound_s + DRIFT * max(0.0, age_s)
            if best is None or bound_s < best.bound_s:
                best = replace(reading, bound_s=bound_s)
        return best

    async def measure_once(self) -> None:
        """One round: every reference not being measured already is measured, all at the same time."""
        await asyncio.gather(*self._begin_round(), return_exceptions=True)

    def check_step(self) -> bool:
        """Whether this host's wall clock was set since the last call; all readings are dropped then."""
        before_s = self._time.mono()
        wall_s = self._time.wall()
        after_s = self._time.mono()
        if after_s - before_s > STEP_S / 4:
            return False  # the process was held up between the readings: they do not belong together
        now = wall_s - after_s
        last, self._wall_minus_mono = self._wall_minus_mono, now
        if last is None or abs(now - last) <= STEP_S:
            return False
        self._forget(now - last)
        return True

    def _forget(self, step_s: float) -> None:
        for reference in self._references:
            reference.reading = None
            if reference.task is not None:
                reference.task.cancel()
                reference.task = None
            with self._observing():
                self._metrics.clock_unmeasured(reference.clock.source)
        with self._observing():
            self._metrics.clock_stepped()
        with self._observing():
            self._logs.clock_stepped(step_s)
        for callback in self.on_step:
            with self._observing():
                callback()

    async def _run(self) -> None:
        due = self._time.mono()
        while True:
            stepped = False
            with self._observing():
                stepped = self.check_step()
            if stepped or self._time.mono() >= due:
                due = self._time.mono() + self._interval_s
                self._begin_round()
            await asyncio.sleep(self._tick_s)

    def _begin_round(self) -> list[asyncio.Task[None]]:
        begun = []
        for reference in self._references:
            if reference.task is None or reference.task.done():
                task = asyncio.create_task(self._measure(reference), name=f"clock {reference.clock.source}")
                reference.task = task
                self._measuring.add(task)
                task.add_done_callback(self._measuring.discard)
                begun.append(task)
        return begun

    async def _measure(self, reference: _Reference) -> None:
        with self._observing():
            try:
                async with asyncio.timeout(MEASURE_TIMEOUT_S):
                    offset = await reference.clock.measure()
            except ClockUnavailable as error:
                self._failed(reference, str(error))
            except TimeoutError:
                self._failed(reference, f"{reference.clock.source}: no result within {MEASURE_TIMEOUT_S:g} s")
            except Exception as error:
                self._failed(
                    reference, f"{reference.clock.source}: {type(error).__name__}, a fault of joinwatch"
                )
                raise
            else:
                self._measured(reference, offset)

    def _measured(self, reference: _Reference, offset: Offset) -> None:
        reference.reading, reference.read_mono = offset, self._time.mono()
        self._metrics.clock_measured(reference.clock.source, offset)
        said = reference.said
        moved = (
            not isinstance(said, Offset)
            or abs(offset.offset_s - said.offset_s) > offset.bound_s + said.bound_s
        )
        if self._is_news(reference, offset, moved):
            self._logs.clock_measured(reference.clock.source, offset)

    def _failed(self, reference: _Reference, why: str) -> None:
        """The gauges go at once; the reading itself may be used until it is too old."""
        self._metrics.clock_unmeasured(reference.clock.source)
        if self._is_news(reference, why, changed=not isinstance(reference.said, str)):
            self._logs.trouble("clock.unmeasured", source=reference.clock.source, reason=why)

    def _is_news(self, reference: _Reference, said: Offset | str, changed: bool) -> bool:
        """Whether to write a line: something has changed, or an hour has gone by since the last."""
        now = self._time.mono()
        if not changed and now - reference.said_mono < HEARTBEAT_S:
            return False
        reference.said, reference.said_mono = said, now
        return True

    @contextlib.contextmanager
    def _observing(self) -> Iterator[None]:
        """What is done inside may fail: that costs an observation and nothing else."""
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it is, it must not reach what joinwatch is there for
            with contextlib.suppress(Exception):
                self._metrics.observation_failed(_STAGE)
