"""The ledger as a synchronous store: what is new, what repeats, what is forgotten. One thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, delete, func, select, tuple_
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..domain.join_result import Outcome
from ..domain.ports import Appended, AppendedResult, JoinCounts, JoinRecord, RaisedCause
from . import reading, suspected
from .errors import Batch, CommitUnknown, RecordError, StoreError
from .migrations import upgrade
from .places import Place, place_of
from .tables import Row, causes, from_row, joins, to_row

_PROBE = "(probe)"

_T = TypeVar("_T")

Known = dict[str, dict[str, str]]
"""Receipt id -> result id -> outcome."""


class Store:
    """An open, migrated ledger. Every method raises StoreError when the database does not do its part.

    `migration` says what opening did to the schema.
    """

    def __init__(self, url: str | Path, *, busy_timeout_s: float = 5.0) -> None:
        self._place = place_of(url, busy_timeout_s)
        with self._explained():
            self.engine = self._place.connect()
            try:
                self._writing = self.engine.execution_options(**self._place.writing)
                self.migration = upgrade(self.engine.execution_options(**self._place.migrating))
                self._place.opened()
            except BaseException:
                self.engine.dispose()
                raise

    def append(self, records: Sequence[JoinRecord], max_per_receipt: int) -> list[AppendedResult]:
        """Store a batch in one transaction; the answers are in the order of the records, and true after the commit.

        A receipt takes at most `max_per_receipt` result ids. Raises RecordError when a record cannot be stored
        (the whole batch was rolled back: try its parts), CommitUnknown when the connection broke at the commit.
        """
        batch: Batch | None = None
        try:
            with self._write() as connection:
                with self._refusing():
                    known = _known(connection, {record.issuance.receipt_id for record in records})
                    answers, rows = _judge(records, known, max_per_receipt)
                    if rows:
                        connection.execute(self._place.put, rows)
                batch = Batch(answers, rows)
        except StoreError as error:
            if batch is not None and _is_lost(error.__cause__):
                raise CommitUnknown(str(error), batch) from error
            raise
        return answers

    def was_committed(self, batch: Batch) -> bool:
        """Whether the ledger has the batch of a CommitUnknown; who was committing it is waited for."""
        place = (joins.c.receipt_id, joins.c.result_id, joins.c.received_at, joins.c.outcome)
        rows = [tuple(row[column.name] for column in place) for row in batch.rows]
        query = select(joins.c.receipt_id).where(tuple_(*place).in_(rows)).limit(1)
        with self._write() as connection:
            return not rows or connection.execute(query).first() is not None

    def keep_causes(self, raised: Sequence[RaisedCause]) -> None:
        """Store these raisings, or bring their rows up to date, in one transaction.

        Of one cause of a backend, raisings that overlap are one row: several replicas raise what is one fault.
        Raises RecordError when one of them cannot be stored (all were rolled back).
        """
        if raised:
            with self._write() as connection, self._refusing():
                connection.execute(self._place.put_cause, suspected.rows_of(connection, raised))

    def check_writable(self) -> None:
        """Write a row, take it back and commit: finds a full or read-only disk before a result does."""
        # Larger than a page, so that there must be room to grow.
        probe: Row = {column.name: column.type.python_type() for column in joins.columns}
        probe |= {"receipt_id": _PROBE, "result_id": _PROBE, "outcome": _PROBE, "error": " " * 16_384}
        with self._write() as connection:
            connection.execute(joins.insert(), probe)
            connection.execute(delete(joins).where(joins.c.receipt_id == _PROBE))

    def delete_older_than(self, cutoff: float, limit: int) -> int:
        """Delete at most `limit` rows received before `cutoff` (epoch seconds), oldest first; how many."""
        key = (joins.c.receipt_id, joins.c.result_id)
        oldest = select(*key).where(joins.c.received_at < cutoff).order_by(joins.c.received_at).limit(limit)
        with self._write() as connection:
            return connection.execute(delete(joins).where(tuple_(*key).in_(oldest))).rowcount

    def delete_causes_cleared_before(self, cutoff: float, limit: int) -> int:
        """Delete at most `limit` causes that were cleared before `cutoff` (epoch seconds), oldest first; how many."""
        key = tuple(causes.primary_key.columns)
        oldest = select(*key).where(causes.c.cleared_at < cutoff).order_by(causes.c.cleared_at).limit(limit)
        with self._write() as connection:
            return connection.execute(delete(causes).where(tuple_(*key).in_(oldest))).rowcount

    def newest_joins(self, since: float, before: reading.Place, limit: int) -> reading.Page:
        """See reading.newest_joins."""
        with self._read() as connection:
            return reading.newest_joins(connection, since, before, limit)

    def suspected_since(self, since: float) -> list[RaisedCause]:
        """See reading.suspected_since."""
        with self._read() as connection:
            return reading.suspected_since(connection, since)

    def count_joins(self, begin: float, end: float) -> JoinCounts:
        """See reading.count_joins."""
        with self._read() as connection:
            return reading.count_joins(connection, begin, end)

    def read(self, call: Callable[[Connection], _T]) -> _T:
        """What one question of looking.py finds."""
        with self._read() as connection:
            return call(connection)

    def count(self) -> int:
        """How many rows there are."""
        with self._read() as connection:
            return connection.execute(select(func.count()).select_from(joins)).scalar_one()

    def rows(self, limit: int, receipt_id: str | None = None) -> list[JoinRecord]:
        """At most `limit` records, newest first; those of one receipt where it is given."""
        query = select(joins).order_by(joins.c.received_at.desc(), joins.c.result_id).limit(limit)
        if receipt_id is not None:
            query = query.where(joins.c.receipt_id == receipt_id)
        with self._read() as connection:
            return [from_row(row) for row in connection.execute(query).mappings()]

    def close(self) -> None:
        """Release the database; every commit is on disk already."""
        with self._explained():
            self.engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._explained():
            with self._writing.begin() as connection:
                yield connection
            self._place.committed()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with explained(self._place):
            yield

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not self._place.refuses(error):
                raise
            raise RecordError(
                f"the ledger {self._place} refuses a record: {_cause(self._place, error)}"
            ) from error


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """What fails inside is a StoreError that says where, why, and how to mend it."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"the ledger {place}: {error}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"the ledger {place}: {_cause(place, error)}") from error


