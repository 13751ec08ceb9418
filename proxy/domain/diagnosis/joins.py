"""The joins of a backend's window, sorted by what can be seen in their signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..join_result import Outcome
from .exact import wilson
from .finding_causes import POINTING
from .persistence import goes_on
from .predicates import VISIBLE, hidden
from .sightings import JoinSeen
from .tables import once_each, refused
from .windows import JOINS_WINDOW_S, BackendWindow
from .wording import percent

JUDGED: Final = (Outcome.JOINED, Outcome.INVALID_SIGNATURE)
"""The outcomes that tell whether Zoom took the signature."""


PREDICATES: Final = len(VISIBLE) + 33
"""Those of every backend: what is visible, the codes, and each cause's own findings."""


class Joins:
    """The joins of a backend's window, and the tests over them."""

    def __init__(self, window: BackendWindow, now: float) -> None:
        self.all = once_each(window.recent_joins(now))
        self.judged = [join for join in self.all if join.outcome in JUDGED]
        self.any_refused = any(map(refused, self.judged))
        self.rest = [join for join in self.judged if not any(each.holds(join) for each in VISIBLE)]
        self.hidden = hidden(self.rest)
        self.tries = (PREDICATES + len(self.hidden)) * max(1, len(self.all))
        """Predicates x looks: each new join can have been looked at once."""
        tally = window.join_tally.since(now - JOINS_WINDOW_S)
        self.refused = tally.counts[Outcome.INVALID_SIGNATURE]
        self.ended = tally.total - tally.counts[Outcome.NO_RESULT]

    @property
    def observed(self) -> float | None:
        """The share of joins that ended with an invalid signature; None where nobody has joined."""
        return self.refused / self.ended if self.ended else None

    def told(self) -> str:
        """The observed share with its uncertainty."""
        if not self.ended:
            return "No join was reported yet."
        lo, hi = wilson(self.refused, self.ended)
        return (
            f"Observed: {self.refused} of {self.ended} joins failed as invalid signature, "
            f"{percent(self.refused / self.ended)} (95 %: {percent(lo)} to {percent(hi)})."
        )


def unmarked(joins: Sequence[JoinSeen]) -> list[JoinSeen]:
    """Those whose signatures have nothing that points to a cause: that cause, not a further one, has to be named."""
    return [join for join in joins if POINTING.isdisjoint(join.findings)]


def still_fail(
    joins: Sequence[JoinSeen],
    holds: Callable[[JoinSeen], bool | None],
    failed: Callable[[JoinSeen], bool],
) -> bool:
    """Whether the newest joins of which it holds fail as those before."""
    return goes_on([failed(join) for join in joins if holds(join)])
