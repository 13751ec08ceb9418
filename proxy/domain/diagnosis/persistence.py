"""Whether what was seen over the window still goes on now."""

from __future__ import annotations

from typing import Final

from .exact import binomial_head

UNLIKELY: Final = 1e-3


def still(hits: int, of: int, share: float) -> bool:
    """Whether `hits` among the `of` newest may be the same share as before: a fault that was mended leaves too few.

    A share that would leave none among so few now and then is taken to go on.
    """
    return binomial_head(hits, of, share) >= UNLIKELY
