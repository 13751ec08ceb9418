"""What the Linux kernel knows of its own clock's error: adjtimex(2), read only, no privilege needed."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

from ..domain.ports import ClockUnavailable, Offset, Time

TIME_ERROR = 5
STA_UNSYNC = 0x0040
STA_NANO = 0x2000

_AGEING_US = 500
"""The kernel adds this to maxerror every second since the last update (MAXFREQ in the kernel's ntp.c)."""

UNTOLD_S = 5.0
"""The bound of a daemon that tells the kernel no error: systemd-timesyncd's RootDistanceMaxSec by default."""

_MEND = "run a time daemon that tells the kernel (chronyd with 'rtcsync', ntpd, systemd-timesyncd), or set [clock] ntp"


@dataclass(frozen=True, slots=True)
class KernelReading:
    """What adjtimex(2) gave: its return value and the fields that matter, in the kernel's units."""

    state: int
    status: int
    offset: int
    """Nanoseconds with STA_NANO, else microseconds."""
    maxerror_us: int
    esterror_us: int


def interpret(reading: KernelReading, measured_at: float) -> Offset:
    """This host's offset by the kernel's own account. Raises ClockUnavailable where it counts as unsynchronised.

    Sign: the kernel's offset is the correction that it still has to add (RFC 1589 section 3; ntpd writes reference -
    host there), so this host is ahead by its negative. Daemons that slew by frequency alone, as chronyd does, leave it
    0, and what they have still to slew is not in these figures.

    Bound: maxerror is root distance (root delay / 2 + root dispersion) as ntpd and chronyd write it, aged by the
    kernel. The pending correction is added as it is worked off while the reading is in use. systemd-timesyncd
    writes 0 for both errors, so that maxerror only counts the seconds since: then UNTOLD_S, the most that it
    accepts from a server, is added.
    """
    if reading.state == TIME_ERROR or reading.status & STA_UNSYNC:
        raise ClockUnavailable(
            f"the kernel says that this host's clock is not synchronised (adjtimex: state {reading.state}, "
            f"status {reading.status:#06x}, maximum error {reading.maxerror_us / 1e6:g} s); {_MEND}"
        )
    if reading.state < 0 or reading.maxerror_us < 0:
        raise ClockUnavailable(f"adjtimex gave nonsense ({reading}); {_MEND}")
    pending_s = reading.offset / (1e9 if reading.status & STA_NANO else 1e6)
    bound_s = reading.maxerror_us / 1e6 + abs(pending_s)
    no_estimate = reading.esterror_us == 0 or reading.esterror_us > reading.maxerror_us
    if no_estimate and reading.maxerror_us % _AGEING_US == 0:
        bound_s += UNTOLD_S
    return Offset(0.0 - pending_s, bound_s, measured_at)


class _Timex(ctypes.Structure):
    """struct timex as the C library's plain `adjtimex` has it: longs, so right for 64 and for 32 bit; its tail
    (tai and padding, 48 bytes) is only there to be written to."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_s", ctypes.c_long),
        ("time_us", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tail", ctypes.c_int * 12),
        ("spare", ctypes.c_byte * 128),  # should a C library's struct be longer, it must not write past ours
    )


def read_kernel() -> KernelReading:
    """Ask the kernel. Raises ClockUnavailable where there is no adjtimex or it is forbidden."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError, TypeError) as error:
        raise ClockUnavailable(
            f"this system has no adjtimex(2), Linux has; set [clock] ntp: {error}"
        ) from error
    timex = _Timex(modes=0)
    state = int(adjtimex(ctypes.byref(timex)))
    if state < 0:
        reason = os.strerror(ctypes.get_errno())
        raise ClockUnavailable(
            f"adjtimex(2) failed: {reason}; allow this call in the container's seccomp profile, or set [clock] ntp"
        )
    return KernelReading(state, timex.status, timex.offset, timex.maxerror, timex.esterror)


class KernelClock:
    """Implements ports.ReferenceClock with the kernel's account of itself."""

    source = "kernel"

    def __init__(self, *, time: Time) -> None:
        self._time = time

    async def measure(self) -> Offset:
        """This host's offset, positive when ahead. Raises ClockUnavailable."""
        return interpret(read_kernel(), self._time.wall())

    async def aclose(self) -> None:
        """Nothing is held."""
