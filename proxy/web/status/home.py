"""What the status page says, worked out: the answer in one sentence, the backends in the order of their trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...domain.diagnosis.base import FLEET
from ...services.joins import Ages
from ...services.summary_shape import BackendSummary, CauseSummary, ClockSummary, Rate, Summary
from .scale import place

PERIODS: Final = ("15m", "1h", "6h", "24h", "7d")

BANDS: Final = (
    "over 60 s ahead",
    "30–60 s ahead",
    "10–30 s ahead",
    "up to 10 s ahead",
    "up to 5 s old",
    "5–30 s old",
    "30–60 s old",
    "1–5 min old",
    "5–60 min old",
    "1–2 h old",
    "over 2 h old",
    "not known",
)
"""Between the edges of services.joins.AGE_EDGES_S."""

MANY_ROWS: Final = 12
"""Of more backends, only those that fail have a row in the table of ages."""


@dataclass(frozen=True, slots=True)
class Named:
    """A backend, or FLEET, with what is told of it."""

    name: str
    told: BackendSummary


@dataclass(frozen=True, slots=True)
class Answer:
    """The page's first sentence. `state`: ill, well, quiet (no joins), or unknown (no ledger)."""

    state: str
    named: Sequence[tuple[str, CauseSummary]]
    """The causes that are suspected, each with its backend."""
    total: BackendSummary


@dataclass(frozen=True, slots=True)
class Band:
    """A range of ages of tokens, with a rate for each row of the table."""

    title: str
    rates: Sequence[Rate | None]


@dataclass(frozen=True, slots=True)
class AgeTable:
    """The 3712 rate by the age of the token: `rows` are backends, `bands` those columns in which anything is."""

    rows: Sequence[str]
    bands: Sequence[Band]


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A clock; `whisker` is where its interval lies in a drawing from 0 to 100, None where it was not measured."""

    name: str
    against: str
    told: ClockSummary | None
    whisker: tuple[float, float] | None


def answer(summary: Summary) -> Answer:
    """What there is to say at once."""
    total = summary.backends[FLEET]
    named = [(one.name, cause) for one in backends(summary) for cause in one.told.causes]
    if named:
        state = "ill"
    elif total.joins is None:
        state = "unknown"
    else:
        state = "well" if any(total.joins.values()) else "quiet"
    return Answer(state, named, total)


def backends(summary: Summary) -> list[Named]:
    """Those with causes first, by what they cost; then as they are configured. FLEET only where it has a cause."""
    named = [Named(name, told) for name, told in summary.backends.items() if name != FLEET or told.causes]
    return sorted(named, key=_trouble, reverse=True)


def _trouble(one: Named) -> tuple[bool, int]:
    costs = max((cause.failed_joins or 0 for cause in one.told.causes), default=0)
    return bool(one.told.causes), costs


def age_table(ages: Ages) -> AgeTable:
    """Backends downwards, ages across."""
    names = [name for name in ages.rates if name != FLEET]
    if len(names) > MANY_ROWS:
        names = [name for name in names if any(rate and rate.refused for rate in ages.rates[name])]
    rows = [FLEET, *sorted(names)]
    bands = [
        Band(title, [ages.rates[name][number] for name in rows])
        for number, title in enumerate(BANDS)
        if ages.rates[FLEET][number] is not None
    ]
    return AgeTable(rows, bands)


def clocks(summary: Summary) -> list[ClockRow]:
    """This host's, then those of the replicas of each backend."""
    host = summary.host_clock
    rows = [ClockRow("this host", "its best reference", host, _whisker(host))]
    for name, told in summary.backends.items():
        for replica, clock in sorted(told.replicas.items()):
            rows.append(ClockRow(f"{name} {replica}".rstrip(), "this host", clock, _whisker(clock)))
    return rows


def _whisker(clock: ClockSummary | None) -> tuple[float, float] | None:
    """From a day behind at 0 to a day ahead at 100, by the scale of the leads; what is less wide than 1 is made so."""
    if clock is None:
        return None
    end = place(86400.0)
    low, high = (
        50 + 50 * max(-1.0, min(1.0, place(clock.offset_s + side * clock.bound_s) / end)) for side in (-1, 1)
    )
    return (low, max(high - low, 1.0)) if low < 99 else (99.0, 1.0)


def period_name(length_s: float) -> str:
    """ "the last hour", "the last 15 minutes"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(round(length_s), length)
        if number and not rest:
            return f"the last {unit}" if number == 1 else f"the last {number} {unit}s"
    return "no time"
