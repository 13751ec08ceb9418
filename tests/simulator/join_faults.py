"""Faults that leave no trace in a signature: who joins, from where, as what, and what Zoom makes of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from proxy.domain.diagnosis.base import Cause

from . import tokens
from .faults import Fault, by_joins, sound
from .play import World
from .world import Backend, Clock, Host
from .zoom import Attempt


@dataclass(frozen=True, slots=True)
class _Told:
    """Shorthand for faults without a trace in the signature."""

    cause: Cause
    name: str
    tune: Callable[[World], None]
    mixes: bool = False
    margins: tuple[int, ...] = (0, 60)
    rates: tuple[str, ...] = field(default=("1/min", "1/s", "10/s", "100/s"))

    def fault(self) -> Fault:
        return Fault(
            self.cause,
            self.name,
            sound,
            margins=self.margins,
            mixes=self.mixes,
            tells=by_joins,
            tune=self.tune,
            rates=self.rates,
        )


def _refusing(code: str, when: Callable[[Attempt, World], bool]) -> Callable[[World], None]:
    """Zoom refuses these joins with this code."""

    def tune(world: World) -> None:
        world.setting = replace(world.setting, pairs=())
        world.zoom.rules = (lambda attempt: code if when(attempt, world) else None,)

    return tune


def _share(attempt: Attempt, share: float) -> bool:
    """A share of the signatures, the same at each try."""
    return hash_of(attempt.token) % 1000 < 1000 * share


def hash_of(text: str) -> int:
    """A number from a text, the same in every process."""
    return int.from_bytes(tokens.mac(text, b"share")[:4], "big")


def refused_joins() -> list[Fault]:
    def guests_as_hosts(code: str) -> Callable[[World], None]:
        def tune(world: World) -> None:
            world.traffic = replace(world.traffic, hosts_share=0.3)
            world.pages = replace(world.pages, owners=0.0)
            world.zoom.guest_host_code = code

        return tune

    def foreign(share: float, code: str) -> Callable[[World], None]:
        def tune(world: World) -> None:
            world.pages = replace(world.pages, foreign=share)
            world.zoom.cross_account_code = code

        return tune

    def two_origins(world: World) -> None:
        world.pages = replace(
            world.pages, origins=(("https://app.example", 0.6), ("https://tunnel.example", 0.4))
        )
        _refusing("3712", lambda attempt, _: attempt.origin == "https://tunnel.example")(world)

    def mistaken(world: World) -> None:
        world.pages = replace(world.pages, mistaken=0.2)

    def damaged(world: World) -> None:
        world.habits = replace(world.habits, damages=0.3)

    told = [
        _Told(Cause.HOST_ROLE, "guests as hosts, 3712", guests_as_hosts("3712")),
        _Told(Cause.HOST_ROLE, "guests as hosts, 3711", guests_as_hosts("3711")),
        _Told(Cause.HOST_ROLE, "guests as hosts, 3708", guests_as_hosts("3708")),
        _Told(Cause.OTHER_ACCOUNT, "all joins, 4011", foreign(1.0, "4011")),
        _Told(Cause.OTHER_ACCOUNT, "one in five, 4011", foreign(0.2, "4011")),
        _Told(Cause.OTHER_ACCOUNT, "one in five, 4013", foreign(0.2, "4013")),
        _Told(Cause.ORIGIN_SPECIFIC, "one of two origins", two_origins),
        _Told(Cause.MEETING_MISMATCH, "pages join another meeting", mistaken),
        _Told(Cause.ENCODING_DAMAGE, "damaged on its way to the join", damaged),
        _Told(Cause.UNEXPLAINED, "3 in 10", _refusing("3712", lambda attempt, _: _share(attempt, 0.3))),
        _Told(Cause.UNEXPLAINED, "all joins", _refusing("3712", lambda *_: True)),
    ]
    return [each.fault() for each in told]


def _refuse_one_replica(world: World) -> None:
    """One host signs with a secret that Zoom no longer takes, and no secret is configured here."""

    def refused(attempt: Attempt) -> str | None:
        return "3712" if attempt.host == "10.0.0.1:443" else None

    world.setting = replace(world.setting, pairs=())
    world.zoom.rules = (refused,)


def incident(share: float) -> Fault:
    """Zoom refuses whatever comes, from every backend, for twenty minutes."""

    def tune(world: World) -> None:
        world.backends += [
            Backend(name, [Host(f"10.0.{index}.1:443", Clock(), world.backends[0].hosts[0].signs)])
            for index, name in ((1, "b"), (2, "c"))
        ]
        calm_s = max(120.0, 60 / world.traffic.rate)
        world.onset = world.start + calm_s
        luck = random.Random(world.start)

        def refused(attempt: Attempt) -> str | None:
            during = world.onset <= attempt.at < world.onset + 1200
            return "3712" if during and luck.random() < share else None

        world.zoom.rules = (refused,)

    name = f"incident, {share:.0%} of joins"
    return Fault(Cause.ZOOM_SIDE, name, sound, margins=(0, 60), mixes=False, tells=by_joins, tune=tune)


def one_replica_refused() -> Fault:
    """One of two replicas, and nothing to be seen in its signatures."""
    return Fault(
        Cause.REPLICA_SPECIFIC,
        "refused for no visible reason",
        sound,
        margins=(0, 60),
        tells=by_joins,
        tune=_refuse_one_replica,
    )


def join_faults() -> list[Fault]:
    """All of them but the one that needs two replicas."""
    return [*refused_joins(), incident(1.0), incident(0.5)]
