"""What concerns all backends: Zoom's own failures, this host's own clock, Zoom's tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from ..join_result import Outcome
from ..offsets import Interval
from .base import FLEET, Cause, Suspicion
from .clock_readings import offset_by
from .finding_causes import POINTING
from .join_causes import Joins
from .leads import Lead, leads
from .mends import advice
from .persistence import still
from .sightings import JoinSeen
from .steady import WRONG_CLOCK_S
from .tables import ENOUGH, counts, described, refused, too_many
from .windows import JOINS_WINDOW_S, BackendWindow

SPANS_S: Final = (900.0, JOINS_WINDOW_S)
"""An incident of minutes stands out in the first, one at a site with few joins needs the second."""

NEWEST: Final = 24
ALSO: Final = 1e-4
"""So unlikely must the failures of the other backends be, to be the same failures."""

DOUBTED: Final = 0.5

SET_BACK_S: Final = 120.0
"""By how much code mostly sets iat back: a signer without Date headers is ahead by its lead and so much at most."""

_CLOCKS: Final = frozenset({Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND})


def fleet_causes(
    found: Mapping[str, tuple[Suspicion, ...]], windows: Mapping[str, BackendWindow], now: float
) -> dict[str, tuple[Suspicion, ...]]:
    """The causes of each backend seen beside those of the others, and under FLEET those of all."""
    result = dict(found)
    _doubt_own_clock(result, windows, now)
    zoom, explains = _zoom_side(windows, now)
    if explains:
        for name, causes in result.items():
            result[name] = tuple(each for each in causes if each.cause is not Cause.UNEXPLAINED)
    result[FLEET] = () if zoom is None else (zoom,)
    return result


def _zoom_side(windows: Mapping[str, BackendWindow], now: float) -> tuple[Suspicion | None, bool]:
    """Whether all backends fail at once, and whether they did within the window: what is over explains its failures."""
    if sum(window.refused_since(now - JOINS_WINDOW_S) > 0 for window in windows.values()) < 2:
        return None, False
    of_each = {name: Joins(window, now) for name, window in windows.items()}
    tries = sum(joins.tries for joins in of_each.values())
    for span_s in SPANS_S:
        rests = {
            name: rest
            for name, joins in of_each.items()
            if (rest := [join for join in joins.rest if join.at >= now - span_s])
        }
        if not _all_fail(rests, tries):
            continue
        together = sorted((join for rest in rests.values() for join in rest), key=lambda join: join.at)
        newest = together[-NEWEST:]
        if still(sum(map(refused, newest)), len(newest), counts(together).share):
            return _incident(rests, span_s), True
        return None, True
    return None, False


def _all_fail(rests: Mapping[str, list[JoinSeen]], tries: int) -> bool:
    """Whichever backend is left out, the others fail too, and none is spared."""
    together = counts([join for rest in rests.values() for join in rest])
    if len(rests) < 2 or too_many(together, tries) >= ENOUGH:
        return False
    for name, rest in rests.items():
        others = counts([join for other, joins in rests.items() if other != name for join in joins])
        of = counts(rest)
        if too_many(others, 1) >= ALSO or not still(of.failed, of.total, together.share):
            return False
    return True


def _incident(rests: Mapping[str, list[JoinSeen]], span_s: float) -> Suspicion:
    told = "; ".join(f"{name}: {described(counts(rest))}" for name, rest in rests.items())
    return Suspicion(
        Cause.ZOOM_SIDE,
        0.9,
        f"All {len(rests)} backends with joins failed together in the last {span_s / 60:.0f} minutes, and leads, HMACs "
        f"and claims are clean: {told}. What they share is Zoom, or the state of the app there.",
        advice(Cause.ZOOM_SIDE),
    )


def _doubt_own_clock(
    found: dict[str, tuple[Suspicion, ...]], windows: Mapping[str, BackendWindow], now: float
) -> None:
    """Where most backends are off by the same and this host's clock is not measured, it may be this host's."""
    offsets: list[Interval] = []
    undated: set[str] = set()
    for name, window in windows.items():
        newest = leads(window.last(now))
        if not newest or newest[-1].kept.seen.issuance.clock_offset_s is not None:
            continue
        offset = offset_by(newest[-1])
        if offset is None:
            undated.add(name)
            offset = _by_iat(newest[-1])
        if offset is not None:
            offsets.append(offset)
    wrong = [each for each in offsets if each.lo > WRONG_CLOCK_S or each.hi < -WRONG_CLOCK_S]
    if len(wrong) < 2 or 2 * len(wrong) <= len(offsets) or not _agree(wrong):
        return
    note = (
        f" {len(wrong)} of {len(offsets)} backends are off by the same: it may be this host's clock, which is not "
        "measured. Configure clock.ntp or synchronise it."
    )
    for name, causes in found.items():
        found[name] = tuple(
            replace(each, confidence=DOUBTED, evidence=each.evidence + note)
            if each.cause in _CLOCKS or (each.cause is Cause.TIMEZONE_SHIFT and name in undated)
            else each
            for each in causes
        )


def _by_iat(lead: Lead) -> Interval | None:
    """What a clock is ahead by that only iat tells; None where iat does not lie ahead, which tells nothing."""
    return Interval(lead.lo, lead.hi + SET_BACK_S) if lead.lo > WRONG_CLOCK_S else None


def _agree(offsets: Iterable[Interval]) -> bool:
    offsets = list(offsets)
    return max(each.lo for each in offsets) <= min(each.hi for each in offsets)


def tolerance(windows: Iterable[BackendWindow], now: float) -> Interval | None:
    """How far iat may be ahead for Zoom, in seconds: between the two ends; None while nothing brackets it.

    From tokens that were refused and, used again later, taken: the lead at which one was taken is tolerated, the
    smallest lead at which one was refused is not. By this host's clock.
    """
    taken: list[float] = []
    turned_away: list[float] = []
    for window in windows:
        first_refused: dict[int, float] = {}
        for join in window.recent_joins(now):
            _bracket(join, first_refused, taken, turned_away)
    if not taken:
        return None
    lo, hi = max(taken), min(turned_away)
    return Interval(lo, hi) if lo <= hi else None


def _bracket(
    join: JoinSeen, first_refused: dict[int, float], taken: list[float], turned_away: list[float]
) -> None:
    if join.token_age_s is None or not POINTING.isdisjoint(join.findings):
        return
    lead = -join.token_age_s
    if join.outcome is Outcome.INVALID_SIGNATURE:
        first_refused[join.receipt] = lead
    elif join.outcome is Outcome.JOINED and join.receipt in first_refused:
        taken.append(lead)
        turned_away.append(first_refused.pop(join.receipt))
