"""What is read back from the ledger: the history for a start, the tally of a time; each call a bounded part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection, Integer, RowMapping, func, or_, select, tuple_, type_coerce

from ..domain.join_result import Outcome
from ..domain.ports import JoinCounts, JoinRecord, RaisedCause
from .tables import causes, from_cause_row, from_row, joins

MAX_CAUSES: Final = 500
"""A cause stays for minutes at least; more of them in one time is a fault of somebody's."""

SPAN_ROWS: Final = 10_000
"""Rows counted at once: some ten milliseconds of work, between two commits."""

PAGE_ROWS: Final = 250
"""Rows read back at once: some ten milliseconds of work, between two commits."""

Place = tuple[float, str, str]
"""Where a row stands in time: received_at, receipt_id, result_id. No two rows share one."""

NEWEST: Final[Place] = (math.inf, "", "")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Page:
    """Joins, the newest first, and the place of the last; None where nothing older is left."""

    joins: list[JoinRecord]
    last: Place | None


def newest_joins(connection: Connection, since: float, before: Place, limit: int) -> Page:
    """The newest `limit` joins received from `since` on whose place is before this one.

    Who reads on from the last place misses no older join and meets none twice, whatever is appended meanwhile.
    """
    place = (joins.c.received_at, joins.c.receipt_id, joins.c.result_id)
    query = (
        select(joins)
        .where(joins.c.received_at >= since, joins.c.received_at <= before[0], tuple_(*place) < before)
        .order_by(*(column.desc() for column in place))
        .limit(limit)
    )
    rows = connection.execute(query).mappings().all()
    found = list(_readable(rows, from_row))
    if len(rows) < limit:
        return Page(found, None)
    return Page(found, (rows[-1]["received_at"], rows[-1]["receipt_id"], rows[-1]["result_id"]))


def suspected_since(connection: Connection, since: float) -> list[RaisedCause]:
    """The newest MAX_CAUSES that are not cleared, or were at `since` or later; the oldest first."""
    query = (
        select(causes)
        .where(or_(causes.c.cleared_at.is_(None), causes.c.cleared_at >= since))
        .order_by(causes.c.raised_at.desc(), causes.c.backend, causes.c.cause)
        .limit(MAX_CAUSES)
    )
    return list(_readable(connection.execute(query).mappings(), from_cause_row))[::-1]


def count_joins(connection: Connection, begin: float, end: float, limit: int = SPAN_ROWS) -> JoinCounts:
    """The joins received from `begin` on and before `end`, or before an earlier time after about `limit` of them."""
    received = joins.c.received_at
    inside = (received >= begin) & (received < end)
    beyond = connection.execute(
        select(received).where(inside).order_by(received).offset(limit).limit(1)
    ).scalar_one_or_none()
    if beyond is not None:
        end = beyond if beyond > begin else math.nextafter(begin, math.inf)
    late_or_not = type_coerce(joins.c.late, Integer)  # A Boolean that is neither 0 nor 1 would fail the rows.
    counted = select(joins.c.signer, joins.c.outcome, late_or_not, func.count()).where(
        (received >= begin) & (received < end)
    )
    found: dict[tuple[str, Outcome], int] = {}
    late: dict[str, int] = {}
    rows = connection.execute(counted.group_by(joins.c.signer, joins.c.outcome, late_or_not))
    for signer, outcome, came_late, count in rows:
        if not isinstance(signer, str):
            continue
        if came_late:
            late[signer] = late.get(signer, 0) + count
        elif outcome in _OUTCOMES:
            found[signer, Outcome(outcome)] = count
    return JoinCounts(begin, end, found, late)


def edges(since: float, suspected: Sequence[RaisedCause]) -> list[float]:
    """The times after `since` at which a cause was raised or cleared, in order; at the end, the end of time."""
    times = {time for each in suspected for time in (each.raised_at, each.cleared_at) if time is not None}
    return [*sorted(time for time in times if since < time < math.inf), math.inf]


_OUTCOMES: Final = frozenset(Outcome)


def _readable(rows: Iterable[RowMapping], read: Callable[[RowMapping], _T]) -> Iterator[_T]:
    """Without rows that this release does not understand: a newer one, or somebody's hand, has written them."""
    for row in rows:
        try:
            yield read(row)
        except (TypeError, ValueError, RecursionError):
            continue
