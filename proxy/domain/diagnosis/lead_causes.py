"""What the leads of one signer speak for: rounding, its clock, its time zone, a missing margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Final

from ..offsets import DRIFT, WINDOW_S, Interval
from ..offsets import span as agreement
from .base import Cause, Suspicion
from .leads import Lead, constant, groups
from .mends import advice
from .persistence import goes_on
from .quantisation import MANY_IATS, Quantised, quantised, step_of
from .wording import percent, seconds, seldom, span, stands

NEEDED: Final = 3
"""Fewer signatures may all have come out of one odd moment."""

NEWEST: Final = 24

WRONG_CLOCK_S: Final = 3.0
"""A clock within it is right enough: two seconds are common, and a bound may just miss."""

QUARTER_HOUR_S: Final = 900
ZONE_MARGINS_S: Final = (0, 10, 15, 20, 30, 45, 60, 90, 120)
ZONE_SLACK_S: Final = 5.0
ZONE_MAX_S: Final = 14 * 3600 + ZONE_SLACK_S
HONEST_MARGIN_S: Final = 7200
"""Some set iat back by two hours: a shift backwards is a time zone beyond it only."""

SEEN_AHEAD_S: Final = 0.05
AHEAD_PART: Final = 0.2
NO_DELAY_S: Final = 5.0
"""A page joins within it: where no join was seen, a lead beyond it is taken to fail."""

KEPT_BACK_S: Final = 60
"""What a mended iat should be set back by besides."""


def lead_causes(of: Sequence[Lead], delays: Sequence[float]) -> list[Suspicion]:
    """The causes in the leads of one signer, oldest first. `delays`: seconds from sending to joining, of its joins."""
    rounding = quantised(of)
    if rounding is not None and _goes_on(of, rounding):
        clock = _wrong_clock(of, None, delays)
        return [_rounding(rounding), *([] if clock is None else [clock])]
    newest = [lead for lead in of if lead.fresh][-NEWEST:]
    if len(newest) < NEEDED:
        return []
    several = groups(newest)
    if several:
        found = [_steady(group, delays, len(group) / len(newest)) for group in several]
        by_cause = {each.cause: each for each in found if each is not None}
        if Cause.BACKEND_CLOCK_AHEAD in by_cause or Cause.BACKEND_CLOCK_BEHIND in by_cause:
            # Their Dates, all mixed up, could not tell the one from the other.
            by_cause.pop(Cause.TIMEZONE_SHIFT, None)
        return list(by_cause.values())
    if constant(newest) is None:  # Perhaps it was another before: a mended clock, a deployment.
        newest = newest[-2 * NEEDED :]
    cause = _steady(newest, delays, 1.0)
    return [] if cause is None else [cause]


def _goes_on(of: Sequence[Lead], rounding: Quantised) -> bool:
    """Whether the newest tokens are rounded still: a mended endpoint is not accused of its past."""
    fresh = [lead for lead in of if lead.fresh]
    hits = [rounding.fits(lead.iat) for lead in (fresh if len(fresh) >= NEEDED else of)]
    return goes_on(hits, by_chance=1 / rounding.step_s)


def _rounding(found: Quantised) -> Suspicion:
    chance = f" (by chance {seldom(found.chance)})" if found.on >= MANY_IATS else ""
    part = "" if found.on == found.of else f"; {percent(found.share)} of the signatures are"
    how = "as milliseconds and again as seconds" if found.twice else "once"
    evidence = (
        f"{found.on} of {found.of} distinct iat are {found.residue_s:g} modulo {found.step_s:g} s{chance}{part}, "
        f"while iat was {stands(found.spread)}. A 32-bit float rounds so, {how}; "
        f"iat is set back by {_margin(found)}, so that {_predicted_range(found)} of the signatures are ahead when made."
    )
    return Suspicion(
        Cause.FLOAT32_ROUNDING,
        0.99 if found.on >= MANY_IATS else 0.95,
        evidence,
        advice(Cause.FLOAT32_ROUNDING),
        predicted_share=found.predicted_share,
        heals_s=found.heals_s,
    )


def _margin(found: Quantised) -> str:
    margin = found.margin
    if margin.lo == margin.hi:
        return f"{margin.lo:g} s"
    return f"{max(0.0, margin.lo):.0f} to {margin.hi:.0f} s, {found.likely_margin:g} s is usual"


def _predicted_range(found: Quantised) -> str:
    least, most = (found.share * found.ahead(margin) for margin in (found.margin.hi, found.margin.lo))
    likely = percent(found.predicted_share)
    return likely if most - least < 0.005 else f"{percent(least)} to {percent(most)} (likely {likely})"


def _steady(of: Sequence[Lead], delays: Sequence[float], share: float) -> Suspicion | None:
    """The cause of a lead that stands still. `share`: the part of the signatures that has it."""
    measured = constant(of)
    if len(of) < NEEDED or measured is None:
        return None
    host = _host(of[-1])
    lead = Interval(measured.lo + host.lo, measured.hi + host.hi)
    return (
        _zone(of, lead, share)
        or _wrong_clock(of, lead, delays, share)
        or _ahead_for_no_reason(of, lead, delays, share)
        or _no_margin(of, lead, delays, share)
    )


def clock_offset(of: Sequence[Lead]) -> Interval | None:
    """The signer's clock against the reference, or against this host's where that is not measured.

    None unless the last measurements agree: the first Date of a window may come out of a cache.
    """
    measured = list(islice(filter(None, map(offset_by, reversed(of))), NEEDED))
    if len(measured) >= NEEDED and all(measured[0].overlaps(each) for each in measured):
        return measured[0]
    return _by_own_dates(of)


def _by_own_dates(of: Sequence[Lead]) -> Interval | None:
    """Of one host among several behind one address: what the Dates of its own replies agree on."""
    dates = [lead.kept.seen.date.widened(DRIFT * WINDOW_S) for lead in of if lead.kept.seen.date is not None]
    agreed = agreement(dates, NEEDED)
    if agreed is None:
        return None
    host = _host(of[-1])
    return Interval(agreed.lo + host.lo, agreed.hi + host.hi)


def offset_by(lead: Lead) -> Interval | None:
    """The same, by what was known at one signature."""
    issuance, host = lead.kept.seen.issuance, _host(lead)
    offset, bound = issuance.backend_clock_offset_s, issuance.backend_clock_bound_s
    if offset is None or bound is None:
        return None
    return Interval(offset - bound + host.lo, offset + bound + host.hi)


def _host(lead: Lead) -> Interval:
    """This host's clock against its reference; taken for right where it is not measured."""
    issuance = lead.kept.seen.issuance
    offset, bound = issuance.clock_offset_s, issuance.clock_bound_s
    return Interval(0.0, 0.0) if offset is None or bound is None else Interval(offset - bound, offset + bound)


