"""What the writer does between commits: causes kept, history and tally read, and never at the cost of a result."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import statistics
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.domain.join_result import Outcome
from proxy.domain.ports import Appended, History, JoinCounts, LedgerUnavailable, RaisedCause, Tally
from proxy.ledger import reading, writer
from proxy.ledger.store import Store
from tests.support.fake_time import FakeTime

from .builders import HINTED, NOW, RAISED, Watched, eventually, record, url_of, writing
from .homes import Home

HISTORY_ROWS = 5000
LONGEST_WAIT_S = 0.5


class HeldStore(Store):
    """A real store that notes what it did, and that can be made to wait before it reads or keeps."""

    def __init__(self, url: str) -> None:
        self.did: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.held = threading.Event()
        super().__init__(url)

    def append(self, *given: object) -> list[object]:  # type: ignore[override]  # only passed on
        self.did.append("append")
        return super().append(*given)  # type: ignore[arg-type,return-value]  # as above

    def keep_causes(self, raised: object) -> None:
        self.held.set()
        self.free.wait(10.0)
        super().keep_causes(raised)  # type: ignore[arg-type]  # only passed on
        self.did.append("keep")

    def newest_joins(self, since: float, before: reading.Place, limit: int) -> reading.Page:
        self.free.wait(10.0)
        self.did.append("page")
        return super().newest_joins(since, before, limit)

    def count_joins(self, begin: float, end: float) -> JoinCounts:
        self.free.wait(10.0)
        self.did.append("count")
        with self.engine.connect() as connection:
            return reading.count_joins(connection, begin, end, 10)


async def test_what_is_kept_is_read_back(home: Home) -> None:
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        sent = [record(f"{at}", received_at=NOW + at, late=False) for at in range(3)]
        for each in sent:
            await watched.ledger.append(each)
        await watched.ledger.keep_causes([RAISED, HINTED])
        assert home.run("SELECT count(*) FROM causes") == [(2,)]  # on disk by now
        assert await watched.ledger.history(NOW, 2) == History(sent[1:], [HINTED])
        joined = ("java_a", Outcome.JOINED)
        assert await watched.ledger.tally(NOW) == Tally(
            [
                JoinCounts(NOW, NOW + 0.1, {joined: 1}, {}),
                JoinCounts(NOW + 0.1, NOW + 60.7, {joined: 2}, {}),
                JoinCounts(NOW + 60.7, math.inf, {}, {}),
            ],
            [HINTED, RAISED],
        )


async def test_while_the_ledger_is_away_nothing_is_kept_or_read(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    file.mkdir()
    async with writing(lambda: Store(url_of(file))) as watched:
        await eventually(lambda: "ledger.unavailable" in watched.events())
        for ask in (
            watched.ledger.keep_causes([RAISED]),
            watched.ledger.history(0, 1),
            watched.ledger.tally(0),
        ):
            with pytest.raises(LedgerUnavailable, match="give a file, not a folder"):
                await ask
        file.rmdir()
        await watched.until_writable()
        await watched.ledger.keep_causes([RAISED])
    async with writing(lambda: Store(url_of(file))) as watched:
        await watched.until_writable()
        await watched.ledger.aclose()
        with pytest.raises(LedgerUnavailable, match="joinwatch is ending"):
            await watched.ledger.keep_causes([RAISED])


async def test_results_are_committed_between_the_steps_of_a_long_count(home: Home) -> None:
    store = HeldStore(home.url)
    store.append([record(f"{at}", received_at=NOW + at, late=False) for at in range(50)], 5)
    store.did.clear()
    async with writing(lambda: store, max_batch=1) as watched:
        await watched.until_writable()
        store.free.clear()
        counting = asyncio.create_task(watched.ledger.tally(NOW))
        await asyncio.sleep(0)
        sending = [
            asyncio.create_task(watched.ledger.append(record(f"new {number}", received_at=NOW - 1)))
            for number in range(3)
        ]
        keeping = asyncio.create_task(watched.ledger.keep_causes([RAISED]))
        await asyncio.sleep(0)
        store.free.set()
        tally = await counting
        assert {each.status for each in await asyncio.gather(*sending)} == {Appended.NEW}
        await keeping
    assert sum(count for span in tally.spans for count in span.joins.values()) == 50
    # As long as results wait, no two steps of the count follow each other.
    shared = "".join(verb[0] for verb in store.did if verb != "keep").rpartition("a")[0]
    assert "cc" not in shared
    assert store.did.count("append") == 3
    assert store.did[-2:] == ["count", "count"]
    assert store.did.count("keep") == 1


async def test_results_are_committed_between_the_steps_of_a_history(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PAGE_ROWS", 10)
    store = HeldStore(home.url)
    old = [record(f"{at}", received_at=NOW + at) for at in range(50)]
    store.append(old, 5)
    store.keep_causes([RAISED, HINTED])
    store.did.clear()
    async with writing(lambda: store, max_batch=1) as watched:
        await watched.until_writable()
        store.free.clear()
        asking = asyncio.create_task(watched.ledger.history(NOW + 3, 45))
        await asyncio.sleep(0)
        sending = [
            asyncio.create_task(watched.ledger.append(record(f"new {number}", received_at=NOW + 99)))
            for number in range(3)
        ]
        await asyncio.sleep(0)
        store.free.set()
        history = await asking
        assert {each.status for each in await asyncio.gather(*sending)} == {Appended.NEW}
    new = [each for each in history.joins if each.received_at == NOW + 99]
    assert history.joins == [*old[5 + len(new) :], *new]  # the newest 45: no gap, none twice
    assert history.open_causes == [HINTED]
    # As long as results wait, no two steps follow each other.
    assert "pp" not in "".join(verb[0] for verb in store.did).rpartition("a")[0]
    assert (store.did.count("append"), store.did.count("page")) == (3, 5)


async def test_reading_a_long_history_holds_up_no_result_for_long(home: Home) -> None:
    url = home.url
    with closing(Store(url)) as store:
        for begin in range(0, HISTORY_ROWS, 1000):
            store.append([record(f"{at}", received_at=NOW + at) for at in range(begin, begin + 1000)], 5)
    async with writing(lambda: Store(url)) as watched:
        await watched.until_writable()
        alone = [await answered_in(watched, f"alone {number}") for number in range(20)]
        began = time.monotonic()
        reading_it = asyncio.create_task(watched.ledger.history(NOW, HISTORY_ROWS))
        await asyncio.sleep(0)
        beside = [await answered_in(watched, f"beside {number}") for number in range(20)]
        assert len((await reading_it).joins) == HISTORY_ROWS
        took = time.monotonic() - began
    print(  # pytest -s shows the figures
        f"a result alone: {1e3 * statistics.median(alone):.1f} ms; beside {HISTORY_ROWS} rows that are read: at most"
        f" {1e3 * max(beside):.1f} ms (all of it {1e3 * took:.1f} ms)"
    )
    assert max(beside) < LONGEST_WAIT_S


async def answered_in(watched: Watched, name: str) -> float:
    """How long a new result took to be committed."""
    began = time.monotonic()
    await watched.ledger.append(record(name, received_at=NOW - 1))
    return time.monotonic() - began


async def test_what_cannot_be_read_costs_nobody_else(home: Home) -> None:
    class Unreadable(Store):
        def newest_joins(self, since: float, before: reading.Place, limit: int) -> reading.Page:
            raise ValueError("no such thing")

        def suspected_since(self, since: float) -> list[RaisedCause]:
            with self._read() as connection:
                connection.exec_driver_sql("SELECT a FROM nowhere")
            return []

    async with writing(lambda: Unreadable(home.url)) as watched:
        await watched.until_writable()
        with pytest.raises(LedgerUnavailable, match="no such thing"):
            await watched.ledger.history(0.0, 10)
        with pytest.raises(LedgerUnavailable, match=r"nowhere"):
            await watched.ledger.tally(0.0)
        assert watched.ledger.state().writable
        assert (await watched.ledger.append(record())).status is Appended.NEW
        assert "ledger.unavailable" not in watched.events()


async def test_a_cause_that_is_refused_is_told_so_and_the_store_stays(home: Home) -> None:
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        with pytest.raises(LedgerUnavailable, match="refuses a record") as caught:
            await watched.ledger.keep_causes([replace(RAISED, raised_at=math.nan)])
        assert caught.value.retry_after_s == 3600
        await watched.ledger.keep_causes([RAISED])
        assert "ledger.unavailable" not in watched.events()


async def test_a_store_that_cannot_keep_a_cause_is_opened_anew(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    async with writing(lambda: Store(url_of(file), busy_timeout_s=0.05)) as watched:
        await watched.until_writable()
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailable, match="database is locked"):
                await watched.ledger.keep_causes([RAISED])
            assert watched.writable() == 0
            other.execute("ROLLBACK")
        await watched.until_writable()
        await watched.ledger.keep_causes([RAISED])
        assert (await watched.ledger.tally(0.0)).causes == [RAISED]


async def test_a_caller_that_goes_away_takes_nothing_back_and_the_end_waits(home: Home) -> None:
    store = HeldStore(home.url)
    async with writing(lambda: store) as watched:
        await watched.until_writable()
        store.free.clear()
        keeping = [
            asyncio.create_task(watched.ledger.keep_causes([replace(RAISED, backend=f"{number}")]))
            for number in range(3)
        ]
        counting = asyncio.create_task(watched.ledger.tally(0.0))
        await asyncio.to_thread(store.held.wait, 10.0)
        keeping[0].cancel()
        keeping[1].cancel()
        counting.cancel()
        ending = asyncio.create_task(watched.ledger.aclose())
        await asyncio.sleep(0)
        store.free.set()
        await keeping[2]
        await ending
        assert [task.cancelled() for task in (*keeping, counting)] == [True, True, False, True]
    assert store.did == ["keep"] * 3
    with closing(Store(home.url)) as reader:
        assert len(reader.suspected_since(0.0)) == 3


async def test_when_too_many_want_to_read_the_next_is_refused_but_never_who_keeps(home: Home) -> None:
    store = HeldStore(home.url)
    async with writing(lambda: store) as watched:
        await watched.until_writable()
        store.free.clear()
        first = asyncio.create_task(watched.ledger.keep_causes([RAISED]))
        waiting = [asyncio.create_task(watched.ledger.tally(0.0)) for _ in range(16)]
        await asyncio.to_thread(store.held.wait, 10.0)
        with pytest.raises(LedgerUnavailable, match="too many wait to read"):
            await watched.ledger.tally(0.0)
        last = asyncio.create_task(watched.ledger.keep_causes([HINTED]))
        await asyncio.sleep(0)
        store.free.set()
        await asyncio.gather(first, last)
        assert {len(tally.causes) for tally in await asyncio.gather(*waiting)} <= {1, 2}


async def test_cleared_causes_go_with_the_rows_of_their_age(home: Home) -> None:
    url = home.url
    clock = FakeTime(wall_s=NOW)
    times = (-500.0, -101.0, -99.0, None)
    rows = [replace(RAISED, backend=f"{at}", raised_at=NOW - 1000 + at, cleared_at=None) for at in range(4)]
    rows = [replace(row, cleared_at=time and NOW + time) for row, time in zip(rows, times, strict=True)]
    with closing(Store(url)) as store:
        store.keep_causes(rows)
    async with writing(lambda: Store(url), clock=clock, retention_s=100.0) as watched:
        await watched.until_writable()
        for passed, left in ((0.0, rows[2:]), (3599.0, rows[2:]), (1.0, rows[3:])):
            clock.advance(passed)
            await watched.ledger.append(record(f"{passed}", received_at=clock.wall_s))
            for _ in range(2):  # the deletion follows the commit or the read
                found = (await watched.ledger.tally(0.0)).causes
            assert found == left
