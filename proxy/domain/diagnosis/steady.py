"""What a lead that stands still speaks for: the signer's clock, its time zone, a missing margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from ..offsets import Interval
from .base import Cause, Suspicion
from .clock_readings import host, host_is_measured
from .leads import Lead, constant
from .mends import advice
from .quantisation import step_of
from .wording import seconds, span, stands

NEEDED: Final = 3
"""Fewer signatures may all have come out of one odd moment."""

WRONG_CLOCK_S: Final = 3.0
"""A clock within it is right enough: two seconds are common, and a bound may just miss."""

QUARTER_HOUR_S: Final = 900
ZONE_MARGINS_S: Final = (0, 10, 15, 20, 30, 45, 60, 90, 120, 7200)
ZONES: Final = frozenset({*range(-48, 60, 4), -38, -14, -10, 14, 18, 22, 23, 26, 35, 38, 42, 51, 55} - {0})
"""In quarters of an hour: whole hours from -12 to +14, and those beside them that the tz database has today."""

ZONE_SLACK_S: Final = 5.0
ZONE_MAX_S: Final = 14 * 3600 + ZONE_SLACK_S
HONEST_MARGIN_S: Final = 7200
"""Some set iat back by two hours: a shift backwards is a time zone beyond it only."""

SURE: Final = 0.97
ONE_OF_TWO: Final = 0.6
"""Two clocks differ and nothing else tells which of them is wrong: fleet.py may know more."""

UNDATED: Final = 0.7
"""iat is ahead, and no Date header tells whether it is the clock or the code."""

SETTLED_S: Final = 10.0
"""The first Dates of a window may be old and are outvoted later: where iat does not say the same, there is time."""

SEEN_AHEAD_S: Final = 0.05
AHEAD_PART: Final = 0.2
NO_DELAY_S: Final = 5.0
"""A page joins within it: where no join was seen, a lead beyond it is taken to fail."""

KEPT_BACK_S: Final = 60
"""What a mended iat should be set back by besides."""


class Steady(msgspec.Struct, frozen=True, gc=False):
    """A lead that stands still, by the reference clock. `clock`: the signer's, None where it is not known.

    `share`: the part of the signatures that has this lead; `delays`: seconds from sending to joining, of the joins.
    """

    of: Sequence[Lead]
    lead: Interval
    clock: Interval | None
    delays: Sequence[float]
    share: float


def steady_cause(
    of: Sequence[Lead],
    clock: Interval | None,
    delays: Sequence[float],
    share: float = 1.0,
    *,
    settled: bool = True,
) -> Suspicion | None:
    """The cause of a lead that stands still, if it does, and if anything is wrong with it."""
    measured = constant(of)
    if len(of) < NEEDED or measured is None:
        return None
    own = host(of[-1])
    seen = Steady(of, Interval(measured.lo + own.lo, measured.hi + own.hi), clock, delays, share)
    return (
        _zone(seen)
        or wrong_clock(of, clock, seen, settled=settled)
        or _ahead_for_no_reason(seen)
        or _no_margin(seen)
    )


def _against(of: Sequence[Lead]) -> str:
    return (
        "the reference clock" if host_is_measured(of) else "this host's clock, which is not measured itself"
    )


def _in_all(seen: Steady) -> str:
    """Where iat stands in these, and by which clock."""
    clock = "" if host_is_measured(seen.of) else " by this host's clock (not measured)"
    return f"In {len(seen.of)} signatures iat is {stands(seen.lead)}{clock}"


def _zone(seen: Steady) -> Suspicion | None:
    lead, clock = seen.lead, seen.clock
    shift = lead
    if clock is not None:
        if abs(_middle(clock)) > QUARTER_HOUR_S / 2:
            return None  # The clock itself is off by as much: no zone.
        shift = Interval(lead.lo - clock.hi, lead.hi - clock.lo)
    quarters = _quarters(shift)
    if quarters is None:
        return None
    zone = f"{'+' if quarters > 0 else '-'}{abs(quarters) // 4}:{abs(quarters) % 4 * 15:02}"
    date = f"; its Date header is right ({span(clock)})" if clock is not None else ""
    evidence = (
        f"{_in_all(seen)}, which is {zone} h less a usual margin{date}. "
        "Local time was read as UTC, or UTC as local time."
    )
    return Suspicion(
        Cause.TIMEZONE_SHIFT,
        0.95 if clock is not None else 0.8,
        evidence,
        advice(Cause.TIMEZONE_SHIFT),
        predicted_share=seen.share if quarters > 0 else None,
        heals_s=lead.hi if quarters > 0 else None,
    )


def _quarters(shift: Interval) -> int | None:
    """The zone in quarters of an hour, east positive, less one of the usual margins; None where it is none."""
    middle, slack = _middle(shift), ZONE_SLACK_S + (shift.hi - shift.lo) / 2
    if slack > 2 * ZONE_SLACK_S or not QUARTER_HOUR_S / 2 < abs(middle) <= ZONE_MAX_S:
        return None
    for margin in ZONE_MARGINS_S:
        quarters = round((middle + margin) / QUARTER_HOUR_S)
        off = abs(middle + margin - quarters * QUARTER_HOUR_S)
        fails = quarters > 0 and middle > 0  # A zone that the margin hides is taken for a margin.
        is_zone = quarters in ZONES and (fails or quarters * QUARTER_HOUR_S < -HONEST_MARGIN_S)
        if off <= slack and is_zone:
            return quarters
    return None


def wrong_clock(
    of: Sequence[Lead], clock: Interval | None, seen: Steady | None = None, *, settled: bool
) -> Suspicion | None:
    """`seen` None: the lead moves, so that only the clock itself can be told. `settled`: see SETTLED_S."""
    if clock is None or (clock.hi >= -WRONG_CLOCK_S and clock.lo <= WRONG_CLOCK_S):
        return None
    ahead = clock.lo > WRONG_CLOCK_S
    iat_agrees = seen is not None and (
        seen.lead.lo > WRONG_CLOCK_S if ahead else seen.lead.hi < -HONEST_MARGIN_S - WRONG_CLOCK_S
    )
    if not (iat_agrees or settled):
        return None
    offset, bound = _middle(clock), (clock.hi - clock.lo) / 2
    so_iat = "" if seen is None else f" iat is {stands(seen.lead)}."
    evidence = (
        f"By its Date headers the clock is {abs(offset):.2f} s {'ahead of' if ahead else 'behind'} {_against(of)}, "
        f"give or take {bound:.2f} s.{so_iat}"
    )
    confidence = SURE if host_is_measured(of) else ONE_OF_TWO
    if not ahead:
        return Suspicion(Cause.BACKEND_CLOCK_BEHIND, confidence, evidence, advice(Cause.BACKEND_CLOCK_BEHIND))
    return Suspicion(
        Cause.BACKEND_CLOCK_AHEAD,
        confidence,
        evidence,
        _set_back(clock.hi),
        predicted_share=None if seen is None else _predicted(seen),
        heals_s=None if seen is None else max(0.0, seen.lead.hi),
    )


def _ahead_for_no_reason(seen: Steady) -> Suspicion | None:
    """iat is ahead and the Date header does not say why: it may come from another host than the one that signs."""
    lead, clock = seen.lead, seen.clock
    if lead.lo <= WRONG_CLOCK_S or not _turning(seen):
        return None
    date = "there is no Date header to read its clock from"
    if clock is not None:
        date = f"yet by the Date header the clock is right ({span(clock)}): it may be a balancer's, or the code adds"
    evidence = f"{_in_all(seen)}; {date}."
    return Suspicion(
        Cause.BACKEND_CLOCK_AHEAD,
        UNDATED if clock is None and host_is_measured(seen.of) else ONE_OF_TWO,
        evidence,
        _set_back(lead.hi),
        predicted_share=_predicted(seen),
        heals_s=lead.hi,
    )


def _no_margin(seen: Steady) -> Suspicion | None:
    """iat is ahead by less than a wrong clock: harmless mostly, and nothing is left for a clock that drifts."""
    of = seen.of
    ahead = [each for each in of if each.lo + host(each).lo > SEEN_AHEAD_S]
    if len(ahead) < max(NEEDED, AHEAD_PART * len(of)) or not _turning(seen):
        return None
    most = max(each.lo + host(each).lo for each in ahead)
    evidence = (
        f"In {len(ahead)} of {len(of)} signatures iat was ahead of the time, by up to {seconds(most)}: it is the "
        "current second, rounded or by a clock a little fast, with no margin."
    )
    return Suspicion(
        Cause.NO_MARGIN,
        0.9,
        evidence,
        f"{advice(Cause.NO_MARGIN)} Set iat back by at least {KEPT_BACK_S} s.",
        predicted_share=_predicted(seen),
        heals_s=max(0.0, seen.lead.hi),
    )


def _turning(seen: Steady) -> bool:
    """Whether iat goes with the clock: a rounded one stands still for minutes, and has not moved yet."""
    of = seen.of
    step = step_of(of[-1].iat, of[-1].kept.seen.issuance.format)
    if seen.lead.lo > step + ZONE_SLACK_S:
        return True
    return len({each.iat % step for each in of}) > 1


def _predicted(seen: Steady) -> float | None:
    """The share of joins that comes before iat has passed, which lies up to a second before the lead."""
    lead, delays, share = seen.lead, seen.delays, seen.share
    if delays:
        return share * sum(min(1.0, max(0.0, _middle(lead) - delay)) for delay in delays) / len(delays)
    if lead.lo > NO_DELAY_S:
        return share
    return 0.0 if lead.hi <= 0 else None


def _set_back(ahead_s: float) -> str:
    back = math.ceil((ahead_s + KEPT_BACK_S) / 10) * 10
    return f"{advice(Cause.BACKEND_CLOCK_AHEAD)} Until then set iat back by at least {back} s."


def _middle(interval: Interval) -> float:
    return (interval.lo + interval.hi) / 2
