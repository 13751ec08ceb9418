"""Exact tests on counts: Fisher's for a 2x2 table, the tails of a binomial, and an interval for a share.

A distribution is walked outwards from its mode by the ratios of neighbours and divided by its own sum. That keeps 12
digits also in tails of 1e-300, where differences of log-factorials would not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

_NEGLIGIBLE: Final = 1e-25
"""Of what is summed already: weights only fall from here, so that even a million more would not be seen."""


def fisher(a: int, b: int, c: int, d: int) -> float:
    """P that the first row has at least `a` failures, given the sums of rows and columns (Fisher 1935, one-sided).

    The first row is where a predicate is true: a failed, b joined; the second where it is false: c failed, d joined.
    1.0 for a table that can tell nothing. Raises ValueError for a negative count.
    """
    if min(a, b, c, d) < 0:
        raise ValueError(f"a table has counts of 0 and more, not {(a, b, c, d)}")
    row, failed = a + b, a + c
    spare = (
        d - a
    )  # joined in the second row, less failed in the first: the same in all tables with these sums

    def up(x: int) -> float:
        return (failed - x) * (row - x) / ((x + 1) * (spare + x + 1))

    mode = (failed + 1) * (row + 1) // (row + c + d + 2)
    fewer, at_least = _weights(mode, max(0, -spare), min(failed, row), a, up)
    return at_least / (fewer + at_least)


def binomial_tail(k: int, n: int, p: float) -> float:
    """P(X >= k) of n tries with probability p each. Raises ValueError for n < 0 or a p that is none."""
    return _binomial(k, n, p)[1]


def binomial_head(k: int, n: int, p: float) -> float:
    """P(X <= k) of n tries with probability p each. Raises ValueError for n < 0 or a p that is none."""
    return _binomial(k + 1, n, p)[0]


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Where the share lies of which k of n is a sample (Wilson 1927); `z` = 1.96 is right 95 % of the time.

    (0, 1) for n = 0. Raises ValueError unless 0 <= k <= n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"k of n needs 0 <= k <= n, not {k} and {n}")
    if n == 0:
        return 0.0, 1.0
    z2 = z * z
    centre = (k + z2 / 2) / (n + z2)
    reach = z * math.sqrt(k * (n - k) / n + z2 / 4) / (n + z2)
    # At the ends rounding must not leave a share of none or all outside of its own interval.
    return (0.0 if k == 0 else max(0.0, centre - reach)), (1.0 if k == n else min(1.0, centre + reach))


def _binomial(k: int, n: int, p: float) -> tuple[float, float]:
    """P(X < k) and P(X >= k)."""
    if n < 0 or not 0.0 <= p <= 1.0:
        raise ValueError(f"n tries with probability p need n >= 0 and 0 <= p <= 1, not {n} and {p}")
    if p in (0.0, 1.0):
        return (1.0, 0.0) if k > n * p else (0.0, 1.0)
    odds = p / (1.0 - p)

    def up(x: int) -> float:
        return (n - x) / (x + 1) * odds

    fewer, at_least = _weights(min(n, int((n + 1) * p)), 0, n, k, up)
    total = fewer + at_least
    return fewer / total, at_least / total


def _weights(mode: int, least: int, most: int, split: int, up: Callable[[int], float]) -> tuple[float, float]:
    """The weights of [least, split) and of [split, most]: the mode has 1, and x + 1 has up(x) times that of x."""
    below = above = 0.0
    weight = 1.0
    for x in range(mode, most + 1):
        if x < split:
            below += weight
            if weight == 0.0:
                break
        else:
            above += weight
            if weight < above * _NEGLIGIBLE:
                break
        weight *= up(x)
    weight = 1.0
    for x in range(mode - 1, least - 1, -1):
        weight /= up(x)
        if x >= split:
            above += weight
            if weight == 0.0:
                break
        else:
            below += weight
            if weight < below * _NEGLIGIBLE:
                break
    return below, above
