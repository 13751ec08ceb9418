"""Chance: how many things happen in a while, and when in the week people meet."""

from __future__ import annotations

import random
from functools import cache
from math import exp, sqrt
from typing import Final

_MANY: Final = 30


def poisson(mean: float, rng: random.Random) -> int:
    """How many independent things happen where `mean` are to be expected; rounded normal where there are many."""
    if mean > _MANY:
        return max(0, round(rng.gauss(mean, sqrt(mean))))
    left = rng.random()
    chance = _exp(mean)
    count = 0
    while left > chance:
        left -= chance
        count += 1
        chance *= mean / count
        if chance < 1e-18 and count > mean:
            break
    return count


_exp = cache(lambda mean: exp(-mean))

_HOURS: Final = (1, 1, 1, 1, 1, 2, 4, 10, 24, 30, 30, 26, 20, 26, 30, 28, 24, 18, 14, 12, 10, 6, 3, 2)
_DAYS: Final = (1.1, 1.2, 1.2, 1.2, 1.0, 0.25, 0.2)
_FULL_HOUR_S: Final = 180
_RUSH: Final = 5.0
"""Meetings begin at the full and the half hour: three minutes with five times as many."""


def busy(at_s: int) -> float:
    """How busy it is at a second since a Monday's midnight, against the mean of the week."""
    return _busy(at_s // 3600 % 168, at_s % 1800 < _FULL_HOUR_S)


@cache
def _busy(hour: int, rush: bool) -> float:
    share = _FULL_HOUR_S / 1800
    calm = (1 - share * _RUSH) / (1 - share)
    day = _DAYS[hour // 24] * 7 / sum(_DAYS)
    return day * _HOURS[hour % 24] * 24 / sum(_HOURS) * (_RUSH if rush else calm)
