"""PostgreSQL goes away while it is used: nothing acknowledged is lost or counted twice, and it recovers by itself."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import Counter

import pytest

from proxy.domain.ports import Appended, AppendedResult, LedgerUnavailable
from proxy.ledger.store import Store
from tests.support.cutting import Cutter, cutting
from tests.support.postgresql import Cluster

from .builders import NOW, Watched, eventually, grown, record, writing
from .homes import Home, postgresql_home

FIRST = AppendedResult(Appended.NEW, first=True)
SENDERS = 16


@pytest.mark.parametrize("heard", [True, False], ids=["committed", "not_committed"])
async def test_a_commit_that_nobody_answers_is_asked_for_again(server: Cluster, heard: bool) -> None:
    home = postgresql_home(server)
    async with cutting(server.port) as cutter:
        cutter.heard = heard
        async with writing(lambda: Store(through(home, server, cutter))) as watched:
            await watched.until_writable()
            for name in ("before", "and once more"):  # by now, old rows have been looked for
                await watched.ledger.append(record(name))
            cutter.armed = 1
            sent = [record(f"{number}") for number in range(20)]
            answers = await asyncio.gather(*map(watched.ledger.append, sent), return_exceptions=True)
            assert cutter.cut == 1
            # The first batch may hold some of them; the others are refused, because they were never begun.
            settled = [answer for answer in answers if answer == FIRST]
            refused = [answer for answer in answers if isinstance(answer, LedgerUnavailable)]
            assert len(settled) + len(refused) == len(sent)
            assert bool(settled) == heard
            assert home.run("SELECT count(*) FROM joins") == [(2 + len(settled),)]
            await watched.until_writable()
            again = Counter(
                [answer.status for answer in await asyncio.gather(*map(watched.ledger.append, sent))]
            )
            assert (again[Appended.DUPLICATE], again[Appended.NEW]) == (len(settled), len(refused))


async def test_what_is_not_settled_in_time_is_given_up(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.ledger.writer.SETTLE_S", 0.2)
    home = postgresql_home(server)
    async with (
        cutting(server.port) as cutter,
        writing(lambda: Store(through(home, server, cutter))) as watched,
    ):
        await watched.until_writable()
        cutter.armed = 1_000_000
        cutter.at = b""
        with pytest.raises(LedgerUnavailable):
            await watched.ledger.append(record())
        assert not watched.ledger.state().writable
        cutter.armed = 0
        await watched.until_writable()
        assert (await watched.ledger.append(record())).status in (Appended.NEW, Appended.DUPLICATE)
        assert home.run("SELECT count(*) FROM joins") == [(1,)]


async def test_the_server_is_killed_and_restarted_under_load(own_server: Cluster) -> None:
    home = postgresql_home(own_server)
    new: Counter[str] = Counter()
    done: set[str] = set()
    enough = asyncio.Event()
    numbers = itertools.count()

    async with writing(lambda: Store(home.url), max_batch=8) as watched:
        await watched.until_writable()

        async def send() -> None:
            """Each until it is acknowledged, as a page does."""
            while not enough.is_set():
                name = f"{next(numbers)}"
                while name not in done:
                    try:
                        answer = await watched.ledger.append(record(name))
                    except LedgerUnavailable:
                        await asyncio.sleep(0.01)
                        continue
                    new[name] += answer.status is Appended.NEW
                    done.add(name)

        sending = [asyncio.create_task(send()) for _ in range(SENDERS)]
        for stop in (own_server.kill, own_server.stop, own_server.kill):
            await grown(done, 201)
            await asyncio.to_thread(stop)
            await eventually(lambda: watched.writable() == 0)
            await asyncio.to_thread(own_server.start)
            await watched.until_writable()
        enough.set()
        await asyncio.gather(*sending)
    stored = [name for (name,) in home.run("SELECT receipt_id FROM joins")]
    assert len(stored) == len(set(stored))
    assert set(stored) == done
    # Each was new exactly once: whatever the moment at which the server died, no count is missing and none is double.
    assert new == Counter(stored)


async def test_a_server_that_hangs_is_waited_for(own_server: Cluster) -> None:
    home = postgresql_home(own_server)
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        backends = own_server.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'joinwatch'")
        for (pid,) in backends:
            os.kill(pid, signal.SIGSTOP)
        sending = asyncio.create_task(watched.ledger.append(record()))
        done, _ = await asyncio.wait([sending], timeout=0.3)
        assert not done
        for (pid,) in backends:
            os.kill(pid, signal.SIGCONT)
        assert await sending == FIRST


async def test_it_starts_without_a_server_and_migrates_when_it_comes(own_server: Cluster) -> None:
    home = postgresql_home(own_server)
    own_server.stop()
    async with writing(lambda: Store(home.url)) as watched:
        await eventually(lambda: "ledger.unavailable" in watched.events())
        assert "Connection refused" in watched.ledger.state().detail
        with pytest.raises(LedgerUnavailable, match="no results are taken now"):
            await watched.ledger.append(record())
        await asyncio.to_thread(own_server.start)
        await watched.until_writable()
        assert await watched.ledger.append(record(received_at=NOW)) == FIRST
        assert watched.events()[-2:] == ["ledger.migrated", "ledger.available"]
        assert_one_line_per_trouble(watched)


def assert_one_line_per_trouble(watched: Watched) -> None:
    """However often it was tried."""
    troubles = [line["reason"] for line in watched.lines if line["event"] == "ledger.unavailable"]
    assert len(troubles) == len(set(troubles)) <= 3


def through(home: Home, server: Cluster, cutter: Cutter) -> str:
    """The same ledger, by way of the cutter, which reads along."""
    return home.url.replace(f":{server.port}/", f":{cutter.port}/") + "&sslmode=disable"
