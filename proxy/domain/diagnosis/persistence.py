"""Whether what was seen over the window still goes on now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .exact import binomial_head, binomial_tail

UNLIKELY: Final = 1e-3
OVER: Final = 1e-4
"""It is asked at every look, and a fault that seems over for one look leaves its failures unexplained."""

FEW: Final = 3
"""Fewer hits before the newest ones say nothing of how many there were."""

SHORTEST: Final = 8
"""A fault that becomes seldom is not over with its first pause."""


def still(hits: int, of: int, share: float) -> bool:
    """Whether `hits` of so many may come of this share: fewer are less likely than UNLIKELY."""
    return binomial_head(hits, of, share) >= UNLIKELY


def goes_on(hits: Sequence[bool], by_chance: float = 0.0) -> bool:
    """Whether a fault that these had, oldest first, is not over: over is what the newest have no more.

    However many they are, they are held against those before them: with every sound one that follows, the share of
    all falls, and a fault that is over would look like a seldom one, which may leave out so many now and then.
    `by_chance`: the share of sound ones that look like a hit.
    """
    times = [number for number, hit in enumerate(hits) if hit]
    for since, last in enumerate(reversed(times)):
        before, newest = len(times) - since, len(hits) - 1 - last
        if before < FEW:
            break
        sound = newest >= SHORTEST and binomial_tail(since, newest, by_chance) >= UNLIKELY
        if sound and binomial_head(since, newest, _share(before, last + 1)) < OVER:
            return False
    return True


def is_over(before: int, of: int, sound: int) -> bool:
    """Whether a fault that `before` out of `of` had is over, for `sound` came since without it."""
    return sound >= SHORTEST and before >= FEW and binomial_head(0, sound, _share(before, of)) < OVER


def _share(hits: int, of: int) -> float:
    """Cautious: of a few, the share may be less than it looks."""
    return min(1.0, hits / (of + 2))
