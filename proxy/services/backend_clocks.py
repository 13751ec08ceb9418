"""Each backend's clock against this host's, from the Date headers of its replies."""

from __future__ import annotations

from collections.abc import Iterable

from ..domain.offsets import OffsetWindow, date_sample
from ..domain.ports import Offset, Reply
from ..telemetry.metrics import Metrics


class BackendClocks:
    """A window of Date samples for each backend whose clock is not this host's own.

    Replies come in on the signature's way, so taking one only appends.
    """

    def __init__(self, backends: Iterable[str], *, metrics: Metrics) -> None:
        self._windows = {name: OffsetWindow() for name in backends}
        self._metrics = metrics

    def observe(self, backend: str, reply: Reply) -> Offset | None:
        """Take the reply's Date, if it has one, and tell what is known now; None is unknown."""
        window = self._windows.get(backend)
        if window is None:
            return None
        sample = date_sample(reply.headers, reply.headers_wall, reply.headers_mono - reply.began_mono)
        if sample is not None:
            window.add(sample, reply.headers_wall)
        return window.estimate(reply.headers_wall)

    def publish(self, now: float) -> None:
        """Bring the gauges up to date; called when they are about to be read."""
        for name, window in self._windows.items():
            self._metrics.backend_clock_measured(name, window.estimate(now))

    def clear(self) -> None:
        """This host's own clock has stepped: what was measured against it is void."""
        for window in self._windows.values():
            window.clear()
