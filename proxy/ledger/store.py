"""The ledger as a synchronous store: what is new, what repeats, what is forgotten. One thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import URL, Connection, delete, func, make_url, select, tuple_
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)

from ..domain.join_result import Outcome
from ..domain.ports import Appended, AppendedResult, History, JoinCounts, JoinRecord, RaisedCause
from . import reading, sqlite
from .errors import RecordError, StoreError
from .migrations import upgrade
from .tables import Row, causes, from_row, joins, to_cause_row, to_row

_RECORD_FAULTS = (
    IntegrityError,
    DataError,
    InterfaceError,
    ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What a value that no column can hold makes the driver raise; all else is the store's own trouble."""

_PUT = sqlite.put()
_PUT_CAUSE = sqlite.put_cause()

_PROBE = "(probe)"

_T = TypeVar("_T")

Known = dict[str, dict[str, str]]
"""Receipt id -> result id -> outcome."""


class Store:
    """An open, migrated ledger. Every method raises StoreError when the database does not do its part.

    `migration` says what opening did to the schema.
    """

    def __init__(self, url: str | URL, *, busy_timeout_s: float = 5.0) -> None:
        try:
            parsed = make_url(url)
        except (
            ArgumentError,
            ValueError,
        ) as error:  # whose message may repeat the URL and with it a password
            raise StoreError(
                "ledger.url is not a URL: write for example sqlite:///var/joinwatch.db"
            ) from error
        if parsed.get_backend_name() != "sqlite":
            raise StoreError(f"ledger.url: {parsed.drivername} is not supported; use sqlite:///FILE")
        file = sqlite.file_of(parsed)
        self._where = f"the ledger {file}"
        with self._explained():
            sqlite.make_folder(file)
            self.engine = sqlite.connect(file, busy_timeout_s)
            try:
                self._writing = self.engine.execution_options(**sqlite.WRITING)
                self.migration = upgrade(self._writing)
                self._identity = sqlite.FileIdentity.of(file)
            except BaseException:
                self.engine.dispose()
                raise

    def append(self, records: Sequence[JoinRecord], max_per_receipt: int) -> list[AppendedResult]:
        """Store a batch in one transaction; the answers are in the order of the records, and true after the commit.

        A receipt takes at most `max_per_receipt` result ids. Raises RecordError when a record cannot be stored
        (the whole batch was rolled back: try its parts).
        """
        with self._write() as connection, self._refusing():
            known = _known(connection, {record.issuance.receipt_id for record in records})
            answers, rows = _judge(records, known, max_per_receipt)
            if rows:
                connection.execute(_PUT, rows)
        return answers

    def keep_causes(self, raised: Sequence[RaisedCause]) -> None:
        """Store these raisings, or bring their rows up to date, in one transaction.

        Raises RecordError when one of them cannot be stored (all were rolled back).
        """
        if raised:
            with self._write() as connection, self._refusing():
                connection.execute(_PUT_CAUSE, [to_cause_row(each) for each in raised])

    def check_writable(self) -> None:
        """Write a row, take it back and commit: finds a full or read-only disk before a result does."""
        # Larger than a page, so that there must be room to grow.
        probe: Row = {column.name: 0 for column in joins.columns}
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

    def history(self, since: float, limit: int) -> History:
        """See reading.history."""
        with self._read() as connection:
            return reading.history(connection, since, limit)

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
            self._identity.check()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with explained(self._where):
            yield

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except _RECORD_FAULTS as error:
            raise RecordError(f"{self._where} refuses a record: {_cause(error)}") from error


@contextmanager
def explained(where: str) -> Iterator[None]:
    """What fails inside is a StoreError that says where, why, and how to mend it."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{where}: {error}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"{where}: {_cause(error)}") from error


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


def _cause(error: BaseException) -> str:
    """The driver's own words; SQLAlchemy's would add the statement."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return sqlite.reason(error.orig)
    return sqlite.reason(error)
