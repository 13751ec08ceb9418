"""iat that went through a 32-bit float: told by one common residue, and by a lead that moves as only rounding does.

A float has 24 significant bits: between 2^30 and 2^31 seconds (2004 to 2038) it knows every 128th second only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from ..offsets import Interval
from ..signature import Format
from .clock_readings import clock_offset, host
from .exact import binomial_tail
from .leads import SECOND_S, Lead, moved, surely_moved

BITS: Final = 24

BY_CHANCE: Final = 1e-6
"""So seldom would distinct iats share a residue by chance: four of 128 do once in two million."""

BY_CHANCE_MIXED: Final = 1e-9
"""Where only a part of them does: any part may be picked."""

TWICE: Final = 1.012
"""How far two roundings reach, in steps: half a step of seconds, and half of one of 131 072 milliseconds."""

LONGEST_S: Final = 60.0
"""What the exchanges at both ends may add to the spread."""

ENOUGH_DELAYS: Final = 100

MOVED_S: Final = 2.0
"""Two tokens with one iat, issued so far apart, cannot both be rounded to a second."""

AHEAD_S: Final = 3.0
"""A token that lies so far in the future was made for this request: a cached one is older than its iat."""

STANDING: Final = 3
STANDING_S: Final = 5.0
"""So many different tokens with one iat, made over so long: that iat stands still."""

FEW_TOKENS: Final = 4
ODD_PART: Final = 20
"""One in so many at either end of the time may have the residue by chance."""

MANY_IATS: Final = 4

USUAL_MARGINS_S: Final = (
    (0, 30, 60, 120, 300, 7200),
    (5, 10, 15, 20, 45, 90, 180, 400, 600, 900, 1800, 3600),
)
"""What code that people copy sets iat back by, the most usual first."""


class Quantised(msgspec.Struct, frozen=True, gc=False):
    """What is known of a rounding. `on` of `of` distinct iats have the residue; `share` of the signatures do.

    `margin`: by how much iat is set back besides, as an interval in seconds, and `likely_margin` the usual value in
    it. `chance`: of such residues by chance. `twice`: rounded as milliseconds and again as seconds.
    """

    step_s: float
    residue_s: float
    on: int
    of: int
    share: float
    chance: float
    margin: Interval
    likely_margin: float
    spread: Interval
    twice: bool
    clock_s: float = 0.0
    """How far the signer's clock is ahead of the reference; 0 where it may be right."""

    def fits(self, iat: float) -> bool:
        """Whether this iat has the residue."""
        return _residue(iat, self.step_s) == round(self.residue_s * 1000)

    @property
    def predicted_share(self) -> float:
        """The share of signatures whose iat is ahead at signing."""
        return self.share * self.ahead(self.likely_margin)

    def predicted_after(self, delays: Sequence[float]) -> float:
        """The share of joins that come before iat has passed, for these seconds from sending to joining."""
        some = delays[-ENOUGH_DELAYS:] or (0.0,)
        return self.share * sum(self.ahead(self.likely_margin + max(0.0, each)) for each in some) / len(some)

    def ahead(self, margin_s: float) -> float:
        """The share that would be ahead at signing if iat were set back by so much."""
        return ahead_share(max(0.0, margin_s) - self.clock_s, self.step_s, twice=self.twice)

    @property
    def heals_s(self) -> float:
        """How long a refused signature takes at most until its iat has passed."""
        reach = self.step_s * (TWICE if self.twice else 0.5)
        return max(0.0, reach - self.likely_margin + self.clock_s)


def step_of(iat: float, format_: str) -> float:
    """The distance of neighbouring floats at this iat, in seconds; a legacy signature counts milliseconds."""
    unit = 1000.0 if format_ == Format.LEGACY else 1.0
    return math.ldexp(1.0, math.frexp(abs(iat) * unit)[1] - BITS) / unit


