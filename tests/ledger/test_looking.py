"""What people look at: every join once, in bounded steps between the commits, whatever somebody wrote into the rows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from proxy.domain.join_result import Outcome
from proxy.domain.ports import JoinRecord, LedgerUnavailable, Newest
from proxy.ledger import looking
from proxy.ledger.looking import Looking
from proxy.ledger.store import Store
from tests.ledger.builders import NOW, record, url_of, writing

_T = TypeVar("_T")


class Counted:
    """Reads at once, and counts how often."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.times = 0

    async def __call__(self, call: Callable[[Connection], _T]) -> _T:
        self.times += 1
        return self.store.read(call)


def some(count: int, at_once: int = 7) -> list[JoinRecord]:
    """Records of which so many arrived at the same moment, the newest first; every third has failed."""
    return [
        record(
            f"r{number:04}",
            outcome=Outcome.INVALID_SIGNATURE if number % 3 == 0 else Outcome.JOINED,
            received_at=NOW - number // at_once,
            signer=("a", "b")[number % 2],
            late=number % 11 == 0,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 250, 500])
async def test_points_come_once_and_the_newest_first(
    store: Store, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "POINTS", 50)
    records = some(250)
    store.append(records, 5)
    read = Counted(store)
    found = await Looking(read).points(Newest(0.0, limit))
    wanted = sorted(records, key=lambda each: (each.received_at, each.issuance.receipt_id), reverse=True)[
        :limit
    ]
    assert [each.receipt_id for each in found] == [each.issuance.receipt_id for each in wanted]
    assert [each.late for each in found] == [each.late for each in wanted]
    assert read.times == min(-(-limit // 50), 6)


async def test_only_those_since_then_and_of_one_signer(store: Store) -> None:
    records = some(60)
    store.append(records, 5)
    found = await Looking(Counted(store)).points(Newest(NOW - 3, 1000, backend="b"))
    assert {each.receipt_id for each in found} == {
        each.issuance.receipt_id
        for each in records
        if each.received_at >= NOW - 3 and each.issuance.signer == "b"
    }


@pytest.mark.parametrize(("scanned", "whole"), [(10, 3), (10, 50), (1000, 7), (7, 7)])
async def test_few_wanted_among_many_are_looked_for_in_bounded_steps(
    store: Store, scanned: int, whole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "SCANNED", scanned)
    monkeypatch.setattr(looking, "WHOLE", whole)
    records = some(200)
    store.append(records, 5)
    read = Counted(store)
    failed = frozenset({Outcome.INVALID_SIGNATURE})
    found = await Looking(read).records(Newest(0.0, 1000, outcomes=failed))
    wanted = [each for each in records if each.result.outcome is Outcome.INVALID_SIGNATURE]
    assert len(found) == len(wanted)
    assert {each.issuance.receipt_id for each in found} == {each.issuance.receipt_id for each in wanted}
    assert [each.received_at for each in found] == sorted((each.received_at for each in found), reverse=True)
    assert read.times >= 200 // scanned


async def test_results_are_committed_between_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "POINTS", 20)
    async with writing(lambda: Store(url_of(tmp_path / "joinwatch.db"))) as watched:
        await watched.until_writable()
        await asyncio.gather(*(watched.ledger.append(each) for each in some(400)))
        before = watched.commits()
        reading = asyncio.create_task(Looking(watched.ledger.read).points(Newest(0.0, 1000)))
        newer = 0
        while not reading.done():
            await watched.ledger.append(record(f"new{newer}", received_at=NOW + 1 + newer))
            newer += 1
        found = [each.receipt_id for each in await reading]
        assert newer > 5
        assert watched.commits() - before >= newer
        # What came meanwhile takes no place from what was there.
        assert [each for each in found if each.startswith("r")] == [
            each.issuance.receipt_id
            for each in sorted(
                some(400), key=lambda each: (each.received_at, each.issuance.receipt_id), reverse=True
            )
        ]
        assert len(found) == len(set(found))


async def test_counts_by_age(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "SPAN_ROWS", 10)
    ages = (-61.0, -60.0, -0.5, 0.0, 29.9, 30.0, 1e9, None)
    outcomes = (Outcome.JOINED, Outcome.INVALID_SIGNATURE)
    records = [
        replace(
            record(f"{number}-{outcome}", outcome=outcome, received_at=NOW - number, late=False),
            token_age_s=age,
        )
        for number, age in enumerate(ages)
        for outcome in outcomes
    ]
    store.append(
        [*records, record("late"), *(record(f"s{n}", received_at=NOW - 500, late=True) for n in range(30))], 5
    )
    read = Counted(store)
    found = await Looking(read).ages(NOW - 100, (-60.0, 0.0, 30.0))
    by_band = {0: 1, 1: 2, 2: 2, 3: 2, None: 1}
    assert found == {
        ("java_a", outcome, band): many for outcome in outcomes for band, many in by_band.items()
    }
    assert read.times > 1


async def test_rows_that_nobody_understands_are_passed_over(tmp_path: Path) -> None:
    """SQLite keeps anything anywhere."""
    store = Store(url_of(tmp_path / "joinwatch.db"))
    store.append(some(10), 5)
    with closing(sqlite3.connect(tmp_path / "joinwatch.db")) as connection:
        for column, value, number in (
            ("outcome", "exploded", 1),
            ("error", "not json", 2),
            ("token_age_s", "soon", 3),
            ("findings", "[" * 100_000, 4),
            ("code", 17, 5),
            ("late", 7, 6),
        ):
            connection.execute(
                f"UPDATE joins SET {column} = ? WHERE receipt_id = ?", (value, f"r{number:04}")
            )
        connection.commit()
    seen = Looking(Counted(store))
    points = {each.receipt_id: each for each in await seen.points(Newest(0.0, 100))}
    assert sorted(points) == [f"r{number:04}" for number in range(10) if number != 1]
    assert points["r0003"].token_age_s is None
    assert points["r0006"].late is True
    whole = {each.issuance.receipt_id for each in await seen.records(Newest(0.0, 100))}
    assert whole.isdisjoint({"r0001", "r0002", "r0004"})
    assert whole >= {"r0000", "r0007", "r0008", "r0009"}
    await seen.ages(0.0, (0.0,))
    assert await seen.of_receipt("r0002") == []
    store.close()


async def test_a_ledger_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "joinwatch.db").mkdir()
    async with writing(lambda: Store(url_of(tmp_path / "joinwatch.db"))) as watched:
        seen = Looking(watched.ledger.read)
        asked: tuple[Awaitable[object], ...] = (
            seen.points(Newest(0.0, 1)),
            seen.records(Newest(0.0, 1)),
            seen.of_receipt("r"),
            seen.ages(0.0, (0.0,)),
            seen.causes(0.0),
        )
        for each in asked:
            with pytest.raises(LedgerUnavailable):
                await each
