"""Runs one case to its end and says how long it took to name its cause, and what was named wrongly."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final

from proxy.domain.diagnosis.base import FLEET, Cause

from .cases import BEFORE, Case, Replicas, build, right_beside
from .faults import Tells
from .play import Named, Player

SIGNATURES: Final = 30
"""Every cause that signatures tell must be named within so many of them."""

FAULTY: Final = 3
"""Where only a part of them is faulty: at the latest with the third faulty one after that."""

ROUNDED: Final = 4
"""A rounded iat must be named within so many signatures once two values of it and a moving lead were seen."""

HIDDEN_S: Final = 512.0
"""Rounded iats among others from the same address: the time of four values, since each of them stands for 128 s."""

RIPENING: Final = frozenset({Cause.FLOAT32_ROUNDING, Cause.SHARED_STATE})
"""What the first faulty signature alone does not show."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a world may run: seconds until the cause must be there, and on from there."""

    until_s: float
    beyond_s: float


_BY_SIGNATURES: Final = {
    "1/min": Limits(5400, 3600),
    "1/s": Limits(300, 200),
    "10/s": Limits(60, 60),
    "100/s": Limits(20, 20),
}
_BY_ROUNDING: Final = {
    rate: replace(limits, until_s=max(700.0, limits.until_s)) for rate, limits in _BY_SIGNATURES.items()
}
"""A rounded iat stands still for 128 s, and two values of it are needed."""
_BY_JOINS: Final = {
    "1/min": Limits(8 * 3600, 3600),
    "1/s": Limits(4000, 200),
    "10/s": Limits(1500, 60),
    "100/s": Limits(600, 20),
}


def _limits(case: Case) -> Limits:
    if case.tells is Tells.JOINS:
        return _BY_JOINS[case.rate]
    if case.fault.cause is Cause.FLOAT32_ROUNDING and case.tells is Tells.SIGNATURES:
        return _BY_ROUNDING[case.rate]
    limits = _BY_SIGNATURES[case.rate]
    return replace(limits, until_s=limits.until_s + case.fault.shows_after_s)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case. Counts are those with which its cause was first named, None where it was not."""

    case: str
    cause: Cause
    tells: Tells
    signatures: int | None
    faulty: int | None
    since_ripe: int | None
    joins: int | None
    refused: int | None
    seconds: float | None
    beside: tuple[Cause, ...]
    wrong: tuple[tuple[Cause, str], ...]
    total: int
    looks: int

    @property
    def named(self) -> bool:
        """Whether its cause was named at all."""
        return self.signatures is not None


def run_case(case: Case, seed: int) -> Outcome:
    """Play until the cause is named and somewhat longer, or until it is too late."""
    rng = random.Random(f"{seed} {case.id}")
    world = build(case, rng)
    player = Player(world, rng)
    limits = _limits(case)
    where = FLEET if case.fault.cause is Cause.ZOOM_SIDE else "a"
    wanted = (where, case.fault.cause)
    end = world.onset + limits.until_s
    story = player.story
    while player.now < end:
        player.step()
        if wanted in story.named:
            end = min(end, story.named[wanted].at + limits.beyond_s)
    beside = right_beside(case)
    before = BEFORE.get(case.fault.cause, {}) if case.tells is Tells.JOINS else {}
    standing = {(backend, each.cause) for backend, those in story.last.items() for each in those}
    others = [
        named
        for key, named in story.named.items()
        if key != wanted and not (named.cause in before and key not in standing)
    ]
    mine = story.named.get(wanted)
    return Outcome(
        case=case.id,
        cause=case.fault.cause,
        tells=case.tells,
        signatures=None if mine is None else mine.since_faulty,
        faulty=None if mine is None else mine.faulty,
        since_ripe=None if mine is None else mine.since_ripe,
        joins=None if mine is None else mine.joins,
        refused=None if mine is None else mine.refused,
        seconds=None if mine is None else mine.at - world.onset,
        beside=tuple(each.cause for each in others if _is_right(each, where, beside)),
        wrong=tuple(
            (each.cause, f"{each.backend}: {each.evidence}")
            for each in others
            if not _is_right(each, where, beside)
        ),
        total=story.signatures,
        looks=story.looks,
    )


def _is_right(named: Named, where: str, beside: set[Cause]) -> bool:
    return named.cause in beside and (named.backend == where or where == FLEET)


def in_time(case: Case, outcome: Outcome) -> bool:
    """Whether a cause that signatures tell was named as soon as it must be."""
    if outcome.signatures is None or outcome.faulty is None or outcome.since_ripe is None:
        return False
    if case.fault.cause is Cause.FLOAT32_ROUNDING and case.replicas is Replicas.ONE:
        return outcome.since_ripe <= ROUNDED
    if case.fault.cause in RIPENING:
        hidden = case.fault.cause is Cause.FLOAT32_ROUNDING and case.replicas is Replicas.HIDDEN
        return outcome.since_ripe <= (2 if hidden else 1) * SIGNATURES or (
            hidden and outcome.seconds is not None and outcome.seconds <= HIDDEN_S
        )
    return outcome.signatures <= SIGNATURES or (
        case.replicas is not Replicas.ONE and outcome.faulty <= FAULTY
    )
