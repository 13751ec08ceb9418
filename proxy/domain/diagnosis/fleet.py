"""What concerns all backends: Zoom's own failures, this host's own clock, Zoom's tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..join_result import Outcome
from ..offsets import Interval
from .base import FLEET, Cause, Suspicion
from .clock_readings import offset_by
from .finding_causes import POINTING
from .joins import Joins
from .leads import Lead, leads
from .mends import advice
from .persistence import still
from .sightings import JoinSeen
from .steady import ONE_OF_TWO, SURE, UNDATED, WRONG_CLOCK_S
from .tables import ENOUGH, Counts, counts, described, refused, too_many
from .windows import JOINS_WINDOW_S, BackendWindow

SPANS_S: Final = (900.0, JOINS_WINDOW_S)
"""An incident of minutes stands out in the first, one at a site with few joins needs the second."""

NEWEST: Final = 24
ALSO: Final = 1e-4
"""So unlikely must the failures of the other backends be, to be the same failures."""

DOUBTED: Final = 0.5

SET_BACK_S: Final = 120.0
"""By how much code mostly sets iat back: a signer without Date headers is ahead by its lead and so much at most."""

SURELY_AHEAD_S: Final = 2.0
"""A join is placed in time no better than that."""

_CLOCKS: Final = frozenset({Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND})


def fleet_causes(
    found: Mapping[str, tuple[Suspicion, ...]],
    windows: Mapping[str, BackendWindow],
    joins: Mapping[str, Joins],
    now: float,
) -> dict[str, tuple[Suspicion, ...]]:
    """The causes of each backend seen beside those of the others, and under FLEET those of all."""
    result = dict(found)
    _weigh_clocks(result, windows, now)
    zoom, explains = _zoom_side(joins, now)
    if explains:
        for name, causes in result.items():
            result[name] = tuple(each for each in causes if each.cause is not Cause.UNEXPLAINED)
    result[FLEET] = () if zoom is None else (zoom,)
    return result


def _zoom_side(of_each: Mapping[str, Joins], now: float) -> tuple[Suspicion | None, bool]:
    """Whether all backends fail at once, and whether they did within the window: what is over explains its failures."""
    if sum(joins.any_refused for joins in of_each.values()) < 2:
        return None, False
    tries = sum(joins.tries for joins in of_each.values())
    for span_s in SPANS_S:
        rests = {
            name: rest
            for name, joins in of_each.items()
            if (rest := [join for join in joins.rest if join.at >= now - span_s])
        }
        shares = {name: counts(rest) for name, rest in rests.items()}
        if not _all_fail(shares, tries):
            continue
        together = sorted((join for rest in rests.values() for join in rest), key=lambda join: join.at)
        newest = together[-NEWEST:]
        if still(sum(map(refused, newest)), len(newest), _sum(shares.values()).share):
            return _incident(shares, span_s), True
        return None, True
    return None, False


def _all_fail(shares: Mapping[str, Counts], tries: int) -> bool:
    """Whichever backend is left out, the others fail too, and none is spared."""
    together = _sum(shares.values())
    if len(shares) < 2 or too_many(together, tries) >= ENOUGH:
        return False
    return all(
        too_many(_without(together, of), 1) < ALSO and still(of.failed, of.total, together.share)
        for of in shares.values()
    )


def _sum(of: Iterable[Counts]) -> Counts:
    of = list(of)
    return Counts(
        sum(each.failed for each in of), sum(each.fine for each in of), sum(each.size for each in of)
    )


def _without(together: Counts, of: Counts) -> Counts:
    return Counts(together.failed - of.failed, together.fine - of.fine, max(0.0, together.size - of.size))


def _incident(shares: Mapping[str, Counts], span_s: float) -> Suspicion:
    told = "; ".join(f"{name}: {described(of)}" for name, of in shares.items())
    return Suspicion(
        Cause.ZOOM_SIDE,
        0.9,
        f"All {len(shares)} backends with joins failed together in the last {span_s / 60:.0f} minutes, and leads, "
        f"HMACs and claims are clean: {told}. What they share is Zoom, or the state of the app there.",
        advice(Cause.ZOOM_SIDE),
    )


def _weigh_clocks(
    found: dict[str, tuple[Suspicion, ...]], windows: Mapping[str, BackendWindow], now: float
) -> None:
    """Where this host's clock is not measured, the clocks of the other backends tell which of two is wrong."""
    offsets: dict[str, Interval] = {}
    dated: set[str] = set()
    for name, window in windows.items():
        newest = leads(window.last(now))
        if newest and newest[-1].kept.seen.issuance.clock_offset_s is None:
            offset = offset_by(newest[-1])
            if offset is not None:
                dated.add(name)
            else:
                offset = _by_iat(newest[-1])
            if offset is not None:
                offsets[name] = offset
    wrong = {name for name, each in offsets.items() if each.lo > WRONG_CLOCK_S or each.hi < -WRONG_CLOCK_S}
    right = len(offsets) - len(wrong)
    for name in wrong & found.keys():
        found[name] = tuple(
            _told_by_others(each, right, [offsets[other] for other in wrong], name in dated)
            # A zone beside a Date is told by the two, whatever this host's clock says.
            if each.cause in _CLOCKS or (each.cause is Cause.TIMEZONE_SHIFT and name not in dated)
            else each
            for each in found[name]
        )


