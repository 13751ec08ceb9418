"""Each backend's clocks against this host's, from the Date headers of its replies: one clock per replica."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from ..domain.diagnosis.windows import MAX_REPLICAS, UNNAMED
from ..domain.offsets import DRIFT, Interval, OffsetWindow, date_sample
from ..domain.ports import Offset, Reply
from ..telemetry.metrics import Metrics


class Dated(msgspec.Struct, frozen=True, gc=False):
    """What a reply's Date adds: its replica's clock as known now, and where that clock lies by this Date alone.

    None is unknown.
    """

    offset: Offset | None
    by_itself: Interval | None


UNDATED: Final = Dated(None, None)


class BackendClocks:
    """A window of Date samples for each replica of the backends whose clock is not this host's own.

    Replies come in on the signature's way, so taking one only appends: however many replicas a backend has, about one
    estimate a second is worked out for it. Beyond MAX_REPLICAS the one that was not heard for longest is forgotten.
    """

    def __init__(self, backends: Iterable[str], *, metrics: Metrics) -> None:
        self._backends = {name: OrderedDict[str, _Clock]() for name in backends}
        self._metrics = metrics

    def observe(self, backend: str, reply: Reply) -> Dated:
        """Take the reply's Date, if it has one, and tell what is known now of the clock of its replica.

        A replica that cannot be told from others (a balancer in front of them) is one clock with
        them, and unknown while they contradict each other.
        """
        clocks = self._backends.get(backend)
        if clocks is None:
            return UNDATED
        now = reply.headers_wall
        name = reply.replica or UNNAMED
        clock = clocks.get(name)
        sample = date_sample(reply.headers, now, reply.headers_mono - reply.began_mono)
        if sample is not None:
            if clock is None:
                if len(clocks) >= MAX_REPLICAS:
                    clocks.popitem(last=False)
                clock = clocks[name] = _Clock()
            else:
                clocks.move_to_end(name)
            clock.window.add(sample, now)
        return Dated(None if clock is None else clock.estimate(now, len(clocks)), sample)

    def replicas(self, backend: str, now: float) -> dict[str, Offset | None]:
        """What is known of each replica's clock; None: its Dates contradict each other, or are too old."""
        clocks = self._backends.get(backend)
        return {name: clock.estimate(now, len(clocks)) for name, clock in clocks.items()} if clocks else {}

    def publish(self, now: float) -> None:
        """Bring the gauges up to date: of each backend the clock that is farthest off.

        Called when they are about to be read.
        """
        for backend in self._backends:
            known = [offset for offset in self.replicas(backend, now).values() if offset is not None]
            worst = max(known, key=lambda offset: abs(offset.offset_s), default=None)
            self._metrics.backend_clock_measured(backend, worst)

    def clear(self) -> None:
        """This host's own clock has stepped: what was measured against it is void."""
        for clocks in self._backends.values():
            clocks.clear()


class _Clock:
    """One replica's clock, and what was last worked out of it."""

    __slots__ = ("_good_for_s", "_known", "_worked_out_at", "window")

    def __init__(self) -> None:
        self.window = OffsetWindow()
        self._known: Offset | None = None
        self._worked_out_at = 0.0
        self._good_for_s = 0.0

    def estimate(self, now: float, every_s: float) -> Offset | None:
        """What is known by now, worked out every so many seconds, of which the window allows for the first.

        The bound is widened by the drift in the others.
        """
        if abs(now - self._worked_out_at) >= self._good_for_s:
            self._worked_out_at, self._good_for_s = now, every_s
            known = self.window.estimate(now)
            if known is not None and every_s > 1.0:
                bound_s = known.bound_s + DRIFT * (every_s - 1.0)
                known = Offset(known.offset_s, bound_s, known.measured_at)
            self._known = known
        return self._known
