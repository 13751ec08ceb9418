"""What people look at: joins as points or whole, newest first, and counts by age; in steps of a few milliseconds."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    case,
    func,
    select,
    tuple_,
    type_coerce,
)

from ..domain.join_result import Outcome
from ..domain.ports import AgeKey, JoinKey, JoinPoint, JoinRecord, Newest, RaisedCause
from .reading import SPAN_ROWS, suspected_since
from .tables import from_row, joins

POINTS: Final = 1000
"""Rows read at once as points."""

SCANNED: Final = 1000
"""Rows looked through at once for whole ones."""

WHOLE: Final = 200
"""Rows read at once whole: each costs as much as several points."""

OF_ONE_RECEIPT: Final = 200

_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=tuple[object, ...])
_KEY: Final = (joins.c.received_at, joins.c.receipt_id, joins.c.result_id)
_POINT: Final = (
    *_KEY,
    joins.c.signer,
    joins.c.outcome,
    joins.c.code,
    joins.c.joined_at,
    joins.c.token_age_s,
    # A Boolean that is neither 0 nor 1 would fail the rows.
    type_coerce(joins.c.late, Integer).label("late"),
)
_OUTCOMES: Final = frozenset(Outcome)


class Read(Protocol):
    """Whoever puts one bounded question to the ledger."""

    def __call__(self, call: Callable[[Connection], _T], /) -> Awaitable[_T]:
        """What it finds."""


class _Step(Protocol[_T]):
    """A bounded part of the newest joins, and where to go on; None: nowhere."""

    def __call__(
        self, connection: Connection, newest: Newest, before: JoinKey | None, many: int
    ) -> tuple[list[_T], JoinKey | None]:
        """So many at most."""


class Looking:
    """Implements ports.JoinReader."""

    def __init__(self, read: Read) -> None:
        self._read = read

    async def points(self, newest: Newest) -> list[JoinPoint]:
        """The newest joins as points. Raises LedgerUnavailable."""
        return await self._newest(_points, newest, POINTS)

    async def records(self, newest: Newest) -> list[JoinRecord]:
        """The newest joins whole. Raises LedgerUnavailable."""
        return await self._newest(_records, newest, WHOLE)

    async def of_receipt(self, receipt_id: str) -> list[JoinRecord]:
        """All joins of one signature, by attempt. Raises LedgerUnavailable."""
        return await self._read(partial(_of_receipt, receipt_id=receipt_id))

    async def ages(self, since: float, edges: Sequence[float]) -> Mapping[AgeKey, int]:
        """Joins by the age of their token, the late ones apart. Raises LedgerUnavailable."""
        found: dict[AgeKey, int] = {}
        begin = since
        while begin < math.inf:
            counted, begin = await self._read(partial(_ages, begin=begin, edges=edges))
            for key, count in counted.items():
                found[key] = found.get(key, 0) + count
        return found

    async def _newest(self, step: _Step[_T], newest: Newest, at_once: int) -> list[_T]:
        found: list[_T] = []
        before = newest.before
        while len(found) < newest.limit:
            many = min(at_once, newest.limit - len(found))
            rows, before = await self._read(partial(step, newest=newest, before=before, many=many))
            found += rows
            if before is None:
                break
        return found

    async def causes(self, since: float) -> list[RaisedCause]:
        """The causes suspected at `since` or later. Raises LedgerUnavailable."""
        return await self._read(partial(suspected_since, since=since))


def _before(query: Select[_Row], newest: Newest, before: JoinKey | None) -> Select[_Row]:
    """Those that come after `before` in the order from the newest to the oldest."""
    query = _inside(query, newest)
    if before is not None:
        # The first by itself lets the index begin there.
        query = query.where(joins.c.received_at <= before[0], tuple_(*_KEY) < tuple_(*before))
    return query.order_by(*(column.desc() for column in _KEY))


def _inside(query: Select[_Row], newest: Newest) -> Select[_Row]:
    """Those of the time and the signer that are asked for."""
    query = query.where(joins.c.received_at >= newest.since)
    return query if newest.backend is None else query.where(joins.c.signer == newest.backend)


def _points(
    connection: Connection, newest: Newest, before: JoinKey | None, many: int
) -> tuple[list[JoinPoint], JoinKey | None]:
    """So many rows as points, and where to go on; None: nowhere."""
    rows = connection.execute(_before(select(*_POINT), newest, before).limit(many)).mappings().all()
    last = _key_of(rows[-1]) if len(rows) == many else None
    return [point for row in rows if (point := _point(row)) is not None], last


def _records(
    connection: Connection, newest: Newest, before: JoinKey | None, many: int
) -> tuple[list[JoinRecord], JoinKey | None]:
    """At most so many rows, of the next SCANNED those that are wanted, and where to go on; None: nowhere."""
    # By the index alone; those that arrived at the same moment stay together.
    received = _inside(select(joins.c.received_at), newest)
    if before is not None:
        received = received.where(joins.c.received_at <= before[0])
    bound = connection.execute(
        received.order_by(joins.c.received_at.desc()).offset(SCANNED).limit(1)
    ).scalar_one_or_none()
    last = None if bound is None else (bound, "", "")
    query = _before(select(joins), newest, before)
    if bound is not None:
        query = query.where(joins.c.received_at >= bound)
    if newest.outcomes is not None:
        query = query.where(joins.c.outcome.in_(sorted(newest.outcomes)))
    rows = connection.execute(query.limit(many)).mappings().all()
    if len(rows) == many:
        last = _key_of(rows[-1])
    return _readable(rows), last


def _of_receipt(connection: Connection, receipt_id: str) -> list[JoinRecord]:
    query = (
        select(joins)
        .where(joins.c.receipt_id == receipt_id)
        .order_by(joins.c.received_at)
        .limit(OF_ONE_RECEIPT)
    )
    found = _readable(connection.execute(query).mappings())
    return sorted(found, key=lambda each: (each.joined_at or each.received_at, each.result.attempt))


def _ages(connection: Connection, begin: float, edges: Sequence[float]) -> tuple[dict[AgeKey, int], float]:
    """Counts of about SPAN_ROWS rows from `begin` on, and where to go on."""
    received = joins.c.received_at
    beyond = connection.execute(
        select(received).where(received >= begin).order_by(received).offset(SPAN_ROWS).limit(1)
    ).scalar_one_or_none()
    end = math.inf if beyond is None else beyond if beyond > begin else math.nextafter(begin, math.inf)
    band = _band(joins.c.token_age_s, edges).label("band")
    counted = (
        select(joins.c.signer, joins.c.outcome, band, func.count())
        .where(received >= begin, received < end, joins.c.late.is_(False))
        .group_by(
            joins.c.signer, joins.c.outcome, "band"
        )  # by name: PostgreSQL takes its parameters for others
    )
    found: dict[AgeKey, int] = {}
    for signer, outcome, number, count in connection.execute(counted):
        if isinstance(signer, str) and outcome in _OUTCOMES:
            found[signer, Outcome(outcome), number] = count
    return found, end


def _band(age: ColumnElement[float | None], edges: Sequence[float]) -> ColumnElement[int | None]:
    whens = [(age.is_(None), None), *((age < edge, number) for number, edge in enumerate(edges))]
    return case(*whens, else_=len(edges))


def _point(row: RowMapping) -> JoinPoint | None:
    """None for a row that this release does not understand."""
    texts = (row["receipt_id"], row["result_id"], row["signer"])
    if not all(isinstance(text, str) for text in texts) or row["outcome"] not in _OUTCOMES:
        return None
    received_at = _number(row["received_at"])
    if received_at is None:
        return None
    return JoinPoint(
        *texts,
        outcome=Outcome(row["outcome"]),
        code=row["code"] if isinstance(row["code"], str) else None,
        received_at=received_at,
        joined_at=_number(row["joined_at"]),
        token_age_s=_number(row["token_age_s"]),
        late=bool(row["late"]),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _key_of(row: RowMapping) -> JoinKey:
    return row["received_at"], row["receipt_id"], row["result_id"]


def _readable(rows: Iterable[RowMapping]) -> list[JoinRecord]:
    """Without rows that this release does not understand."""
    found = []
    for row in rows:
        try:
            found.append(from_row(row))
        except (TypeError, ValueError, RecursionError):
            continue
    return found
