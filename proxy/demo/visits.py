"""Who comes when, to which page, and what becomes of them: all of it drawn from the seed before it happens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .faults import BACKENDS

MEETINGS: Final = tuple(f"9876000{number:04}" for number in range(1, 25))
NOT_STARTED: Final = MEETINGS[-1]
ORIGINS: Final = ("https://school.example", "https://clinic.example")
SDKS: Final = (("client", "2.8.0"), ("client", "6.2.0"), ("component", "6.2.0"))

MOST_TRIES: Final = 4
REJOIN_S: Final = 10.5
"""The SDK lets a page call join once in ten seconds."""


class Fate(StrEnum):
    """What happens to a visitor besides the join itself; it takes `fate_s`."""

    NONE = "none"
    LEAVES = "leaves before joining"
    CLOSES = "closes the tab while joining"
    SILENCE = "hears nothing from the SDK for minutes"
    OFFLINE = "goes offline before the result is told"
    UNHEARD = "tells the result and loses the answer"
    SLEEPS = "closes the lid before joining"
    CROSSES = "gets the signature on one page and joins on the next"
    CORRECTED = "the same, and the clock is set right in between"


_FATES: Final = {
    Fate.NONE: (78, 0.0, 0.0),
    Fate.LEAVES: (4, 1.0, 30.0),
    Fate.CLOSES: (3, 0.1, 0.9),  # a share of the time that joining takes
    Fate.SILENCE: (1, 125.0, 200.0),
    Fate.OFFLINE: (4, 3.0, 60.0),
    Fate.UNHEARD: (3, 2.0, 8.0),
    Fate.SLEEPS: (2, 10.0, 120.0),
    Fate.CROSSES: (4, 0.5, 2.0),
    Fate.CORRECTED: (1, 0.5, 2.0),
}
"""How many of a hundred, and between which seconds."""

LONG_OFFLINE: Final = 0.15
LONG_OFFLINE_S: Final = 400.0
"""So much later come these results; what comes more than five minutes after its join is late."""


@dataclass(frozen=True, slots=True)
class Again:
    """What a visitor does after a refusal: waits, and joins again with the same signature, or reloads the page."""

    after_s: float
    reload: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One visitor. `at_s` is from the beginning of the world; the clock of the browser is `skew_s` ahead."""

    number: int
    at_s: float
    backend: str
    meeting: str
    address: str
    origin: str
    view: str
    sdk: str
    skew_s: float
    thinks_s: float
    takes_s: float
    fate: Fate
    fate_s: float
    again: tuple[Again, ...]


def visits(seed: int, rate: float) -> Iterator[Visit]:
    """All visitors in the order in which they come, `rate` a second. The same seed brings the same ones."""
    arrivals = random.Random(f"{seed} arrivals")
    at_s, number = 0.0, 0
    while True:
        at_s += arrivals.expovariate(rate)
        yield _visit(number, at_s, random.Random(f"{seed} {number}"))
        number += 1


def _visit(number: int, at_s: float, rng: random.Random) -> Visit:
    view, sdk = rng.choice(SDKS)
    fate = rng.choices(list(_FATES), [weight for weight, _, _ in _FATES.values()])[0]
    _, least, most = _FATES[fate]
    fate_s = rng.uniform(least, most)
    if fate is Fate.OFFLINE and rng.random() < LONG_OFFLINE:
        fate_s += LONG_OFFLINE_S
    return Visit(
        number=number,
        at_s=at_s,
        backend=rng.choice(BACKENDS),
        meeting=rng.choice(MEETINGS),
        # One household each, of the network that documentation may use.
        address=f"2001:db8:{rng.getrandbits(16):x}:{rng.getrandbits(16):x}::1",
        origin=rng.choice(ORIGINS),
        view=view,
        sdk=sdk,
        skew_s=rng.gauss(0.0, 2.0) if rng.random() < 0.9 else rng.uniform(-600.0, 600.0),
        thinks_s=0.2 + rng.expovariate(0.5) if rng.random() < 0.95 else rng.uniform(10.0, 240.0),
        takes_s=0.3 + rng.expovariate(1.0),
        fate=fate,
        fate_s=fate_s,
        again=tuple(_again(rng)),
    )


def _again(rng: random.Random) -> Iterator[Again]:
    for _ in range(1, MOST_TRIES):
        if rng.random() < 0.4:
            return
        yield Again(REJOIN_S + rng.expovariate(0.2), rng.random() < 0.4)