def quantised(of: Sequence[Lead]) -> Quantised | None:
    """Whether these are rounded by a float, oldest first; None where that cannot be told, or is not so.

    Either at least four distinct iats share a residue and the lead moves; or two or three do, and so does every new
    token, of which there are four and more, while two with one iat were surely issued seconds apart or one lies ahead.
    Tokens that were handed out before prove nothing by their age. They count where different ones share an iat, or
    where some lie ahead, which no cached token does: of few meetings every plateau is first seen at its begin.
    """
    if len(of) < FEW_TOKENS:
        return None
    step = step_of(of[-1].iat, of[-1].kept.seen.issuance.format)
    if step < 2:
        return None
    fresh = [lead for lead in of if lead.fresh]
    found = _judged(fresh, of, step) or _judged_standing(of, step) or _judged_by_plateaus(of, step)
    if found is None or found.spread.hi - found.spread.lo > 2 * TWICE * step + LONGEST_S:
        return None  # No float is so far off: iat is taken from a coarser grid, say the begin of the day.
    return found


class _Common(msgspec.Struct, frozen=True, gc=False):
    """The residue (ms) that most distinct iats have: `on` of `of`, which happens with probability `chance`."""

    residue: int
    on: int
    of: int
    chance: float


def _judged(fresh: Sequence[Lead], of: Sequence[Lead], step: float) -> Quantised | None:
    if not fresh:
        return None
    common = _common(fresh, step)
    hits = [lead for lead in fresh if _residue(lead.iat, step) == common.residue]
    if surely_moved(hits) <= MOVED_S:
        return None
    all_of_them = common.on == common.of
    by_residue = common.chance <= (BY_CHANCE if all_of_them else BY_CHANCE_MIXED)
    if common.on >= MANY_IATS and by_residue and (all_of_them or _ahead(hits)):
        return _described(hits, fresh, of, common, step)
    if all_of_them and common.of >= 2 and len(hits) >= FEW_TOKENS and (_one_iat_moved(hits) or _ahead(hits)):
        return _described(hits, fresh, of, common, step)
    return None


def _judged_standing(of: Sequence[Lead], step: float) -> Quantised | None:
    """iats that stand still while time goes on, under different tokens: perhaps of one host among several.

    Tokens of a cache grow old too, but each from its own second; that all of them share one residue is no accident.
    """
    standing = [
        iat
        for iat, same in _by_iat(of).items()
        if len({lead.token for lead in same}) >= STANDING and moved(same) > STANDING_S
    ]
    residues = {_residue(iat, step) for iat in standing}
    if len(standing) < 2 or len(residues) != 1:
        return None
    residue = residues.pop()
    hits = [lead for lead in of if _residue(lead.iat, step) == residue]
    fresh = [lead for lead in hits if lead.fresh]
    if surely_moved(fresh) <= MOVED_S and not _ahead(hits) and len(standing) < MANY_IATS:
        return None
    distinct = len({lead.iat for lead in of})
    on = len({lead.iat for lead in hits})
    return _described(hits, of, of, _Common(residue, on, distinct, step ** (1 - len(standing))), step)


def _judged_by_plateaus(of: Sequence[Lead], step: float) -> Quantised | None:
    """One meeting asked for again and again: on a plateau all its tokens are the same."""
    common = _common(of, step)
    if common.on != common.of or common.on < MANY_IATS or common.chance > BY_CHANCE:
        return None
    if surely_moved(of) <= MOVED_S or not _ahead(of):
        return None
    return _described(of, of, of, common, step)


def _common(of: Sequence[Lead], step: float) -> _Common:
    residues = Counter(_residue(iat, step) for iat in {lead.iat for lead in of})
    residue, on = residues.most_common(1)[0]
    distinct = residues.total()
    return _Common(residue, on, distinct, min(1.0, step * binomial_tail(on, distinct, 1 / step)))


def _residue(iat: float, step: float) -> int:
    """In milliseconds, for a legacy signature's step is no whole second."""
    return round(iat * 1000) % round(step * 1000)


def _one_iat_moved(hits: Sequence[Lead]) -> bool:
    """Different tokens with one iat, issued further apart than a second can be rounded."""
    return any(moved(same) > MOVED_S for same in _by_iat(hits).values())


def _by_iat(of: Sequence[Lead]) -> dict[float, list[Lead]]:
    by_iat: dict[float, list[Lead]] = {}
    for lead in of:
        by_iat.setdefault(lead.iat, []).append(lead)
    return by_iat


def _ahead(hits: Sequence[Lead]) -> bool:
    return max(lead.lo for lead in hits) > AHEAD_S


