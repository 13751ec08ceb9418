"""Causes in the store, and what is read back: the history, the tally, and by which indexes."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from proxy.domain.join_result import Outcome
from proxy.domain.ports import JoinCounts, JoinRecord, RaisedCause
from proxy.ledger import reading
from proxy.ledger.errors import RecordError, StoreError
from proxy.ledger.read_only import tally_of
from proxy.ledger.store import Store
from proxy.services.summary import Known, summarise

from .builders import HINTED, NOW, RAISED, record, url_of
from .homes import Home

JOINED, INVALID = Outcome.JOINED, Outcome.INVALID_SIGNATURE
OPEN = replace(RAISED, cleared_at=None)


@pytest.mark.parametrize("raised", [RAISED, HINTED], ids=["all_known", "nothing_known"])
def test_every_fact_comes_back(store: Store, raised: RaisedCause) -> None:
    store.keep_causes([raised])
    assert store.suspected_since(0.0) == [raised]


def test_a_raising_is_one_row_that_is_brought_up_to_date(store: Store) -> None:
    store.keep_causes([OPEN, HINTED])
    stronger = replace(
        OPEN, suspicion=replace(OPEN.suspicion, confidence=1.0, evidence="9 of 9", replicas=())
    )
    store.keep_causes([stronger])
    assert store.suspected_since(0.0) == [HINTED, stronger]
    cleared = replace(stronger, cleared_at=NOW + 99)
    store.keep_causes([cleared])
    again = replace(OPEN, raised_at=NOW + 100)
    elsewhere = replace(OPEN, backend="php")
    store.keep_causes([again, elsewhere, again])
    assert store.suspected_since(0.0) == [HINTED, elsewhere, cleared, again]
    store.keep_causes([])


@pytest.mark.parametrize(
    "sick",
    [
        replace(RAISED, raised_at=math.nan),
        replace(RAISED, backend="\ud800"),
        replace(RAISED, suspicion=replace(RAISED.suspicion, evidence="\udfff")),
        replace(RAISED, suspicion=replace(RAISED.suspicion, confidence=math.nan)),
    ],
    ids=["no_time", "lone_surrogate_in_the_key", "lone_surrogate", "no_confidence"],
)
def test_a_cause_that_cannot_be_stored_is_refused_with_its_batch(store: Store, sick: RaisedCause) -> None:
    with pytest.raises(RecordError, match="refuses a record"):
        store.keep_causes([HINTED, sick])
    assert store.suspected_since(0.0) == []


@pytest.mark.parametrize(
    ("raised_at", "cleared_at", "since", "told"),
    [
        pytest.param(0, None, 100, True, id="open"),
        pytest.param(200, None, 100, True, id="raised later"),
        pytest.param(0, 150, 100, True, id="cleared later"),
        pytest.param(0, 100, 100, True, id="cleared just then"),
        pytest.param(0, 99, 100, False, id="cleared before"),
    ],
)
def test_suspected_since(
    store: Store, raised_at: float, cleared_at: float | None, since: float, told: bool
) -> None:
    raised = replace(RAISED, raised_at=raised_at, cleared_at=cleared_at)
    store.keep_causes([raised])
    assert store.suspected_since(since) == [raised] * told


def test_a_page_is_the_newest_joins(store: Store) -> None:
    store.append([record(f"{at}", received_at=NOW + at) for at in (3, 1, 2, 5, 4)], 5)
    for limit, since, wanted in ((2, 0, [5, 4]), (9, 0, [5, 4, 3, 2, 1]), (3, 4, [5, 4]), (9, 6, [])):
        page = store.newest_joins(NOW + since, reading.NEWEST, limit)
        assert [join.received_at - NOW for join in page.joins] == wanted
        assert (page.last is None) == (len(wanted) < limit)
    assert store.newest_joins(NOW + 5, reading.NEWEST, 1).joins == [record("5", received_at=NOW + 5)]


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_pages_hold_each_join_once_although_others_come_meanwhile(store: Store, size: int) -> None:
    # Twelve at a time: a place is told by the receipt's id, and by the result's.
    sent = [
        record(f"r{number // 3 % 4}-{number // 12}", f"{number % 3}", received_at=NOW + number // 12)
        for number in range(40)
    ]
    store.append(sent, 5)
    found: list[JoinRecord] = []
    last: reading.Place | None = reading.NEWEST
    while last is not None:
        page = store.newest_joins(NOW, last, size)
        assert len(page.joins) <= size
        found += page.joins
        last = page.last
        store.append([record(f"meanwhile {len(found)}", received_at=NOW + 99)], 5)
    wanted = sorted(
        sent,
        key=lambda each: (each.received_at, each.issuance.receipt_id, each.result.result_id),
        reverse=True,
    )
    assert found == wanted


def test_rows_that_nobody_understands_are_left_out(store: Store, home: Home) -> None:
    names = ("sound", "new outcome", "new view", "no JSON")
    store.append([record(name, received_at=NOW + at) for at, name in enumerate(names)], 5)
    store.keep_causes([OPEN, replace(OPEN, backend="php")])
    home.run("UPDATE joins SET outcome = 'novel' WHERE receipt_id = 'new outcome'")
    home.run("UPDATE joins SET view = 'novel' WHERE receipt_id = 'new view'")
    home.run("UPDATE joins SET findings = '[' WHERE receipt_id = 'no JSON'")
    home.run("UPDATE causes SET cause = 'novel' WHERE backend = 'php'")
    page = store.newest_joins(0.0, reading.NEWEST, 4)
    assert [join.issuance.receipt_id for join in page.joins] == ["sound"]
    assert page.last == (NOW, "sound", "a")  # what cannot be read is passed over
    assert store.suspected_since(math.inf) == [OPEN]
    assert store.count_joins(0.0, math.inf).late == {"java_a": 4}


UNREADABLE = {
    "raised_at": (1e300, -1e300, "'x'", -1, "9e999"),
    "cleared_at": ("'zz'", 1e300, "x'00'"),
    "confidence": ("'abc'", 1.5, -0.1),
    "evidence": ("x'00'",),
    "replicas": ("'{}'", "'[1]'", "'1'", "'['", f"'{'[' * 100_000}'"),
    "predicted_share": ("'x'", 2),
    "observed_share": ("'x'", -1),
    "heals_s": ("'x'", -1, "9e999"),
}


@pytest.mark.parametrize(
    ("column", "value"),
    [(column, value) for column, values in UNREADABLE.items() for value in values],
    ids=lambda each: str(each)[:12],
)
def test_a_cause_that_cannot_be_told_is_left_out(tmp_path: Path, column: str, value: object) -> None:
    file = tmp_path / "joinwatch.db"
    with closing(Store(file)) as store:
        leaves_out(store, file, column, value)


def leaves_out(store: Store, file: Path, column: str, value: object) -> None:
    store.keep_causes([OPEN, replace(OPEN, backend="php")])
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE causes SET {column} = {value} WHERE backend = 'php'")
    assert store.suspected_since(-math.inf) == [OPEN]
    assert store.suspected_since(math.inf) == [OPEN]
    told = summarise(Known(now=NOW, since=0.0, tally=tally_of(file, 0.0), suspected=[OPEN]))
    assert "php" not in told.backends


def test_joins_that_cannot_be_told_are_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    with closing(Store(file)) as store:
        store.append([record(name, received_at=NOW) for name in ("sound", "late", "signer", "time")], 5)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE joins SET late = 0")
        connection.execute("UPDATE joins SET late = 'x' WHERE receipt_id = 'late'")
        connection.execute("UPDATE joins SET signer = x'00' WHERE receipt_id = 'signer'")
        connection.execute("UPDATE joins SET received_at = 'x' WHERE receipt_id = 'time'")
    with closing(Store(file)) as store:
        assert store.count_joins(0.0, math.inf).joins == {("java_a", Outcome.JOINED): 1}


@pytest.mark.parametrize("limit", [1, 3, 4, 1000])
@pytest.mark.parametrize("ties", [1, 7], ids=["all at different times", "seven at a time"])
def test_counting_in_spans_counts_each_join_once(store: Store, limit: int, ties: int) -> None:
    sent = [
        record(
            f"{number}",
            outcome=JOINED if number % 3 else INVALID,
            received_at=NOW + number // ties,
            signer="java" if number % 2 else "php",
            late=number % 5 == 0,
        )
        for number in range(40)
    ]
    store.append(sent, 5)
    spans = spans_of(store, NOW + 2, NOW + 30, limit)
    inside = [each for each in sent if NOW + 2 <= each.received_at < NOW + 30]
    total: Counter[tuple[str, Outcome]] = Counter()
    late: Counter[str] = Counter()
    for span in spans:
        total.update(span.joins)
        late.update(span.late)
        assert sum(span.joins.values()) + sum(span.late.values()) <= max(limit, ties) + ties
    wanted = Counter((each.issuance.signer, each.result.outcome) for each in inside if not each.late)
    assert total == wanted
    assert late == Counter(each.issuance.signer for each in inside if each.late)
    assert [span.begin for span in spans[1:]] == [span.end for span in spans[:-1]]
    assert (spans[0].begin, spans[-1].end) == (NOW + 2, NOW + 30)


def test_edges_are_when_causes_came_and_went_in_order() -> None:
    causes = [RAISED, HINTED, replace(RAISED, raised_at=NOW - 5, cleared_at=NOW + 5)]
    assert reading.edges(NOW - 1, causes) == [NOW, NOW + 0.1, NOW + 5, NOW + 60.7, math.inf]
    assert reading.edges(NOW + 100, causes) == [math.inf]


EXPLAIN = {
    "sqlite": "EXPLAIN QUERY PLAN ",
    "postgresql": "SET LOCAL enable_seqscan = off; EXPLAIN ",  # in a small table it is the quickest
}


def test_everything_is_read_by_an_index(store: Store, home: Home) -> None:
    plans: list[str] = []

    def explain(connection: Connection, cursor: Any, statement: str, values: Any, *_: object) -> None:
        if statement.startswith(("SELECT joins", "SELECT causes", "DELETE")):
            other = cursor.connection.cursor()
            for each in EXPLAIN[home.kind].split("; "):
                found = other.execute(each + statement if each.startswith("EXPLAIN") else each, values)
            plans.extend(f"{row[-1]}" for row in found)
            other.close()

    event.listen(store.engine, "before_cursor_execute", explain)
    store.append([record(f"{number}", received_at=NOW + number) for number in range(30)], 5)
    plans.clear()
    store.newest_joins(NOW, reading.NEWEST, 10)
    store.newest_joins(NOW, (NOW + 20, "20", "a"), 10)
    store.suspected_since(NOW)
    spans_of(store, NOW, math.inf, 10)
    store.delete_older_than(NOW, 1000)
    store.delete_causes_cleared_before(NOW, 1000)
    print(*plans, sep="\n")  # pytest -s shows them
    steps = [plan for plan in plans if "joins" in plan or "causes" in plan]
    assert len(steps) >= 5
    assert not [step for step in steps if step.startswith("SCAN") or "Seq Scan" in step]
    used = set(re.findall(r"\b(?:joins|causes)_[a-z_]+", "".join(steps)))
    assert {"joins_received_at", "causes_cleared_at"} <= used


def test_cleared_causes_are_deleted_in_batches_oldest_first(store: Store) -> None:
    gone = [replace(RAISED, backend=f"{at}", raised_at=NOW - 50 + at, cleared_at=NOW + at) for at in range(5)]
    store.keep_causes([*gone, OPEN, HINTED])
    assert [store.delete_causes_cleared_before(NOW + 4, limit=3) for _ in range(3)] == [3, 1, 0]
    assert store.suspected_since(0.0) == [gone[4], HINTED, OPEN]


def test_the_same_tally_is_read_beside_the_writer_and_after_it(store: Store, home: Home) -> None:
    store.keep_causes([RAISED, HINTED])
    store.append(
        [record(f"{at}", outcome=INVALID, received_at=NOW + at, late=False) for at in range(-9, 90)], 5
    )
    beside = tally_of(home.url, NOW - 5)
    assert beside.causes == [HINTED, RAISED]
    assert [(span.begin - NOW, sum(span.joins.values())) for span in beside.spans] == [
        (-5, 5),
        (0, 1),
        (pytest.approx(0.1), 60),
        (pytest.approx(60.7), 29),
    ]
    store.close()
    assert tally_of(home.url, NOW - 5) == beside


def test_only_a_ledger_of_this_release_is_read(tmp_path: Path) -> None:
    file = tmp_path / "with % sign?" / "joinwatch.db"
    with pytest.raises(StoreError, match="unable to open database file"):
        tally_of(file, NOW)
    assert not file.parent.exists()
    file.parent.mkdir()
    file.write_bytes(b"no database " * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        tally_of(file, NOW)
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(
        StoreError, match="schema is revision 0001, not 0002: start this release of joinwatch"
    ):
        tally_of(file, NOW)


def test_nothing_can_be_written_by_who_only_reads(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    Store(url_of(file)).close()
    before = file.read_bytes()
    tally_of(file, 0.0)
    assert file.read_bytes() == before


def spans_of(store: Store, begin: float, end: float, limit: int) -> list[JoinCounts]:
    """The counts of a time, at most about `limit` joins each."""
    spans: list[JoinCounts] = []
    with store.engine.connect() as connection:
        while begin < end:
            spans.append(reading.count_joins(connection, begin, end, limit))
            begin = spans[-1].end
    return spans
