"""A ledger that somebody else writes, or that nobody writes now: read-only, for a command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from ..domain.ports import JoinPoint, Newest, Tally
from . import migrations, reading
from .looking import Looking
from .places import place_of
from .store import explained

_T = TypeVar("_T")


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


def points_of(url: str | Path, newest: Newest) -> list[JoinPoint]:
    """The newest joins as points. Changes nothing. Raises StoreError."""
    place = place_of(url)
    with explained(place):
        engine = place.connect_reading()
        try:
            with engine.connect() as connection:
                migrations.check(connection)

                async def read(call: Callable[[Connection], _T]) -> _T:
                    return call(connection)

                return asyncio.run(Looking(read).points(newest))
        finally:
            engine.dispose()