def _described(
    hits: Sequence[Lead], among: Sequence[Lead], of: Sequence[Lead], common: _Common, step: float
) -> Quantised:
    """`hits` of the tokens `among`; `of`: those that were handed out again besides."""
    share = _share(hits, among)
    again = [lead for lead in of if _residue(lead.iat, step) == common.residue]
    # Tokens of one meeting are the same on a plateau: no cache aged them.
    hits = again if moved(again) <= step + SECOND_S else hits
    clock = clock_offset(hits)
    if clock is not None and clock.lo <= SECOND_S and clock.hi >= -SECOND_S:
        clock = None  # Right enough to be taken for right.
    offset = 0.0 if clock is None else (clock.lo + clock.hi) / 2
    spread = Interval(min(lead.lo for lead in hits), max(lead.hi for lead in hits))
    after = -common.residue / 1000 % step
    by_one, by_two = _margin(hits, step * 0.5, offset), _margin(hits, step * TWICE, offset)
    # Set back after rounding by what the residue says, which must fit; else it was rounded in another way.
    twice = moved(hits) > step + 2 or (after > 0 and _set_back_after(by_one, after, step) is None)
    margin = by_two if twice else by_one
    if after > 0:
        exact = _set_back_after(margin, after, step)
        margin = margin if exact is None else Interval(exact, exact)
    return Quantised(
        step_s=step,
        residue_s=common.residue / 1000,
        on=common.on,
        of=common.of,
        share=share,
        chance=common.chance,
        margin=margin,
        likely_margin=_likely(margin),
        spread=spread,
        twice=twice,
        clock_s=offset,
    )


def _share(hits: Sequence[Lead], among: Sequence[Lead]) -> float:
    """Of the time in which most hits lie: not of the time before, nor of that after the mend, when some are chance."""
    times = sorted(lead.at for lead in hits)
    odd = len(times) // ODD_PART
    first, last = times[odd], times[-1 - odd]
    within = sum(first <= at <= last for at in times)
    return within / sum(first <= lead.at <= last for lead in among)


def _margin(hits: Sequence[Lead], reach: float, clock_s: float) -> Interval:
    """By how much iat is set back before it is rounded to within `reach`, give or take the second that iat has.

    `clock_s`: how far the signer's clock is ahead of the reference.
    """
    by_reference = [(lead.lo + host(lead).lo, lead.hi + host(lead).hi) for lead in hits]
    lo = max(-high + clock_s - reach for _, high in by_reference)
    hi = min(-low + clock_s + reach for low, _ in by_reference)
    return Interval(min(lo, hi) - SECOND_S, max(lo, hi) + SECOND_S)


def _set_back_after(margin: Interval, after: float, step: float) -> float | None:
    """The margin that leaves this residue when it is taken off after rounding, if it is among the possible ones."""
    fitting = after + step * round(((margin.lo + margin.hi) / 2 - after) / step)
    return fitting if margin.lo <= fitting <= margin.hi else None


def _likely(margin: Interval) -> float:
    """The most usual margin in the interval, of several the one nearest to its middle; else the middle."""
    middle = (max(0.0, margin.lo) + margin.hi) / 2
    for margins in USUAL_MARGINS_S:
        usual = [each for each in margins if margin.lo <= each <= margin.hi]
        if usual:
            return float(min(usual, key=lambda each: abs(each - middle)))
    return max(0.0, middle)


def ahead_share(margin_s: float, step_s: float = 128.0, *, twice: bool = False) -> float:
    """The share of signatures whose iat is in the future at signing, for a float's step and a margin in seconds.

    Rounded once, over two steps the error takes each whole second within half a step twice, its ends once (ties go
    to the even float): 67/256 for a margin of 30 s, 127/256 for none. Rounded twice, the errors of both add up.
    """
    half = step_s / 2
    if twice:
        other = half * 1.024
        if abs(margin_s) <= other - half:
            return 0.5 - margin_s / (2 * other)
        over = max(0.0, half + other - margin_s)
        return min(1.0, over * over / (8 * half * other))
    if margin_s >= half:
        return 0.0
    if margin_s < -half:
        return 1.0
    whole = math.floor(margin_s)
    beyond = 2 * (half - 1 - whole) + 1
    return min(1.0, max(0.0, beyond / (2 * step_s)))
