"""Honest worlds: every circumstance in which nothing is wrong and much looks like it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from proxy.domain.diagnosis.base import Cause

from .endpoints import Cached, Endpoint, Rotating, Signs, Stamp
from .faults import PAIR, STRANGER
from .joins import Habits
from .play import Named, Player, World
from .watch import Setting
from .world import Backend, Clock, Dates, Host, Network, Pages, Rhythm, Traffic
from .zoom import Zoom

MARGINS: Final = (
    0,
    0,
    0,
    1,
    2,
    5,
    10,
    30,
    30,
    60,
    60,
    64,
    90,
    98,
    120,
    128,
    300,
    400,
    600,
    900,
    1800,
    3600,
    7200,
)
PROBES: Final = (60.0, 64.0, 128.0)
CACHES: Final = (60, 64, 120, 128, 256, 300, 600)

DST: Final = (1_792_893_600, 1_806_195_600, 1_825_045_200)
"""When clocks in Europe were put back or forward: 2026-10-25, 2027-03-28, 2027-10-31, 01:00 UTC each."""

DRIFTED_S: Final = 0.15
"""What clocks may move during a world, Zoom's own 0.1 s included."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of a world is played: traffic, and how many signatures."""

    rate: float
    signatures: int


PLANS: Final = (
    *(Plan(1 / 60, 240),) * 40,
    *(Plan(1.0, 2500),) * 8,
    *(Plan(10.0, 12_000),) * 4,
    *(Plan(100.0, 20_000),) * 2,
)
"""One round of worlds: from one signature a minute for four hours to a hundred a second for some minutes."""


