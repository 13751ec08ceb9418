"""This host's own two clocks."""

from __future__ import annotations

import time


class SystemTime:
    """Implements ports.Time by the functions themselves: they are asked several times for every signature."""

    __slots__ = ()

    wall = staticmethod(time.time)
    """Seconds since the Unix epoch, as this host believes."""

    mono = staticmethod(time.monotonic)
    """Seconds of the clock that never steps; on Linux it stands still while the machine is suspended."""
