"""What concerns all backends: Zoom's own failures, this host's own clock, Zoom's tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from ..join_result import Outcome
from ..offsets import Interval
from .base import FLEET, Cause, Suspicion
from .exact import binomial_tail
from .join_causes import Joins
from .lead_causes import WRONG_CLOCK_S, clock_offset
from .leads import leads
from .mends import advice
from .sightings import JoinSeen
from .tables import USUAL_SHARE, counts, described
from .windows import BackendWindow

RECENT_S: Final = 900.0
ACTIVE: Final = 5
"""A backend with fewer recent joins says nothing of the fleet."""

ALSO: Final = 1e-3
"""So unlikely must the failures of another backend be, to be the same failures."""

DOUBTED: Final = 0.5

_CLOCKS: Final = frozenset({Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND})


def fleet_causes(
    found: Mapping[str, tuple[Suspicion, ...]], windows: Mapping[str, BackendWindow], now: float
) -> dict[str, tuple[Suspicion, ...]]:
    """The causes of each backend seen beside those of the others, and under FLEET those of all."""
    result = dict(found)
    _doubt_own_clock(result, windows, now)
    zoom = _zoom_side(result, windows, now)
    if zoom is not None:
        for name, causes in result.items():
            result[name] = tuple(each for each in causes if each.cause is not Cause.UNEXPLAINED)
    result[FLEET] = () if zoom is None else (zoom,)
    return result


def _zoom_side(
    found: Mapping[str, tuple[Suspicion, ...]], windows: Mapping[str, BackendWindow], now: float
) -> Suspicion | None:
    """All backends fail at once, and their signatures are sound."""
    unexplained = {
        name for name, causes in found.items() for each in causes if each.cause is Cause.UNEXPLAINED
    }
    if not unexplained:
        return None
    told = []
    active = 0
    for name, window in windows.items():
        rest = [join for join in Joins(window, now).rest if join.at >= now - RECENT_S]
        of = counts(rest)
        if of.total < ACTIVE:
            continue
        active += 1
        also = binomial_tail(int(of.size * of.share), -int(-of.size // 1), USUAL_SHARE) < ALSO
        if name not in unexplained and not also:
            return None
        told.append(f"{name}: {described(of)}")
    if active < 2:
        return None
    return Suspicion(
        Cause.ZOOM_SIDE,
        0.9,
        f"All {active} backends with joins fail at once in the last {RECENT_S / 60:.0f} minutes, and leads, HMACs and "
        f"claims are clean: {'; '.join(told)}. What they share is Zoom, or the state of the app there.",
        advice(Cause.ZOOM_SIDE),
    )


def _doubt_own_clock(
    found: dict[str, tuple[Suspicion, ...]], windows: Mapping[str, BackendWindow], now: float
) -> None:
    """Where most backends are off by the same and this host's clock is not measured, it may be this host's."""
    offsets: list[Interval] = []
    for window in windows.values():
        newest = leads(window.last(now))
        offset = clock_offset(newest)
        if offset is not None and newest[-1].kept.seen.issuance.clock_offset_s is None:
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
            if each.cause in _CLOCKS
            else each
            for each in causes
        )


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
    if join.token_age_s is None or join.findings not in ((), ("time/iat_ahead",)):
        return
    lead = -join.token_age_s
    if join.outcome is Outcome.INVALID_SIGNATURE:
        first_refused[join.receipt] = lead
    elif join.outcome is Outcome.JOINED and join.receipt in first_refused:
        taken.append(lead)
        turned_away.append(first_refused.pop(join.receipt))
