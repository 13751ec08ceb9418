"""Joins as evidence: the 2x2 table of a predicate against the refusal, and its exact test.

Failures come in bunches: one bad half minute fails everybody in it, one user tries again and again. So a receipt counts
once, joins within ten seconds count as at most four, and what is left is divided by the design effect, that is by how
much more the share of failures varies from moment to moment than it would for independent joins (Kish 1965).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from ..join_result import Outcome
from .exact import binomial_tail, fisher
from .sightings import JoinSeen
from .windows import JOIN_SLOT_S
from .wording import percent

ENOUGH: Final = 1e-6
"""After the correction for the number of predicates and of looks."""

LEANING: Final = 0.05
PER_MOMENT: Final = 4

OUTER: Final = 0.1
"""The first and the last tenth of the failures may be any odd ones."""

NOISE: Final = 1e-6
"""Of floating point: 5.9999999 joins are six."""

USUAL_SHARE: Final = 0.02
"""So many joins may fail in a sound world: odd pages, odd users."""

Predicate = Callable[[JoinSeen], bool | None]
"""Whether something is so at a join; None: not known."""


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Joins that failed and that did not; `size` is what they are worth as independent ones."""

    failed: int
    fine: int
    size: float

    @property
    def total(self) -> int:
        """All of them."""
        return self.failed + self.fine

    @property
    def share(self) -> float:
        """The part that failed; 0 of none."""
        return self.failed / self.total if self.total else 0.0


class Table(msgspec.Struct, frozen=True, gc=False):
    """A predicate against failure. `p` is corrected for the number of predicates and looks, `chance` is not."""

    what: str
    true: Counts
    false: Counts
    p: float
    chance: float = 1.0

    @property
    def tells(self) -> bool:
        """Whether it explains failures and spares successes."""
        return self.p < ENOUGH and self.true.share >= 3 * self.false.share

    def leans(self, among: int) -> bool:
        """Whether it may come to tell, as one of so many: too early to say that it does not."""
        return self.chance * among < LEANING and self.true.share >= 3 * self.false.share

    def __str__(self) -> str:
        return (
            f"where {self.what} {self.true.failed} of {self.true.total} joins failed, elsewhere "
            f"{self.false.failed} of {self.false.total} (exact test, corrected: p = {self.p:.0e})"
        )


def once_each(joins: Iterable[JoinSeen]) -> list[JoinSeen]:
    """Each receipt's first result that says whether the signature was taken."""
    seen: set[int] = set()
    first = []
    for join in joins:
        if join.outcome is not Outcome.NO_RESULT and join.receipt not in seen:
            seen.add(join.receipt)
            first.append(join)
    return first


def refused(join: JoinSeen) -> bool:
    """Whether Zoom called the signature invalid."""
    return join.outcome is Outcome.INVALID_SIGNATURE


def counts(joins: Sequence[JoinSeen], failed: Callable[[JoinSeen], bool] = refused) -> Counts:
    """How many failed, and what they are worth."""
    moments: dict[float, list[int]] = {}
    for join in joins:
        moment = moments.setdefault(join.at // JOIN_SLOT_S, [0, 0])
        moment[0] += 1
        moment[1] += failed(join)
    total = len(joins)
    bad = sum(moment[1] for moment in moments.values())
    capped = float(sum(min(moment[0], PER_MOMENT) for moment in moments.values()))
    size = min(capped, total / _design_effect(list(moments.values()), total, bad)) if total else 0.0
    return Counts(bad, total - bad, size)


def _design_effect(moments: Sequence[Sequence[int]], total: int, bad: int) -> float:
    number = len(moments)
    if number < 2 or not 0 < bad < total:
        return 1.0
    share = bad / total
    spread = sum((failed - share * of) ** 2 for of, failed in moments) * number / (number - 1) / total**2
    return max(1.0, spread / (share * (1 - share) / (total - 1)))


def table(what: str, predicate: Predicate, joins: Sequence[JoinSeen], tries: int) -> Table:
    """The table of a predicate over joins of which it is known. `tries`: predicates x looks."""
    true: list[JoinSeen] = []
    false: list[JoinSeen] = []
    for join in joins:
        holds = predicate(join)
        if holds is not None:
            (true if holds else false).append(join)
    first, second = counts(true), counts(false)
    # What is rounded is rounded against the predicate.
    a, d = _down(first.size * first.share), _down(second.size * (1 - second.share))
    b, c = _up(first.size * (1 - first.share)), _up(second.size * second.share)
    chance = fisher(a, b, c, d)
    return Table(what, first, second, min(1.0, chance * max(1, tries)), chance)


def while_failing(joins: Sequence[JoinSeen], predicate: Predicate) -> list[JoinSeen]:
    """The joins of the time in which most failures of which it holds lie.

    Something that fails everybody for a minute while one group joins more than the others is no fault of the group:
    only those who joined meanwhile can show that others were spared.
    """
    at = sorted(join.at for join in joins if refused(join) and predicate(join))
    if not at:
        return []
    last = len(at) - 1
    begin, end = at[math.floor(OUTER * last)], at[math.ceil((1 - OUTER) * last)]
    return [join for join in joins if begin <= join.at <= end]


def too_many(of: Counts, tries: int) -> float:
    """P that so many fail where USUAL_SHARE does, corrected."""
    return min(1.0, binomial_tail(_down(of.size * of.share), _up(of.size), USUAL_SHARE) * max(1, tries))


def described(of: Counts) -> str:
    """A share with its counts."""
    return f"{of.failed} of {of.total} joins ({percent(of.share)})"


def _down(value: float) -> int:
    return math.floor(value + NOISE)


def _up(value: float) -> int:
    return math.ceil(value - NOISE)