def _known(connection: Connection, receipts: set[str]) -> Known:
    """What the ledger has of these receipts."""
    known: Known = {receipt: {} for receipt in receipts}
    query = select(joins.c.receipt_id, joins.c.result_id, joins.c.outcome)
    for receipt, result, outcome in connection.execute(query.where(joins.c.receipt_id.in_(receipts))):
        known[receipt][result] = outcome
    return known


def _judge(records: Sequence[JoinRecord], known: Known, limit: int) -> tuple[list[AppendedResult], list[Row]]:
    """An answer for each record, and the rows to write; `known` takes in each record before the next is judged."""
    answers: list[AppendedResult] = []
    rows: dict[tuple[str, str], Row] = {}
    for record in records:
        receipt, result, outcome = (
            record.issuance.receipt_id,
            record.result.result_id,
            record.result.outcome.value,
        )
        has = known[receipt]
        answer = _answer(has, result, outcome, limit)
        answers.append(answer)
        if answer.status in (Appended.NEW, Appended.RESOLVED):
            rows[receipt, result] = to_row(record)
            has[result] = outcome
    return answers, list(rows.values())


def _answer(has: dict[str, str], result: str, outcome: str, limit: int) -> AppendedResult:
    before = has.get(result)
    if before is None:
        if len(has) >= limit:
            return AppendedResult(Appended.TOO_MANY)
        return AppendedResult(Appended.NEW, first=not has)
    if before == Outcome.NO_RESULT and outcome != Outcome.NO_RESULT:
        return AppendedResult(Appended.RESOLVED)
    return AppendedResult(Appended.DUPLICATE)


def _cause(place: Place, error: BaseException) -> str:
    """The driver's own words; SQLAlchemy's would add the statement."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return place.reason(error.orig)
    return place.reason(error)


def _is_lost(error: BaseException | None) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated
