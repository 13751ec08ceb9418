"""The time that everybody in the simulated world shares, true to all of them."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """True time, handed in: tests drive it."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""

    def mono(self) -> float:
        """Seconds of a clock that never steps."""
