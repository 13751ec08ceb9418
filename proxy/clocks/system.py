"""This host's own two clocks."""

from __future__ import annotations

import time


class SystemTime:
    """Implements ports.Time."""

    __slots__ = ()

    def wall(self) -> float:
        """Seconds since the Unix epoch, as this host believes."""
        return time.time()

    def mono(self) -> float:
        """Seconds of the clock that never steps; on Linux it stands still while the machine is suspended."""
        return time.monotonic()