@dataclass(slots=True)
class Ahead:
    """How far iat is ahead at most: `seen_s` of the clock that joinwatch goes by, `true_s` of Zoom's.

    It can be no more than 3 s: clocks are off by 2 s at most, and margins are never negative here.
    """

    measured: bool
    seen_s: float = -1.0
    true_s: float = -1.0

    def explains(self, named: Named) -> bool:
        """Whether what was named is right because of it.

        That is `no_margin`, and of which replicas. Where joinwatch's own clock is as wrong and nobody measures it,
        joins really fail and nothing is to be seen: then `unexplained` is the truth.
        """
        match named.cause:
            case Cause.NO_MARGIN:
                return max(self.seen_s, self.true_s) > 0
            case Cause.REPLICA_SPECIFIC:
                return self.seen_s > 0 and named.evidence.startswith(Cause.NO_MARGIN)
            case Cause.UNEXPLAINED:
                return self.true_s > 0 and not self.measured
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was named in an honest world. `right`: how much of it is right, because iat was ahead of the clock."""

    world: int
    told: str
    signatures: int
    joins: int
    looks: int
    right: int
    false: tuple[tuple[Cause, str], ...]


def plans(signatures: int) -> list[int]:
    """The numbers of the worlds that together have so many signatures."""
    worlds: list[int] = []
    sum_ = 0
    while sum_ < signatures:
        sum_ += plan_of(len(worlds)).signatures
        worlds.append(len(worlds))
    return worlds


@cache
def _order() -> tuple[Plan, ...]:
    order = list(PLANS)
    random.Random(0).shuffle(order)
    return tuple(order)


def plan_of(world: int) -> Plan:
    """The traffic of a world by its number."""
    return _order()[world % len(PLANS)]


def run_honest(world: int, seed: int) -> Verdict:
    """Play one honest world; anything that is named is false, but for no_margin where iat is ahead."""
    rng = random.Random(f"{seed} honest {world}")
    plan = plan_of(world)
    made, told, ahead = honest_world(plan, rng)
    player = Player(made, rng)
    story = player.story
    while story.signatures < plan.signatures:
        player.step()
    right = [each for each in story.named.values() if ahead.explains(each)]
    return Verdict(
        world,
        told,
        story.signatures,
        story.joins,
        story.looks,
        len(right),
        tuple(
            (each.cause, f"{each.backend} after {each.signatures} signatures: {each.evidence}")
            for each in story.named.values()
            if each not in right
        ),
    )


def honest_world(plan: Plan, rng: random.Random) -> tuple[World, str, Ahead]:
    """A world in which nothing is wrong, what it is like in words, and how far iat is ahead."""
    start = rng.choice(DST) - 1800 if rng.random() < 0.2 else rng.uniform(1_700_000_000, 2_100_000_000)
    measured = rng.random() < 0.6
    own = rng.uniform(-2, 2)
    setting = Setting(
        pairs=(PAIR, STRANGER) if rng.random() < 0.7 else (),
        reads_request=rng.random() < 0.8,
        clock=Clock(own, rng.uniform(-5e-6, 5e-6), start),
        measured_to_s=rng.choice((0.003, 0.05, 0.3)) if measured else None,
    )
    traffic = _traffic(plan, rng)
    backends: list[Backend] = []
    words: list[str] = []
    ahead = Ahead(measured)
    for name in ("a", "b", "c")[: rng.choice((1, 1, 2, 3))]:
        backend, said = _backend(name, start, own, ahead, rng)
        backends.append(backend)
        words.append(said)
    network = Network(
        rng.choice((0.005, 0.03, 0.2)),
        slow_s=rng.choice((0.0, 3.0, 30.0)),
        slow_every=rng.choice((5, 50, 500)),
    )
    world = World(
        start=start,
        backends=backends,
        zoom=Zoom(
            {PAIR.key: PAIR.secret, STRANGER.key: STRANGER.secret},
            tolerance_s=rng.choice((0.0, 0.5, 1.0)),
            clock_offset_s=rng.uniform(-0.1, 0.1),
        ),
        traffic=traffic,
        setting=setting,
        network=network,
        pages=Pages(
            origins=(("https://app.example", 0.7), ("https://www.example", 0.3)),
            nat=rng.choice((0.0, 0.2, 0.9)),
        ),
        habits=Habits(
            joining=rng.choice((0.3, 0.9, 1.0)),
            patient=rng.choice((1, 3, 5)),
            lingering=rng.choice((0.0, 0.02, 0.1)),
            sticky=rng.random() < 0.5,
            ages=rng.random() < 0.9,
            compares=rng.random() < 0.8,
        ),
        restarts_every_s=rng.choice((0.0, 0.0, 900.0, 3000.0)),
        changes=_operations(backends) if rng.random() < 0.4 else None,
    )
    clock = f"own clock {own:+.2f} s, {'measured' if measured else 'not measured'}"
    asked = f"{traffic.rhythm.name.lower()} {plan.rate:.3g}/s, probe each {traffic.probe_every_s:g} s"
    return world, f"{'; '.join(words)}; {asked}; {clock}; slow {network.slow_s:g} s", ahead


def _traffic(plan: Plan, rng: random.Random) -> Traffic:
    rhythm = rng.choice((Rhythm.POISSON, Rhythm.POISSON, Rhythm.STEADY, Rhythm.BURSTS))
    rate = plan.rate
    if plan.rate < 0.1 and rng.random() < 0.4:  # Nothing but a probe, to the millisecond.
        rhythm, rate = Rhythm.PROBE, 1 / rng.choice(PROBES)
    return Traffic(
        rate,
        rhythm,
        meetings=rng.choice((1, 3, 30, 400, 5000)),
        hosts_share=rng.choice((0.0, 0.05, 0.3)),
        probe_every_s=rng.choice((0.0, 0.0, *PROBES)),
    )


def _backend(name: str, start: float, own: float, ahead: Ahead, rng: random.Random) -> tuple[Backend, str]:
    """One to three honest replicas with one code, their clocks up to 2 s off, and up to 2 s off joinwatch's own."""
    margin = rng.choice(MARGINS) if rng.random() < 0.8 else rng.randrange(7200)
    rounding = 500 if margin == 0 and rng.random() < 0.3 else 0
    step = rng.choice((60, 300)) if rng.random() < 0.05 else 1
    stamp = _stamp(margin, rounding, step)
    lifetime = min(172790, max(margin + 3600, rng.choice((7200, 7200, 86400, 172790))))
    keeps = rng.choice((0, 0, 0, *CACHES))
    rotates = rng.random() < 0.15
    hosts = []
    for index in range(rng.choice((1, 1, 2, 3))):
        offset = rng.uniform(-2, 2)
        if not ahead.measured:
            offset = max(-2.0, min(2.0, own + rng.uniform(-2, 2)))
        signs: Signs = Endpoint(PAIR, stamp, lifetime)
        if rotates:
            signs = Rotating(signs, Endpoint(STRANGER, stamp, lifetime), int(start + 1200) * 1000)
        if keeps:
            signs = Cached(signs, keeps)
        clock = Clock(offset, rng.uniform(-5e-6, 5e-6), start)
        hosts.append(Host(f"10.1.{ord(name)}.{index}:443", clock, signs))
        for at in (offset, offset / 2):
            lead_s = at + rounding / 1000 - margin + DRIFTED_S
            ahead.true_s = max(ahead.true_s, lead_s)
            ahead.seen_s = max(ahead.seen_s, lead_s, lead_s - (0 if ahead.measured else own))
    dates = rng.choice(tuple(Dates))
    backend = Backend(name, hosts, hidden=rng.random() < 0.4, dates=dates, shape=rng.choice((0, 0, 1, 2, 3)))
    words = (
        f"{name}: margin {margin}, rounds up by {rounding} ms and down to {step} s, lifetime {lifetime},",
        f"caches {keeps} s,{' rotates its key,' if rotates else ''} {'hidden ' if backend.hidden else ''}hosts",
        "/".join(f"{host.clock.offset_s:+.2f}" for host in hosts),
        f"{dates.name.lower()} date",
    )
    return backend, " ".join(words)


def _stamp(margin: int, rounding: int, step: int) -> Stamp:
    return lambda ms: (ms + rounding) // 1000 // step * step - margin


def _operations(backends: list[Backend]) -> Callable[[float, random.Random], None]:
    """What operators do to honest hosts: new pods under new addresses, restarts, a clock put right by half."""
    corrected: set[int] = set()

    def happen(now: float, rng: random.Random) -> None:
        for backend in backends:
            for host in backend.hosts:
                kind = rng.random()
                if kind < 0.3:
                    host.name = f"10.2.{rng.randrange(256)}.{rng.randrange(256)}:443"
                if kind < 0.4 and isinstance(host.signs, Cached):
                    host.signs.clear()
                if kind > 0.9 and id(host) not in corrected:
                    corrected.add(id(host))
                    host.clock = Clock(host.clock.offset_s / 2, host.clock.drift, now)

    return happen