def _measured(of: Sequence[Lead]) -> bool:
    return of[-1].kept.seen.issuance.clock_offset_s is not None


def _against(of: Sequence[Lead]) -> str:
    return "the reference clock" if _measured(of) else "this host's clock, which is not measured itself"


def _in_all(of: Sequence[Lead], lead: Interval) -> str:
    """Where iat stands in these, and by which clock."""
    clock = "" if _measured(of) else " by this host's clock (not measured)"
    return f"In {len(of)} signatures iat is {stands(lead)}{clock}"


def _zone(of: Sequence[Lead], lead: Interval, share: float) -> Suspicion | None:
    clock = clock_offset(of)
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
        f"{_in_all(of, lead)}, which is {zone} h less a usual margin{date}. "
        "Local time was read as UTC, or UTC as local time."
    )
    return Suspicion(
        Cause.TIMEZONE_SHIFT,
        0.95 if clock is not None else 0.9,
        evidence,
        advice(Cause.TIMEZONE_SHIFT),
        predicted_share=share if quarters > 0 else None,
        heals_s=lead.hi if quarters > 0 else None,
    )


def _quarters(shift: Interval) -> int | None:
    """The zone in quarters of an hour, east positive, less one of the usual margins; None where it is none."""
    middle, slack = _middle(shift), ZONE_SLACK_S + (shift.hi - shift.lo) / 2
    if slack > 2 * ZONE_SLACK_S or abs(middle) > ZONE_MAX_S:
        return None
    for margin in ZONE_MARGINS_S:
        quarters = round((middle + margin) / QUARTER_HOUR_S)
        off = abs(middle + margin - quarters * QUARTER_HOUR_S)
        if off <= slack and (quarters > 0 or quarters * QUARTER_HOUR_S < -HONEST_MARGIN_S):
            return quarters
    return None


