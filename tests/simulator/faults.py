"""What a fault is, and the sound code that it is held against."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.domain.diagnosis.base import Cause
from tests.support.secrets import CLIENT_SECRET, KEY, OTHER_CLIENT_SECRET

from .endpoints import Endpoint, Signs, Stamp, faulty, floored
from .play import World
from .tokens import Pair
from .world import Clock, Dates

PAIR: Final = Pair(KEY, CLIENT_SECRET.encode())
STRANGER: Final = Pair("test_sdk_key_not_real_of_another_app", OTHER_CLIENT_SECRET.encode())

SOME_MARGINS: Final = (0, 30, 7200)


class Tells(StrEnum):
    """Who tells of a fault."""

    SIGNATURES = "signatures"
    JOINS = "joins"
    NOBODY = "nobody"
    """It does no harm: naming it and keeping silent are both right."""


@dataclass(frozen=True, slots=True)
class Making:
    """What an endpoint is made for."""

    margin: int
    random: random.Random
    start: float


Code = Callable[[Making], Signs]


@dataclass(frozen=True, slots=True)
class Fault:
    """One variant of a cause. `mixes`: one of two replicas may have it alone.

    `tune` changes what is neither code nor clock. `tells` is asked with the margin.
    """

    cause: Cause
    name: str
    code: Code
    clock: Callable[[Making], Clock] = lambda _: Clock()
    margins: tuple[int, ...] = SOME_MARGINS
    mixes: bool = True
    dates: Dates = Dates.OWN
    tells: Callable[[int], Tells] = lambda _: Tells.SIGNATURES
    tune: Callable[[World], None] | None = None
    rates: tuple[str, ...] = ("1/min", "1/s", "10/s", "100/s")
    shows_after_s: float = 0.0


def sound(making: Making, pair: Pair = PAIR) -> Endpoint:
    """Code that is right."""
    return Endpoint(pair, floored(making.margin), lifetime(making.margin))


def lifetime(margin: int) -> int:
    """An honest one: whoever goes back by hours gives the token as much more."""
    return 7200 + (margin if margin >= 3600 else 0)


def by_joins(_margin: int) -> Tells:
    """Nothing of it is in the signature."""
    return Tells.JOINS


def stamped(stamp: Callable[[int], Stamp]) -> Code:
    """Code that is wrong in its iat only."""
    return lambda making: faulty(Endpoint(PAIR, stamp(making.margin), lifetime(making.margin)))
