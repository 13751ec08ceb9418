"""What the browsers know to have happened, counted, to be held against what joinwatch says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

Keyed = Counter[tuple[str, str]]
"""By backend, and an outcome or a text."""


@dataclass(slots=True)
class Tally:
    """`judged` are Zoom's answers; `told` the joins whose results were taken in time, `late` those that came late.

    A join counts once, by what was told of it last; `resolved` are those of which "no result" was told before.
    `deliveries` are all 204s, `refused` all other final answers; `unsigned` replies without a signature. `turned_away`:
    visitors who were not let in, so that the load stays bounded.
    """

    signatures: Counter[str] = field(default_factory=Counter)
    judged: Keyed = field(default_factory=Counter)
    told: Keyed = field(default_factory=Counter)
    late: Keyed = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    refused: int = 0
    unsigned: int = 0
    turned_away: int = 0

    def joins(self) -> int:
        """All joins that were told of in time."""
        return self.told.total()

    def share_3712(self) -> float | None:
        """Of the joins that ended, the share that was refused for its signature; None before there are any."""
        by_outcome: Counter[str] = Counter()
        for (_, outcome), count in self.told.items():
            by_outcome[outcome] += count
        ended = by_outcome.total() - by_outcome["no_result"]
        return by_outcome["invalid_signature"] / ended if ended else None
