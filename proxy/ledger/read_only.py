"""The tally of a ledger that somebody else writes, or that nobody writes now: read-only, for a command."""

from __future__ import annotations

from pathlib import Path

from ..domain.ports import Tally
from . import migrations, reading
from .places import place_of
from .store import explained


def tally_of(url: str | Path, since: float) -> Tally:
    """Joins received, and causes suspected, from `since` on (wall time). Changes nothing. Raises StoreError."""
    place = place_of(url)
    with explained(place):
        engine = place.connect_reading()
        try:
            with engine.connect() as connection:
                migrations.check(connection)
                causes = reading.suspected_since(connection, since)
                spans = []
                begin = since
                for end in reading.edges(since, causes):
                    while begin < end:
                        spans.append(reading.count_joins(connection, begin, end))
                        begin = spans[-1].end
                return Tally(spans, causes)
        finally:
            engine.dispose()
