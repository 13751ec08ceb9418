"""The scale of leads: linear about 0, where rounding and margins show, and compressed beyond, where time zones lie."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LINEAR_S: Final = 120.0
"""Up to here, either way, a second is a second."""

BEYOND: Final = 0.35
"""Beyond, each factor of e takes as much room as this part of LINEAR_S."""

TICKS_S: Final = (30, 60, 120, 600, 3600, 14400, 50400, 172800, 864000, 8640000, 86400000)
"""Where there may be a line, either way; 50400 s is the time zone that is the furthest ahead."""

LEAST_S: Final = (-60.0, 50.0)
"""What every picture shows at least: a still line must look still, and 0 must not be at the edge."""

_PAD: Final = 0.1


def place(lead_s: float) -> float:
    """Where a lead stands, in seconds near 0. status/scale.js does the same."""
    size = abs(lead_s)
    if size <= LINEAR_S:
        return lead_s
    return math.copysign(LINEAR_S * (1.0 + BEYOND * math.log(size / LINEAR_S)), lead_s)


@dataclass(frozen=True, slots=True)
class Extent:
    """From where to where a picture reaches, in places. Joins whose lead is not known stand in a lane below `low`."""

    low: float
    high: float

    @classmethod
    def of(cls, leads_s: Iterable[float]) -> Extent:
        """Around all of them."""
        known = [*LEAST_S, *leads_s]
        low, high = place(min(known)), place(max(known))
        pad = _PAD * (high - low)
        return cls(low - pad, high + pad)

    def ticks(self, least_apart: float) -> list[float]:
        """Leads in seconds for lines at least so far apart (in places); 0 is one of them."""
        found = [0.0]
        for sign in (1.0, -1.0):
            last = 0.0
            for each in TICKS_S:
                at = place(sign * each)
                if self.low <= at <= self.high and abs(at - last) >= least_apart:
                    found.append(sign * each)
                    last = at
        return sorted(found)


def tick_label(lead_s: float) -> str:
    """As short as can be: "+30 s", "0", "−2 min", "+14 h"."""
    if not lead_s:
        return "0"
    size = abs(lead_s)
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if size >= (2 * length if unit == "d" else length):
            break
    return f"{'+' if lead_s > 0 else '−'}{size / length:,.0f} {unit}"
