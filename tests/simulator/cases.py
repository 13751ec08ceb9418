"""Every case that is run: a fault with a margin, a traffic and one or two replicas; and what may be named beside it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final

from proxy.domain.diagnosis.base import Cause

from .faults import PAIR, Fault, Making, Tells, sound
from .join_faults import join_faults, one_replica_refused
from .play import World
from .signing_faults import signing_faults
from .time_faults import time_faults
from .tokens import mac, url
from .watch import Setting
from .world import Backend, Clock, Host, Traffic
from .zoom import Zoom, claims_of

RATES: Final = {"1/min": 1 / 60, "1/s": 1.0, "10/s": 10.0, "100/s": 100.0}


class Replicas(StrEnum):
    """How many hosts the backend has; of two only one is faulty."""

    ONE = "one"
    APART = "two, told apart"
    HIDDEN = "two behind one address"


@dataclass(frozen=True, slots=True)
class Case:
    """One run."""

    fault: Fault
    margin: int
    rate: str
    replicas: Replicas

    @property
    def id(self) -> str:
        """By which it can be run again."""
        fault = self.fault
        return f"{fault.cause}/{fault.name}/margin {self.margin}/{self.rate}/{self.replicas}"

    @property
    def tells(self) -> Tells:
        """Who tells of it, at this margin."""
        return self.fault.tells(self.margin)


BESIDE: Final[Mapping[Cause, Mapping[Cause, str]]] = {
    Cause.SHARED_STATE: {
        Cause.MEETING_MISMATCH: "a signature for the meeting of another request is one of its marks",
    },
}
"""What may be named beside a cause, and why that is no mistake."""

BEFORE: Final[Mapping[Cause, Mapping[Cause, str]]] = {
    cause: {Cause.UNEXPLAINED: "until there are joins enough to say what those that fail have in common"}
    for cause in (
        Cause.HOST_ROLE,
        Cause.ORIGIN_SPECIFIC,
        Cause.REPLICA_SPECIFIC,
        Cause.ZOOM_SIDE,
        Cause.MEETING_MISMATCH,
        Cause.ENCODING_DAMAGE,
    )
}
"""What may be named before a cause that only joins tell, and must be gone once that is named."""

BY_MARGIN: Final = {
    0: {Cause.NO_MARGIN: "hosts whose clocks differ by milliseconds, and no margin: iat is ahead"}
}


def right_beside(case: Case) -> set[Cause]:
    """Everything that may be named in this case besides its own cause."""
    beside = set(BESIDE.get(case.fault.cause, {})) | set(BY_MARGIN.get(case.margin, {}))
    if case.replicas is Replicas.APART:
        beside.add(Cause.REPLICA_SPECIFIC)
    return beside


def build(case: Case, rng: random.Random) -> World:
    """The world of a case: one backend `a`, its clock right to 50 ms where the fault does not say otherwise."""
    fault = case.fault
    start = rng.uniform(1_780_000_000, 2_000_000_000)
    making = Making(case.margin, rng, start)
    near = rng.uniform(-0.05, 0.05)
    clock = fault.clock(making)
    bad = Host("10.0.0.1:443", replace(clock, offset_s=clock.offset_s + near), fault.code(making))
    hosts = [bad]
    if case.replicas is not Replicas.ONE:
        hosts.append(Host("10.0.0.2:443", Clock(rng.uniform(-0.05, 0.05)), sound(making)))
    world = World(
        start=start,
        backends=[Backend("a", hosts, case.replicas is Replicas.HIDDEN, fault.dates)],
        zoom=Zoom(
            {PAIR.key: PAIR.secret},
            tolerance_s=rng.choice((0.0, 0.3, 1.0)),
            strict_lifetime=rng.random() < 0.5,
            strict_base64=rng.random() < 0.5,
            mismatch_code=rng.choice(("3706", "3712")),
        ),
        traffic=Traffic(RATES[case.rate]),
        setting=Setting(pairs=(PAIR,), clock=Clock(rng.uniform(-0.5, 0.5))),
        onset=start,
    )
    if fault.cause is Cause.FLOAT32_ROUNDING:
        world.ripe = Rounding().ripe
    elif fault.cause is Cause.SHARED_STATE:
        world.ripe = Mixing().ripe
    if fault.tune is not None:
        fault.tune(world)
    return world


class Rounding:
    """Says when a rounded iat can be told: two values of it, and a lead that has moved by 3 s."""

    def __init__(self) -> None:
        self._values: set[float] = set()
        self._leads: list[float] = []

    def ripe(self, token: str, at: float) -> bool:
        """Take in one more token and its time."""
        claims = claims_of(token.split(".")[1])
        assert claims is not None
        iat = float(claims["iat"])
        self._values.add(iat)
        self._leads.append(iat - at)
        return len(self._values) > 1 and max(self._leads) - min(self._leads) > 3


@cache
def all_cases() -> tuple[Case, ...]:
    """Fault x margin x traffic x replicas, but for combinations without a meaning."""
    cases = [
        Case(fault, margin, rate, replicas)
        for fault in (*time_faults(), *signing_faults(), *join_faults())
        for margin in fault.margins
        for rate in fault.rates
        for replicas in (Replicas if fault.mixes else (Replicas.ONE,))
    ]
    invisible = one_replica_refused()
    cases += [
        Case(invisible, margin, rate, Replicas.APART)
        for margin in invisible.margins
        for rate in invisible.rates
    ]
    return tuple(cases)


class Mixing:
    """Says when shared fields can be told from a wrong secret: three bad signatures, one with more than a bad HMAC."""

    def __init__(self) -> None:
        self._seen = 0
        self._told = False

    def ripe(self, token: str, _at: float) -> bool:
        """Take in one more token."""
        head, payload, *macs = token.split(".")
        right = mac(f"{head}.{payload}", PAIR.secret)
        self._seen += 1
        self._told |= len(macs) > 1 or url(right) == macs[0]
        return self._seen >= 3 and self._told