def _told_by_others(one: Suspicion, right: int, wrong: Sequence[Interval], dated: bool) -> Suspicion:
    """As sure as if this host's clock were measured where others agree with it; what joins tell, they tell anyway."""
    if one.confidence > SURE:
        return one
    if right and right >= len(wrong):
        note = f" The clocks of {right} other backend{'s' if right > 1 else ''} agree with this host's."
        sure = UNDATED
        if dated and one.confidence >= ONE_OF_TWO:  # What is less was doubted by the joins.
            sure = SURE
        elif one.confidence < ONE_OF_TWO and not dated:
            sure = one.confidence
        return replace(one, confidence=max(one.confidence, sure), evidence=one.evidence + note)
    if len(wrong) > 1 and _agree(wrong):
        note = (
            f" {len(wrong)} of {right + len(wrong)} backends are off by the same: it may be this host's clock, which "
            "is not measured. Configure clock.ntp or synchronise it."
        )
        return replace(one, confidence=min(one.confidence, DOUBTED), evidence=one.evidence + note)
    note = " Nothing tells which of the two clocks is wrong: configure clock.ntp, or synchronise this host."
    return replace(one, evidence=one.evidence + note)


def _by_iat(lead: Lead) -> Interval | None:
    """What a clock is ahead by that only iat tells; None where iat does not lie ahead, which tells nothing."""
    return Interval(lead.lo, lead.hi + SET_BACK_S) if lead.lo > WRONG_CLOCK_S else None


def _agree(offsets: Iterable[Interval]) -> bool:
    offsets = list(offsets)
    return max(each.lo for each in offsets) <= min(each.hi for each in offsets)


def tolerance(windows: Iterable[BackendWindow], now: float) -> Interval | None:
    """How far iat may be ahead for Zoom, in seconds: between the two ends; None while nothing brackets it.

    From tokens that were refused and, used again later, taken. The odd tenth at either end is left out: who tries
    again may have been refused for something else. By this host's clock.
    """
    brackets = [bracket for window in windows for bracket in _brackets(window.recent_joins(now))]
    if not brackets:
        return None
    odd = len(brackets) // 10
    taken = sorted(max(0.0, lead) for lead, _ in brackets)[-1 - odd]
    turned_away = sorted(lead for _, lead in brackets)[odd]
    return Interval(taken, turned_away) if taken <= turned_away else None


def _brackets(joins: Iterable[JoinSeen]) -> Iterator[tuple[float, float]]:
    """For each token that was refused for its iat and taken later: its lead when it was taken, and when refused."""
    refused_at: dict[int, float] = {}
    for join in joins:
        if join.token_age_s is None or not POINTING.isdisjoint(join.findings):
            continue
        lead = -join.token_age_s
        if refused(join) and lead > SURELY_AHEAD_S:
            refused_at[join.receipt] = lead
        elif join.outcome is Outcome.JOINED and join.receipt in refused_at:
            yield lead, refused_at.pop(join.receipt)
