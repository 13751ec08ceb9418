"""What the store says of a result, what it keeps, and how it complains."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from proxy.domain.join_result import Outcome
from proxy.domain.ports import Appended, AppendedResult, JoinRecord
from proxy.ledger.errors import RecordError, StoreError
from proxy.ledger.store import Store
from proxy.ledger.tables import joins

from .builders import BARE, FULL, NOW, record, url_of

FIRST = AppendedResult(Appended.NEW, first=True)
NEW = AppendedResult(Appended.NEW)
RESOLVED = AppendedResult(Appended.RESOLVED)
DUPLICATE = AppendedResult(Appended.DUPLICATE)
TOO_MANY = AppendedResult(Appended.TOO_MANY)

JOINED, INVALID, NO_RESULT = Outcome.JOINED, Outcome.INVALID_SIGNATURE, Outcome.NO_RESULT

Sent = tuple[str, str, Outcome]


CASES: dict[str, tuple[list[tuple[Sent, AppendedResult]], set[Sent]]] = {
    "one": ([(("r", "a", JOINED), FIRST)], {("r", "a", JOINED)}),
    "delivered_three_times": (
        [(("r", "a", JOINED), FIRST), (("r", "a", JOINED), DUPLICATE), (("r", "a", JOINED), DUPLICATE)],
        {("r", "a", JOINED)},
    ),
    "two_joins_with_one_receipt": (
        [(("r", "a", INVALID), FIRST), (("r", "b", JOINED), NEW)],
        {("r", "a", INVALID), ("r", "b", JOINED)},
    ),
    "one_id_with_two_receipts": (
        [(("r", "a", JOINED), FIRST), (("s", "a", JOINED), FIRST)],
        {("r", "a", JOINED), ("s", "a", JOINED)},
    ),
    "another_outcome_under_the_same_id": (
        [(("r", "a", JOINED), FIRST), (("r", "a", INVALID), DUPLICATE)],
        {("r", "a", JOINED)},
    ),
    "no_result_resolved_once": (
        [
            (("r", "a", NO_RESULT), FIRST),
            (("r", "a", NO_RESULT), DUPLICATE),
            (("r", "a", INVALID), RESOLVED),
            (("r", "a", JOINED), DUPLICATE),
            (("r", "a", INVALID), DUPLICATE),
        ],
        {("r", "a", INVALID)},
    ),
    "no_result_after_a_result": (
        [(("r", "a", JOINED), FIRST), (("r", "a", NO_RESULT), DUPLICATE)],
        {("r", "a", JOINED)},
    ),
    "more_ids_than_allowed": (
        [
            (("r", "a", NO_RESULT), FIRST),
            (("r", "b", JOINED), NEW),
            (("r", "c", JOINED), NEW),
            (("r", "d", JOINED), TOO_MANY),
            (("r", "b", JOINED), DUPLICATE),
            (("r", "a", INVALID), RESOLVED),
            (("r", "d", JOINED), TOO_MANY),
            (("s", "d", JOINED), FIRST),
        ],
        {("r", "a", INVALID), ("r", "b", JOINED), ("r", "c", JOINED), ("s", "d", JOINED)},
    ),
}


@pytest.mark.parametrize("together", [True, False], ids=["in_one_batch", "one_by_one"])
@pytest.mark.parametrize(("deliveries", "kept"), CASES.values(), ids=CASES.keys())
def test_append(
    store: Store, deliveries: list[tuple[Sent, AppendedResult]], kept: set[Sent], together: bool
) -> None:
    records = [record(*sent) for sent, _ in deliveries]
    batches = [records] if together else [[each] for each in records]
    answers = [answer for batch in batches for answer in store.append(batch, 3)]
    assert answers == [answer for _, answer in deliveries]
    assert {_sent(row) for row in store.rows(100)} == kept
    assert store.count() == len(kept)


@given(
    deliveries=st.lists(
        st.tuples(
            st.sampled_from("rs"), st.sampled_from("abc"), st.sampled_from([JOINED, INVALID, NO_RESULT])
        ),
        max_size=12,
    ),
    cut=st.integers(0, 12),
)
@settings(max_examples=25, deadline=None)
def test_a_batch_is_judged_like_single_deliveries(deliveries: list[Sent], cut: int) -> None:
    records = [record(*sent) for sent in deliveries]
    with (
        TemporaryDirectory() as folder,
        closing(Store(Path(folder, "one.db"))) as one,
        closing(Store(Path(folder, "two.db"))) as two,
    ):
        batched = [*one.append(records[:cut], 2), *one.append(records[cut:], 2)]
        single = [answer for each in records for answer in two.append([each], 2)]
        assert batched == single
        assert one.rows(100) == two.rows(100)


@pytest.mark.parametrize("given_record", [FULL, BARE], ids=["all_known", "nothing_known"])
def test_every_fact_comes_back(store: Store, given_record: JoinRecord) -> None:
    store.append([given_record], 5)
    assert store.rows(10) == [given_record]


def test_a_resolving_result_replaces_every_fact(store: Store) -> None:
    provisional = replace(BARE, result=replace(BARE.result, outcome=NO_RESULT))
    store.append([provisional], 5)
    store.append([FULL], 5)
    assert store.rows(10) == [FULL]


def test_rows_are_the_newest_first_and_of_one_receipt_where_asked(store: Store) -> None:
    store.append([record(receipt, received_at=NOW + at) for at, receipt in enumerate("rsrsr")], 5)
    store.append([record("r", f"{at}", received_at=NOW + at) for at in (7, 6)], 5)
    assert [row.received_at - NOW for row in store.rows(3)] == [7, 6, 1]
    assert [row.received_at - NOW for row in store.rows(10, receipt_id="s")] == [1]
    assert store.rows(10, receipt_id="nobody") == []


def test_deletion_takes_the_oldest_in_batches(store: Store) -> None:
    store.append([record(f"{at}", received_at=NOW + at) for at in range(10)], 5)
    assert [store.delete_older_than(NOW + 7, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert [row.received_at - NOW for row in store.rows(10)] == [9, 8, 7]


@pytest.mark.parametrize(
    "sick",
    [
        replace(FULL, origin="\ud800"),
        replace(FULL, issuance=changed(FULL.issuance, receipt_id="\udfff")),
        replace(FULL, result=replace(FULL.result, step=1 << 70)),
        replace(FULL, received_at=float("nan")),
    ],
    ids=["lone_surrogate", "lone_surrogate_in_the_key", "integer_too_large", "not_a_number"],
)
def test_a_record_that_cannot_be_stored_is_refused_with_its_batch(store: Store, sick: JoinRecord) -> None:
    with pytest.raises(RecordError, match="refuses a record"):
        store.append([record("before"), sick, record("after")], 5)
    assert store.count() == 0
    assert store.append([record("before")], 5) == [FIRST]


def test_the_probe_leaves_nothing(store: Store) -> None:
    store.append([record()], 5)
    store.check_writable()
    assert [_sent(row) for row in store.rows(10)] == [("r", "a", JOINED)]


def test_the_promises_about_durability_are_on(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "joinwatch.db")) as store, store.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}


def test_a_write_takes_its_lock_at_the_beginning_and_a_read_takes_none(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    with (
        closing(Store(url_of(file), busy_timeout_s=0.05)) as store,
        closing(sqlite3.connect(file, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert store.rows(1) == []
        with pytest.raises(StoreError, match=r"database is locked: another process holds its lock"):
            store.append([], 5)
        other.execute("ROLLBACK")
        assert store.append([record()], 5) == [FIRST]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    file = tmp_path / "with % sign" / "var" / "joinwatch.db"
    with closing(Store(url_of(file))) as store:
        store.append([record()], 5)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM joins").fetchone() == (1,)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:x?uri=true", "must name a file and no options"),
        ("mysql://user:not-a-real-password@db/x", r"ledger\.url: mysql is not supported"),
        ("//user:not-a-real-password@db/x", r"ledger\.url is not a URL"),
        ("postgresql://user:not-a-real-password@db:port/x", r"ledger\.url has a port that is no number"),
        ("postgresql://user:not-a-real-password@db", r"ledger\.url names no database"),
        ("postgresql://user:x@not-a-real-password@db/x", r"ledger\.url has an @ or a /"),
        ("postgresql://user:1/not-a-real-password@db/x", r"ledger\.url has an @ or a /"),
        ("postgresql://user:%zz-not-a-real-password@db/x", r"ledger\.url is not a URL that PostgreSQL's"),
        ("postgresql://db/x?pass=not-a-real-password", r"ledger\.url is not a URL that PostgreSQL's"),
        ("postgresql+psycopg://user:not-a-real-password@db/x", r"postgresql\+psycopg is not supported"),
    ],
)
def test_a_url_that_is_no_ledger(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        Store(url)
    assert "not-a-real-password" not in str(caught.value)


def test_each_fact_has_one_column() -> None:
    facts = len(FULL.issuance.__struct_fields__) + len(FULL.result.__slots__) + len(FULL.__slots__) - 2
    assert len(joins.columns) == facts


def _sent(row: JoinRecord) -> Sent:
    return row.issuance.receipt_id, row.result.result_id, row.result.outcome
