"""A year in which nothing is wrong but what is always wrong: visitors, lost scrapes, releases, hurried restarts."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .chance import busy, poisson
from .could_fire import REFUSED, REPORTED, failures, joins, received, signatures
from .samples import ABSENT, FAILED, Instance, Key, World

STEP_S: Final = 15
WEEK: Final = 7 * 86400 // STEP_S
YEAR: Final = 365 * 86400 // STEP_S

TRIES_AGAIN: Final = 0.75
AT_MOST: Final = 8
"""Somebody who is refused tries again, three times in four, up to eight times in all."""
SPACING_S: Final = 10.5
"""The SDK lets a page call join once in ten seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a year is made of. `rate`: visits a second, the mean of the year; shares are of visits.

    `told`: results that get through. `refused`: refused for a reason of the visitor's own, such as a damaged link.
    `reloads`: how many of the refused load the page anew at each try, which asks for a new signature for it.
    `expired`, `mistyped`, `odd`: pages kept open for too long (3705), wrong meeting numbers (3707), errors that the
    SDK throws by itself (local). `elsewhere`: failures that say nothing of the signature, wrong passcodes and such.
    """

    id: str
    rate: float
    replicas: int = 1
    told: float = 0.85
    refused: float = 0.001
    reloads: float = 0.0
    expired: float = 0.001
    mistyped: float = 0.002
    odd: float = 0.001
    elsewhere: float = 0.01
    silent: float = 0.03
    """The share of visits that bring no result, and the page says so."""
    errors: float = 0.0005
    """The share of requests that the backend fails."""


PLANS: Final = (
    Plan("10/h", 10 / 3600),
    Plan("1/min", 1 / 60),
    Plan("10/min", 1 / 6, replicas=2),
    Plan("1/s", 1.0, replicas=3),
    Plan("10/s", 10.0, replicas=3),
    Plan("10/h, a third told", 10 / 3600, told=0.35),
    Plan("1/min, a third told", 1 / 60, told=0.35),
    Plan("10/min, a third told", 1 / 6, replicas=2, told=0.35),
    Plan("10/h, the refused reload", 10 / 3600, reloads=0.3),
    Plan("1/min, the refused reload", 1 / 60, reloads=0.3),
    Plan("10/min, the refused reload", 1 / 6, replicas=2, reloads=0.3),
)


def honest(plan: Plan, seed: int, scrapes: int = YEAR) -> World:
    """A year of it, or so many scrapes."""
    rng = random.Random(f"{seed} {plan.id}")
    world = World([_instance(f"host{number}:4001", scrapes, rng) for number in range(plan.replicas)])
    _prometheus_restarts(world, rng)
    _Year(plan, world, rng).happen()
    return world


def _instance(name: str, scrapes: int, rng: random.Random) -> Instance:
    """Restarted about once a week, away for up to 45 s; one scrape in 2,000 fails."""
    flags = bytearray(scrapes)
    for _ in range(poisson(scrapes / 2000, rng)):
        flags[rng.randrange(scrapes)] = FAILED
    begun = sorted({rng.randrange(1, scrapes) for _ in range(poisson(scrapes / WEEK, rng))})
    for at in begun:
        for away in range(at - rng.randrange(4), at):
            flags[max(0, away)] = FAILED
    return Instance(name, {}, flags, begun)


def _prometheus_restarts(world: World, rng: random.Random) -> None:
    """Every other week nobody scrapes for up to two minutes."""
    for _ in range(poisson(world.scrapes / (2 * WEEK), rng)):
        at, length = rng.randrange(world.scrapes), rng.randrange(2, 9)
        for instance in world.instances:
            instance.scrapes[at : at + length] = bytes([ABSENT]) * len(instance.scrapes[at : at + length])


class _Year:
    """Lets visits happen: many at once where nothing is special about them, the others one by one."""

    def __init__(self, plan: Plan, world: World, rng: random.Random) -> None:
        self._plan = plan
        self._world = world
        self._rng = rng
        self._busy = [busy(at * STEP_S) * plan.rate * STEP_S for at in range(world.scrapes)]

    def happen(self) -> None:
        """All of it, on every replica alike."""
        plan = self._plan
        for instance in self._world.instances:
            self._crowds(instance)
        for instance in self._world.instances:
            for share, visit in (
                (plan.elsewhere, self._elsewhere),
                (plan.silent, self._silent),
                (plan.refused, self._refused),
                (plan.expired, lambda at: self._failing(at, "signature_expired", "3705")),
                (plan.mistyped, lambda at: self._failing(at, "other_failure", "3707")),
                (plan.odd, lambda at: self._failing(at, "other_failure", "local")),
            ):
                self._some(plan.told * share, visit)
            self._some(plan.errors, lambda at: self._count(self._anyone(), signatures("backend_error"), at))
            self._some(0.001, lambda at: self._count(self._anyone(), received("rejected"), at))
            self._releases(instance)
            for begun in instance.begun:
                self._count(instance, received("deferred"), begun - 1, self._rng.randrange(3))

    def _crowds(self, instance: Instance) -> None:
        """Those who ask and join and tell of it, and those of whom nothing more is heard."""
        plan = self._plan
        special = plan.refused + plan.expired + plan.mistyped + plan.odd + plan.elsewhere + plan.silent
        told, untold = self._crowd(plan.told * (1 - special)), self._crowd(1 - plan.told)
        counts = instance.counts
        for key in (joins("joined"), REPORTED, received("accepted")):
            counts[key] = array("I", told)
        counts[signatures("issued")] = array("I", map(int.__add__, told, untold))
        for key in (
            *map(joins, ("invalid_signature", "signature_expired", "other_failure", "no_result")),
            *map(failures, ("local", "3705", "3707")),
            *map(received, ("rejected", "deferred")),
            signatures("backend_error"),
            REFUSED,
        ):
            counts[key] = array("I", bytes(4 * self._world.scrapes))

    def _crowd(self, share: float) -> array[int]:
        part = share / len(self._world.instances)
        rng = self._rng
        return array("I", (poisson(mean * part, rng) for mean in self._busy))

    def _some(self, share: float, visit: Callable[[int], None]) -> None:
        for at, count in enumerate(self._crowd(share)):
            for _ in range(count):
                visit(at)

    def _count(self, instance: Instance, key: Key, at: int, more: int = 1) -> None:
        if at < self._world.scrapes:
            instance.counts[key][at] += more

    def _issued(self, at: int) -> None:
        self._count(self._anyone(), signatures("issued"), at)

    def _told(self, instance: Instance, at: int, outcome: str, code: str | None = None) -> None:
        self._count(instance, joins(outcome), at)
        self._count(instance, received("accepted"), at)
        if code is not None:
            self._count(instance, failures(code), at)

    def _refused(self, at: int) -> None:
        """Refused again and again: with the same signature, or with a new one where the page is loaded anew."""
        second = float(at * STEP_S)
        fresh = True
        for number in range(AT_MOST):
            if number and self._rng.random() >= TRIES_AGAIN:
                break
            now = int(second) // STEP_S
            instance = self._anyone()
            if fresh or self._rng.random() < self._plan.reloads:
                self._issued(now)
                self._count(instance, REPORTED, now)
                self._count(instance, REFUSED, now)
            fresh = False
            self._told(instance, now, "invalid_signature")
            second += SPACING_S + 1 + self._rng.expovariate(0.2)

    def _failing(self, at: int, outcome: str, code: str) -> None:
        """Half of them give up at each failure; the others try again, four times in all at most."""
        self._issued(at)
        self._count(self._anyone(), REPORTED, at)
        for number in range(4):
            if number and self._rng.random() < 0.5:
                break
            self._told(self._anyone(), at + number, outcome, code)

    def _elsewhere(self, at: int) -> None:
        """A wrong passcode, and then the right one, seven times in ten."""
        self._issued(at)
        self._count(self._anyone(), REPORTED, at)
        self._told(self._anyone(), at, "other_failure")
        if self._rng.random() < 0.7:
            self._told(self._anyone(), at + 1 + self._rng.randrange(3), "joined")

    def _silent(self, at: int) -> None:
        """Nothing for two minutes; one in five joins later."""
        self._issued(at)
        self._count(self._anyone(), REPORTED, at + 8)
        self._told(self._anyone(), at + 8, "no_result")
        if self._rng.random() < 0.2:
            self._told(self._anyone(), at + 9 + self._rng.randrange(10), "joined")

    def _releases(self, instance: Instance) -> None:
        """Every week the backend is away for 20 s."""
        issued = instance.counts[signatures("issued")]
        for _ in range(poisson(self._world.scrapes / WEEK, self._rng)):
            at = self._rng.randrange(self._world.scrapes - 2)
            self._count(instance, signatures("backend_error"), at, issued[at])
            self._count(instance, signatures("backend_error"), at + 1, issued[at + 1] // 3)

    def _anyone(self) -> Instance:
        return self._rng.choice(self._world.instances)
