"""How figures are written in evidence: always with the range in which they may lie."""

from __future__ import annotations

import math

from ..offsets import Interval


def percent(share: float) -> str:
    """A share with the digits that mean something."""
    return f"{share * 100:.3g} %"


def seconds(value: float) -> str:
    """Seconds, to the tenth."""
    return f"{value:.1f} s"


def stands(lead: Interval) -> str:
    """Where iat stands from the time."""
    if lead.lo >= 0:
        return f"{lead.lo:.1f} to {lead.hi:.1f} s ahead of the time"
    if lead.hi <= 0:
        return f"{-lead.hi:.1f} to {-lead.lo:.1f} s behind the time"
    return f"between {-lead.lo:.1f} s behind and {lead.hi:.1f} s ahead of the time"


def seldom(chance: float) -> str:
    """How often something happens by chance."""
    times = 1 / max(chance, 1e-300)
    return f"once in {times:,.0f}" if times < 1e9 else f"once in 10^{math.floor(math.log10(times))}"


def span(interval: Interval | None) -> str:
    """An interval of leads or offsets, with signs."""
    return "unknown" if interval is None else f"{interval.lo:+.1f} to {interval.hi:+.1f} s"
