"""The ledger falls ill while it is used: senders are told, nothing acknowledged is lost, it recovers by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from proxy.domain.ports import Appended, AppendedResult, LedgerUnavailable
from proxy.ledger.store import Store
from tests.support.child import running

from .builders import Watched, eventually, record, url_of, writing

FIRST = AppendedResult(Appended.NEW, first=True)
REPOSITORY = Path(__file__).parents[2]


async def test_a_full_disk(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    full = False
    opened: list[Store] = []

    def limit_pages(store: Store) -> None:
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes the present size instead

    def factory() -> Store:
        opened.append(Store(url_of(file)))
        if full:
            limit_pages(opened[-1])
        return opened[-1]

    async with writing(factory) as watched:
        await watched.until_writable()
        assert await watched.ledger.append(record("before")) == FIRST
        full = True
        limit_pages(opened[-1])
        stored = await _append_until_refused(watched)
        assert "database or disk is full: free space on its disk" in watched.ledger.state().detail
        await _stays_ill(watched, opened)
        full = False
        await watched.until_writable()
        assert watched.writable() == 1
        assert await watched.ledger.append(record("after")) == FIRST
        assert watched.events() == [
            *("ledger.migrated", "ledger.available", "ledger.unavailable", "ledger.available")
        ]
    with closing(Store(url_of(file))) as store:
        assert store.count() == stored + 2


async def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.ledger.program", "meet_a_file_size_limit")
    async with running(*command, url_of(tmp_path / "joinwatch.db"), env={}, cwd=REPOSITORY) as child:
        failed = await child.match(r"^failed after (\d+): (.*)")
        assert int(failed.group(1)) > 10
        assert (
            "disk I/O error: see the system's log about its disk, and the limits on file sizes"
            in failed.group(2)
        )
        await child.match("^writable False")
        await child.match("^then new")
        # The commit that failed may be kept all the same; nothing acknowledged may be missing.
        assert int((await child.match(r"^kept (-?\d+)")).group(1)) in (0, 1)


async def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    file.mkdir()
    async with writing(lambda: Store(url_of(file))) as watched:
        await eventually(lambda: "ledger.unavailable" in watched.events())
        assert "unable to open database file: give a file, not a folder" in watched.ledger.state().detail
        file.rmdir()
        await watched.until_writable()
        assert await watched.ledger.append(record()) == FIRST
        assert watched.events() == ["ledger.unavailable", "ledger.migrated", "ledger.available"]


async def test_a_file_that_is_no_database_is_replaced_by_a_good_one(tmp_path: Path) -> None:
    file, good = tmp_path / "joinwatch.db", tmp_path / "good.db"
    with closing(Store(url_of(good))) as store:
        store.append([record("kept")], 5)
    file.write_bytes(b"not a database " * 1000)
    async with writing(lambda: Store(url_of(file))) as watched:
        await eventually(lambda: "ledger.unavailable" in watched.events())
        assert "file is not a database: move the file away" in watched.ledger.state().detail
        assert file.read_bytes() == b"not a database " * 1000
        good.rename(file)
        await watched.until_writable()
        assert (await watched.ledger.append(record("kept"))).status is Appended.DUPLICATE


async def test_a_lock_that_another_connection_keeps(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    async with writing(lambda: Store(url_of(file), busy_timeout_s=0.05)) as watched:
        await watched.until_writable()
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailable, match="database is locked: another process holds its lock"):
                await watched.ledger.append(record())
            assert watched.writable() == 0
            with pytest.raises(LedgerUnavailable, match="no results are taken now") as caught:
                await watched.ledger.append(record())
            assert caught.value.retry_after_s == 1
            other.execute("ROLLBACK")
        await watched.until_writable()
        assert await watched.ledger.append(record()) == FIRST


async def test_a_lock_given_back_in_time_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    async with writing(lambda: Store(url_of(file))) as watched:
        await watched.until_writable()
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            sending = asyncio.create_task(watched.ledger.append(record()))
            await asyncio.sleep(0.1)
            assert not sending.done()
            other.execute("ROLLBACK")
            assert await sending == FIRST
        assert "ledger.unavailable" not in watched.events()


@pytest.mark.parametrize(
    "names", [["joinwatch.db", "joinwatch.db-wal", "joinwatch.db-shm"], ["joinwatch.db-wal"]]
)
async def test_files_removed_under_way_are_noticed_before_anything_is_acknowledged(
    tmp_path: Path, names: list[str]
) -> None:
    file = tmp_path / "joinwatch.db"
    async with writing(lambda: Store(url_of(file))) as watched:
        await watched.until_writable()
        assert await watched.ledger.append(record("before")) == FIRST
        for name in names:
            (tmp_path / name).unlink()
        with pytest.raises(LedgerUnavailable, match="removed or replaced while in use"):
            await watched.ledger.append(record("meanwhile"))
        await watched.until_writable()
        await watched.ledger.append(record("meanwhile"))
        with closing(Store(url_of(file))) as reader:
            assert "meanwhile" in {row.issuance.receipt_id for row in reader.rows(10)}


async def test_a_lasting_outage_is_told_once_and_attempts_grow_rare(tmp_path: Path) -> None:
    attempts = 0

    def factory() -> Store:
        nonlocal attempts
        attempts += 1
        return Store(url_of(tmp_path))

    async with writing(factory, backoff_s=(0.01, 1000.0)) as watched:
        await eventually(lambda: attempts >= 6)
        with pytest.raises(LedgerUnavailable) as caught:
            await watched.ledger.append(record())
        assert caught.value.retry_after_s == 1
        await eventually(lambda: attempts >= 8)
        await asyncio.sleep(0.05)
        assert attempts == 8
        assert watched.events() == ["ledger.unavailable"]


async def _append_until_refused(watched: Watched) -> int:
    """How many were acknowledged before."""
    for number in range(1000):
        try:
            await watched.ledger.append(record(f"{number}"))
        except LedgerUnavailable:
            return number
    raise AssertionError("1000 results were taken")


async def _stays_ill(watched: Watched, opened: list[Store]) -> None:
    """Two more attempts to open it have failed."""
    so_far = len(opened)
    await eventually(lambda: len(opened) > so_far + 2)
    assert not watched.ledger.state().writable
    assert watched.writable() == 0
