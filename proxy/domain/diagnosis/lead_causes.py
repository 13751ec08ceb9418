"""What the leads of one signer speak for: rounding where they move, and what steady.py knows where they stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .base import Cause, Suspicion
from .clock_readings import clock_offset, offset_by_own_dates
from .leads import Lead, constant, groups, moved
from .mends import advice
from .persistence import goes_on
from .quantisation import MANY_IATS, MOVED_S, Quantised, quantised
from .steady import NEEDED, SETTLED_S, steady_cause, wrong_clock
from .wording import percent, seldom, stands

NEWEST: Final = 24


def lead_causes(of: Sequence[Lead], delays: Sequence[float]) -> list[Suspicion]:
    """The causes in the leads of one signer, oldest first. `delays`: seconds from sending to joining, of its joins."""
    settled = bool(of) and of[-1].at - of[0].at >= SETTLED_S
    rounding = quantised(of)
    if rounding is not None and _goes_on(of, rounding):
        clock = wrong_clock(of, clock_offset(of), settled=settled)
        return [_rounding(rounding, delays), *([] if clock is None else [clock])]
    newest = [lead for lead in of if lead.fresh][-NEWEST:]
    if len(newest) < NEEDED:
        return []
    several = groups(newest)
    if several:
        found = [
            steady_cause(group, offset_by_own_dates(group), delays, len(group) / len(newest), settled=settled)
            for group in several
        ]
        return list({each.cause: each for each in found if each is not None}.values())
    if moved([lead for lead in of if lead.fresh and lead.iat == newest[-1].iat]) > MOVED_S:
        return []  # iat stands still while time goes on, say at the begin of the hour: that is no clock.
    if constant(newest) is None:  # Perhaps it was another before: a mended clock, a deployment.
        newest = newest[-2 * NEEDED :]
    cause = steady_cause(newest, clock_offset(newest), delays, settled=settled)
    return [] if cause is None else [cause]


def _goes_on(of: Sequence[Lead], rounding: Quantised) -> bool:
    """Whether the newest tokens are rounded still: a mended endpoint is not accused of its past."""
    fresh = [lead for lead in of if lead.fresh]
    hits = [rounding.fits(lead.iat) for lead in (fresh if len(fresh) >= NEEDED else of)]
    return goes_on(hits, by_chance=1 / rounding.step_s)


def _rounding(found: Quantised, delays: Sequence[float]) -> Suspicion:
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
        predicted_share=found.predicted_after(delays),
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
