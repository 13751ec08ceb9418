"""The two clocks of a host as tests turn them by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class FakeTime:
    """Implements ports.Time: stands still until told otherwise."""

    wall_s: float = 1_800_000_000.0
    mono_s: float = 1_000.0

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return self.wall_s

    def mono(self) -> float:
        """Seconds of the clock that never steps."""
        return self.mono_s

    def advance(self, seconds: float) -> None:
        """Time passes: both clocks go on alike."""
        self.wall_s += seconds
        self.mono_s += seconds

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock: it jumps, the monotonic one does not."""
        self.wall_s += seconds
