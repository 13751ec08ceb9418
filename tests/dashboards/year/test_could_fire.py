"""What is called impossible never happens: wild worlds, evaluated from end to end, fire nothing anywhere else."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from itertools import pairwise

import pytest

from .chance import poisson
from .could_fire import (
    CODES,
    MINUTE,
    OUTCOMES,
    REFUSED,
    REPORTED,
    Scan,
    failures,
    joins,
    received,
    signatures,
)
from .promtool import WHAT_FIRED, Pace, ask, fired, first_of
from .samples import ABSENT, FAILED, JOB, TAKEN, Instance, Key, World


class _Wild:
    """A world around every threshold: calm and bad spells, silence, lost scrapes, restarts, up to two replicas."""

    def __init__(self, job: str, scrapes: int, step_s: int, rng: random.Random) -> None:
        self._rng, self._scrapes = rng, scrapes
        self._rate = rng.choice((0.3, 2, 6)) * step_s / MINUTE
        worst = rng.choice((1, 0.2))
        shares = (0.0, 0.0, 0.0, 0.005, 0.02, 0.05, 0.1, 0.3, 1.0)
        self._shares = [worst * rng.choice(shares) for _ in range(12)]
        self._told = [rng.choice((0.9, 0.9, 0.9, 0.45, 0.4, 0.2)) for _ in self._shares]
        self._lost = rng.choice((0.0025, 0.0025, 0.15))
        replicas = 1 if job == JOB else rng.choice((1, 2))
        self.world = World([self._instance(number) for number in range(replicas)], job, step_s=step_s)

    def _instance(self, number: int) -> Instance:
        rng, scrapes = self._rng, self._scrapes
        flags = bytearray(rng.choices((TAKEN, FAILED, ABSENT), (1, self._lost, self._lost), k=scrapes))
        for why, longest in ((FAILED, 12), (ABSENT, 50)):
            at, length = rng.randrange(scrapes - longest), rng.randrange(1, longest)
            flags[at : at + length] = bytes([why]) * length
        begun = sorted(rng.sample(range(1, scrapes), rng.choice((0, 1, 3))))
        keys = (*map(joins, OUTCOMES), REFUSED, REPORTED, signatures("issued"), signatures("timeout"))
        keys += (*map(failures, CODES[:2]), *map(received, ("accepted", "rejected", "deferred")))
        counts = {key: array("I", bytes(4 * scrapes)) for key in keys}
        for at in range(scrapes):
            spell = at * len(self._shares) // scrapes
            share, told = self._shares[spell], self._told[spell]
            silent = (at // 40) % 9 == 3
            for _ in range(poisson(self._rate, rng)):
                for key in self._visit(share, 0 if silent else told):
                    counts[key][at] += 1
        return Instance(f"host{number}:4001", counts, flags, begun)

    def _visit(self, share: float, told: float) -> Iterator[Key]:
        rng = self._rng
        if rng.random() < share / 2:
            yield signatures("timeout")
            return
        yield signatures("issued")
        if rng.random() >= told:
            return
        yield REPORTED
        yield received(rng.choices(("accepted", "rejected", "deferred"), (1, share, share))[0])
        kind = rng.random()
        if kind < share:
            if rng.random() < 0.8:
                yield REFUSED
            yield from [joins("invalid_signature")] * rng.choice((1, 1, 3))
        elif kind < 1.5 * share:
            yield failures(rng.choice(CODES[:2]))
            yield joins("other_failure")
        else:
            yield joins("joined")


def _calm(world: World, alert: str, spans: list[tuple[int, int]], keeps_s: int) -> Iterator[tuple[str, int]]:
    """A question for each stretch in which the alert is said to be impossible; the answer must be empty.

    `keeps_s`: its keep_firing_for, for which it may outlive its condition.
    """
    which = f'alertname="{alert}",alertstate="firing",job="{world.job}"'
    for (_, last), (first, _) in pairwise([(-1, -1), *spans, (world.scrapes, world.scrapes)]):
        begins = (last + 1) * world.step_s + (keeps_s if last >= 0 else 0)
        ends = (first - 1) * world.step_s
        if ends > begins:
            yield f"count by (job) (count_over_time(ALERTS{{{which}}}[{ends - begins}s]))", ends


@pytest.mark.parametrize(
    ("alerts", "worlds", "scrapes", "step_s", "keeps_min"),
    [
        pytest.param(
            "JoinsRefused RefusalBursts BackendFailing ResultsTurnedAway", 7, 400, 15, 5, id="minutes"
        ),
        pytest.param("ResultsStopped CoverageFell Down Missing", 3, 900, 120, 15, id="coverage"),
        pytest.param("RefusalsFast RefusalsSlow JoinsFailWithCode", 5, 900, 300, 30, id="days"),
    ],
)
def test_nothing_fires_outside_of_the_stretches_in_which_it_could(
    alerts: str, worlds: int, scrapes: int, step_s: int, keeps_min: int
) -> None:
    rng = random.Random(step_s)
    names = [f"Joinwatch{alert}" for alert in alerts.split()]
    wild = [_Wild(f"wild{n}" if n else JOB, scrapes, step_s, rng).world for n in range(worlds)]
    questions = [
        question
        for world in wild
        for name in names
        for question in _calm(
            world,
            name,
            [(each.first, each.last) for each in Scan(world).spans() if each.alert == name],
            keeps_min * MINUTE,
        )
    ]
    assert len(questions) > 3 * worlds, "nearly everything is called possible"
    pace = Pace(scrapes, step_s, step_s)
    series = (each for world in wild for each in world.series())
    answers = ask(series, [*questions, (WHAT_FIRED, pace.ends_s)], pace)
    have_fired = {each.alert for each in first_of(answers)}
    answers.pop(WHAT_FIRED)
    assert answers == {}
    assert set(names) <= have_fired, "the worlds are not wild enough to tell"


def test_a_count_that_lost_scrapes_stretch_over_the_floor_is_called_possible() -> None:
    """One scrape in nine is taken: of four refused joins increase() makes more than five."""
    scrapes = 300
    flags = bytearray(TAKEN if at % 9 == 0 else ABSENT for at in range(scrapes))
    counts = {
        key: array("I", bytes(4 * scrapes)) for key in (joins("joined"), joins("invalid_signature"), REFUSED)
    }
    counts[joins("invalid_signature")][0] = counts[REFUSED][0] = 20
    for at in (145, 155, 165, 175):
        for counted in counts.values():
            counted[at] += 1
    world = World([Instance("host0:4001", counts, flags)])
    name = "JoinwatchJoinsRefused"
    (fires,) = (
        each.at_s // world.step_s for each in fired(world.series(), Pace(scrapes)) if each.alert == name
    )
    assert any(span.first <= fires <= span.last for span in Scan(world).spans() if span.alert == name)
