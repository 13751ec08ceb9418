"""Which row a raised cause belongs to: several replicas raise what is one fault, and it is one row."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, or_, select

from ..domain.ports import RaisedCause
from .tables import Row, causes, to_cause_row

_Spans = dict[float, float]
"""By when a cause was raised, when it was cleared; infinity while it is suspected."""


def rows_of(connection: Connection, raised: Sequence[RaisedCause]) -> list[Row]:
    """The rows to write. While nobody else writes, at most one row of a backend's cause is open."""
    known = _since(connection, min(each.raised_at for each in raised))
    return [to_cause_row(_placed(known[each.backend, each.suspicion.cause], each)) for each in raised]


def _since(connection: Connection, begin: float) -> dict[tuple[str, str], _Spans]:
    """What was suspected at some time after `begin`."""
    end = causes.c.cleared_at
    query = select(causes.c.backend, causes.c.cause, causes.c.raised_at, end)
    found: dict[tuple[str, str], _Spans] = defaultdict(dict)
    for backend, cause, raised_at, cleared_at in connection.execute(
        query.where(or_(end.is_(None), end > begin))
    ):
        until = math.inf if cleared_at is None else cleared_at
        if isinstance(raised_at, float) and isinstance(until, float):  # SQLite keeps text there too
            found[backend, cause][raised_at] = until
    return found


def _placed(spans: _Spans, raised: RaisedCause) -> RaisedCause:
    """The raising as a row has it that overlaps: an open one first, then its own, then the oldest; or as it is.

    Whoever clears it first clears it for all; who still suspects it opens it again with the next refresh. A replica
    that has gone would else leave it open for ever.
    """
    begin, end = raised.raised_at, math.inf if raised.cleared_at is None else raised.cleared_at
    near = [(until < math.inf, at != begin, at) for at, until in spans.items() if at <= end and until > begin]
    if near:
        is_closed, _, begin = min(near)
        if is_closed:
            end = max(end, spans[begin])
        raised = replace(raised, raised_at=begin, cleared_at=None if end == math.inf else end)
    spans[begin] = end
    return raised