def _wrong_clock(
    of: Sequence[Lead], lead: Interval | None, delays: Sequence[float], share: float = 1.0
) -> Suspicion | None:
    """`lead`: by the reference; None: it moves, so that only the clock itself can be told."""
    clock = clock_offset(of)
    if clock is None or (clock.hi >= -WRONG_CLOCK_S and clock.lo <= WRONG_CLOCK_S):
        return None
    ahead = clock.lo > WRONG_CLOCK_S
    offset, bound = _middle(clock), (clock.hi - clock.lo) / 2
    so_iat = "" if lead is None else f" iat is {stands(lead)}."
    evidence = (
        f"By its Date headers the clock is {abs(offset):.2f} s {'ahead of' if ahead else 'behind'} {_against(of)}, "
        f"give or take {bound:.2f} s.{so_iat}"
    )
    if not ahead:
        return Suspicion(Cause.BACKEND_CLOCK_BEHIND, 0.97, evidence, advice(Cause.BACKEND_CLOCK_BEHIND))
    return Suspicion(
        Cause.BACKEND_CLOCK_AHEAD,
        0.97,
        evidence,
        _set_back(clock.hi),
        predicted_share=None if lead is None else _predicted(lead, delays, share),
        heals_s=None if lead is None else max(0.0, lead.hi),
    )


def _ahead_for_no_reason(
    of: Sequence[Lead], lead: Interval, delays: Sequence[float], share: float
) -> Suspicion | None:
    """iat is ahead and the Date header does not say why: it may come from another host than the one that signs."""
    if lead.lo <= WRONG_CLOCK_S or not _turning(of, lead):
        return None
    clock = clock_offset(of)
    date = "there is no Date header to read its clock from"
    if clock is not None:
        date = f"yet by the Date header the clock is right ({span(clock)}): it may be a balancer's, or the code adds"
    evidence = f"{_in_all(of, lead)}; {date}."
    return Suspicion(
        Cause.BACKEND_CLOCK_AHEAD,
        0.7 if clock is None else 0.6,
        evidence,
        _set_back(lead.hi),
        predicted_share=_predicted(lead, delays, share),
        heals_s=lead.hi,
    )


def _no_margin(of: Sequence[Lead], lead: Interval, delays: Sequence[float], share: float) -> Suspicion | None:
    """iat is ahead by less than a wrong clock: harmless mostly, and nothing is left for a clock that drifts."""
    ahead = [each for each in of if each.lo + _host(each).lo > SEEN_AHEAD_S]
    if len(ahead) < max(NEEDED, AHEAD_PART * len(of)) or not _turning(of, lead):
        return None
    most = max(each.lo + _host(each).lo for each in ahead)
    evidence = (
        f"In {len(ahead)} of {len(of)} signatures iat was ahead of the time, by up to {seconds(most)}: it is the "
        "current second, rounded or by a clock a little fast, with no margin."
    )
    return Suspicion(
        Cause.NO_MARGIN,
        0.9,
        evidence,
        f"{advice(Cause.NO_MARGIN)} Set iat back by at least {KEPT_BACK_S} s.",
        predicted_share=_predicted(lead, delays, share),
        heals_s=max(0.0, lead.hi),
    )


def _turning(of: Sequence[Lead], lead: Interval) -> bool:
    """Whether iat goes with the clock: a rounded one stands still for minutes, and has not moved yet."""
    step = step_of(of[-1].iat, of[-1].kept.seen.issuance.format)
    if lead.lo > step + ZONE_SLACK_S:
        return True
    return len({each.iat % step for each in of}) > 1


def _predicted(lead: Interval, delays: Sequence[float], share: float) -> float | None:
    """The share of joins that comes before iat has passed, which lies up to a second before the lead."""
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
