"""Faults of time: rounding, clocks, zones, units, margins, lifetimes, and signatures kept for too long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from proxy.domain.diagnosis.base import Cause

from .endpoints import Cached, Endpoint, Rotating, Signs, Stamp, faulty
from .faults import Code, Fault, Making, Tells, sound, stamped
from .play import World
from .tokens import Claims, float32, java_round
from .world import Clock, Dates

ZONES: Final = {"+9h": 32400, "+5:30": 19800, "+5:45": 20700, "+5h": 18000, "-3h": -10800, "-5h": -18000}
MARGINS: Final = (0, 10, 30, 60, 120, 7200)
CALM_S: Final = 600.0
"""How long a world is sound whose fault begins at some time."""


def _rounded_inside(margin: int) -> Stamp:
    return lambda ms: java_round((ms - margin * 1000) // 1000)


def _rounded_after(margin: int) -> Stamp:
    return lambda ms: java_round(ms // 1000) - margin


def _rounded_twice(margin: int) -> Stamp:
    return lambda ms: java_round(float32(ms) / float32(1000)) - margin


def _overflown(margin: int) -> Stamp:
    """Java's (int) System.currentTimeMillis() / 1000."""
    return lambda ms: ((ms + 2**31) % 2**32 - 2**31) // 1000 - margin


def _truncated(margin: int) -> Stamp:
    return lambda ms: int(float32(ms // 1000)) - margin


def rounding() -> list[Fault]:
    cause = Cause.FLOAT32_ROUNDING

    def tells(widest: int) -> Callable[[int], Tells]:
        return lambda margin: Tells.SIGNATURES if margin < widest else Tells.NOBODY

    return [
        Fault(
            cause, "round(long), margin inside", stamped(_rounded_inside), margins=MARGINS, tells=tells(64)
        ),
        Fault(cause, "round(long), margin after", stamped(_rounded_after), margins=MARGINS, tells=tells(64)),
        Fault(cause, "two roundings", stamped(_rounded_twice), margins=MARGINS, tells=tells(128)),
        Fault(cause, "numpy float32", stamped(_truncated), margins=MARGINS, tells=tells(64)),
    ]


def clocks() -> list[Fault]:
    ahead, behind = Cause.BACKEND_CLOCK_AHEAD, Cause.BACKEND_CLOCK_BEHIND

    def code(making: Making) -> Endpoint:
        return faulty(sound(making))

    def fixed(seconds: float) -> Callable[[Making], Clock]:
        return lambda _: Clock(seconds)

    def drifting(beyond: float, ppm: float) -> Callable[[Making], Clock]:
        return lambda making: Clock(making.margin + beyond, ppm * 1e-6, making.start)

    def bites(seconds: float) -> Callable[[int], Tells]:
        return lambda margin: Tells.SIGNATURES if seconds - margin > 3.5 else Tells.NOBODY

    faults = [
        Fault(ahead, f"{s:g} s", code, fixed(s), margins=MARGINS, tells=bites(s))
        for s in (5, 45, 95, 400, 3607)
    ]
    faults += [
        Fault(ahead, f"45 s, {dates.name.lower()} date", code, fixed(45), margins=(0, 30), dates=dates)
        for dates in (Dates.NONE, Dates.BALANCER, Dates.SECOND, Dates.ROUGH)
    ]
    faults += [
        Fault(ahead, f"drifting {ppm} ppm", code, drifting(beyond, ppm), margins=MARGINS)
        for beyond, ppm in ((10, 100), (5, 1000), (5, 5000))
    ]
    return [
        *faults,
        *(Fault(behind, f"{s} s", code, fixed(-s), margins=(0, 30, 120)) for s in (60, 600, 3000, 9000)),
    ]


def zones() -> list[Fault]:
    def shifted(seconds: int) -> Code:
        return stamped(lambda margin: lambda ms: ms // 1000 + seconds - margin)

    def until_sunday(making: Making) -> Signs:
        return Rotating(sound(making), shifted(3600)(making), int(making.start + CALM_S) * 1000)

    cause = Cause.TIMEZONE_SHIFT
    return [
        *(Fault(cause, name, shifted(s), margins=MARGINS) for name, s in ZONES.items()),
        Fault(
            cause,
            "summer time begins",
            until_sunday,
            margins=(0, 30, 120),
            rates=("1/min", "1/s", "10/s"),
            shows_after_s=CALM_S,
        ),
    ]


def units() -> list[Fault]:
    def scaled(factor: int) -> Code:
        return stamped(lambda margin: lambda ms: ms * factor - margin * factor * 1000)

    def exp_only(making: Making) -> Endpoint:
        def change(claims: Claims) -> Claims:
            return claims | {"exp": claims["exp"] * 1000, "tokenExp": claims["exp"] * 1000}

        return faulty(replace(sound(making), change=change))

    cause = Cause.MILLISECONDS
    units = (("milliseconds", 1), ("microseconds", 1000), ("nanoseconds", 1_000_000))
    return [
        *(Fault(cause, name, scaled(factor)) for name, factor in units),
        Fault(cause, "exp only", exp_only),
        Fault(cause, "cut to 32 bits", stamped(_overflown)),
    ]


def no_margin() -> list[Fault]:
    def rounded(ms: int) -> int:
        return (ms + 500) // 1000

    def ceiled(ms: int) -> int:
        return -(-ms // 1000)

    def code(making: Making) -> Endpoint:
        return faulty(sound(making))

    cause = Cause.NO_MARGIN
    return [
        Fault(cause, "Math.round", stamped(lambda _: rounded), margins=(0,)),
        Fault(cause, "Math.ceil", stamped(lambda _: ceiled), margins=(0,)),
        Fault(cause, "clock 1.2 s ahead", code, lambda _: Clock(1.2), margins=(0,)),
        Fault(cause, "clock 2.5 s ahead", code, lambda _: Clock(2.5), margins=(0,)),
    ]


def lifetimes() -> list[Fault]:
    def lasting(seconds: int) -> Code:
        return lambda making: faulty(replace(sound(making), lifetime=seconds))

    short, long = Cause.LIFETIME_TOO_SHORT, Cause.LIFETIME_TOO_LONG
    return [
        *(Fault(short, f"{s} s", lasting(s), margins=(0, 30)) for s in (60, 300, 1800)),
        *(Fault(long, f"{s} s", lasting(s)) for s in (7_200_000, 31_536_000)),
    ]


def stale() -> list[Fault]:
    def expired(making: Making) -> Signs:
        return Cached(
            sound(making), keep_s=1e9, born_s=7300 + making.margin, faulty_after_s=7200 - making.margin
        )

    def for_ever(making: Making) -> Signs:
        return Cached(replace(sound(making), lifetime=172000), keep_s=1e9, faulty_after_s=1800)

    def one_meeting(world: World) -> None:
        world.traffic = replace(world.traffic, meetings=1)

    cause = Cause.STALE_SIGNATURE
    return [
        Fault(cause, "cached past expiry", expired),
        Fault(
            cause,
            "one token for ever",
            for_ever,
            margins=(30,),
            tune=one_meeting,
            rates=("1/min", "1/s"),
            shows_after_s=1800,
        ),
    ]


def time_faults() -> list[Fault]:
    """All of them."""
    return [*rounding(), *clocks(), *zones(), *units(), *no_margin(), *lifetimes(), *stale()]
