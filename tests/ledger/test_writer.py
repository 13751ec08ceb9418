"""The writer between many senders and one store: groups, answers, retention, the end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.domain.join_result import Outcome
from proxy.domain.ports import Appended, AppendedResult, JoinRecord, LedgerState, LedgerUnavailable
from proxy.ledger.store import Store
from tests.support.fake_time import FakeTime

from .builders import FULL, NOW, eventually, record, url_of, writing
from .homes import Home

FIRST = AppendedResult(Appended.NEW, first=True)


class RecordingStore(Store):
    """A real store that notes what it did, and that can be made to wait before it writes."""

    def __init__(self, url: str) -> None:
        self.did: list[str] = []
        self.threads: set[str] = set()
        self.free = threading.Event()
        self.free.set()
        super().__init__(url)

    def append(self, records: Sequence[JoinRecord], max_per_receipt: int) -> list[AppendedResult]:
        self.did.append(f"append {len(records)}")
        self.threads.add(threading.current_thread().name)
        self.free.wait(10.0)
        return super().append(records, max_per_receipt)

    def delete_older_than(self, cutoff: float, limit: int) -> int:
        self.free.wait(10.0)
        deleted = super().delete_older_than(cutoff, limit)
        self.did.append(f"delete {deleted}")
        self.threads.add(threading.current_thread().name)
        return deleted


async def test_concurrent_appends_share_commits(home: Home) -> None:
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        names = [f"{number}" for number in range(400)]

        async def send(mine: list[str]) -> list[AppendedResult]:
            return [await watched.ledger.append(record(name)) for name in mine]

        answers = await asyncio.gather(*(send(names[sender::40]) for sender in range(40)))
        assert [answer for some in answers for answer in some] == [FIRST] * 400
        assert 10 <= watched.commits() < 100
    with closing(Store(home.url)) as store:
        assert store.count() == 400


async def test_each_sender_gets_its_own_answer(home: Home) -> None:
    sent = [
        record("r", "a", Outcome.NO_RESULT),
        record("r", "a"),
        record("r", "a"),
        *(record("r", name) for name in "bcdef"),
    ]
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        answers = await asyncio.gather(*map(watched.ledger.append, sent))
    assert [answer.status.value for answer in answers] == [
        *("new", "resolved", "duplicate", "new", "new", "new", "new", "too_many")
    ]
    assert [answer.first for answer in answers] == [True] + [False] * 7


async def test_a_batch_has_a_greatest_size_and_one_thread_does_it_all(home: Home) -> None:
    store = RecordingStore(home.url)
    async with writing(lambda: store, max_batch=8) as watched:
        await eventually(lambda: store.did == ["delete 0"])
        await asyncio.gather(*(watched.ledger.append(record(f"{number}")) for number in range(20)))
    assert store.did == ["delete 0", "append 8", "append 8", "append 4"]
    assert store.threads == {"ledger_0"}


async def test_it_starts_at_once_and_refuses_until_the_store_is_open(home: Home) -> None:
    may_open = threading.Event()

    def factory() -> Store:
        may_open.wait(10.0)
        return Store(home.url)

    async with writing(factory) as watched:
        assert watched.ledger.state() == LedgerState(writable=False, detail="it is being opened")
        assert watched.writable() == 0
        with pytest.raises(LedgerUnavailable, match="it is being opened") as caught:
            await watched.ledger.append(record())
        assert caught.value.retry_after_s == 1
        may_open.set()
        await watched.until_writable()
        assert await watched.ledger.append(record()) == FIRST
        assert watched.ledger.state() == LedgerState(writable=True)
        assert watched.writable() == 1
    told = [{key: line[key] for key in line.keys() - {"timestamp", "level"}} for line in watched.lines]
    assert told == [
        {"event": "ledger.migrated", "before": None, "after": "0002"},
        {"event": "ledger.available"},
    ]


async def test_when_too_many_wait_the_next_is_refused(home: Home) -> None:
    store = RecordingStore(home.url)
    async with writing(lambda: store, max_waiting=3) as watched:
        await eventually(lambda: store.did == ["delete 0"])
        store.free.clear()
        first = asyncio.create_task(watched.ledger.append(record("first")))
        await eventually(lambda: "append 1" in store.did)
        others = [asyncio.create_task(watched.ledger.append(record(f"{number}"))) for number in range(4)]
        with pytest.raises(LedgerUnavailable, match="busy: 3 results wait"):
            await others.pop()
        assert watched.ledger.state() == LedgerState(writable=True, waiting=4)
        store.free.set()
        assert await asyncio.gather(first, *others) == [FIRST] * 4


async def test_a_cancelled_sender_does_not_take_its_result_back(home: Home) -> None:
    store = RecordingStore(home.url)
    async with writing(lambda: store) as watched:
        await eventually(lambda: store.did == ["delete 0"])
        store.free.clear()
        committing = asyncio.create_task(watched.ledger.append(record("committing")))
        await eventually(lambda: "append 1" in store.did)
        waiting = asyncio.create_task(watched.ledger.append(record("waiting")))
        neighbour = asyncio.create_task(watched.ledger.append(record("neighbour")))
        await eventually(lambda: watched.ledger.state().waiting == 3)
        committing.cancel()
        waiting.cancel()
        store.free.set()
        assert await neighbour == FIRST
        assert committing.cancelled()
        assert waiting.cancelled()
        again = await watched.ledger.append(record("committing"))
        assert again.status is Appended.DUPLICATE
    with closing(Store(home.url)) as reader:
        assert {row.issuance.receipt_id for row in reader.rows(10)} == {"committing", "waiting", "neighbour"}


async def test_a_record_that_is_refused_does_not_take_its_neighbours_along(home: Home) -> None:
    sick = [
        replace(FULL, origin="\ud800"),
        replace(FULL, received_at=float("nan")),
    ]
    sound = [record(f"{number}") for number in range(17)]
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        sent = [sick[0], *sound[:9], sick[1], *sound[9:]]
        answers = await asyncio.gather(*map(watched.ledger.append, sent), return_exceptions=True)
        assert [answer for answer in answers if not isinstance(answer, BaseException)] == [FIRST] * 17
        refused = [answer for answer in answers if isinstance(answer, LedgerUnavailable)]
        assert [error.retry_after_s for error in refused] == [3600, 3600]
        assert watched.ledger.state() == LedgerState(writable=True)
        assert sorted(watched.events()) == [
            *("ledger.available", "ledger.migrated", "ledger.refused", "ledger.refused")
        ]
    with closing(Store(home.url)) as store:
        assert store.count() == 17


async def test_the_end_commits_what_was_accepted(home: Home) -> None:
    async with writing(lambda: Store(home.url)) as watched:
        await watched.until_writable()
        accepted = [asyncio.create_task(watched.ledger.append(record(f"{number}"))) for number in range(2000)]
        await eventually(lambda: watched.ledger.state().waiting > 0)
        await watched.ledger.aclose()
        assert await asyncio.gather(*accepted) == [FIRST] * 2000
        with pytest.raises(LedgerUnavailable, match="joinwatch is ending"):
            await watched.ledger.append(record("too late"))
        assert not watched.ledger.state().writable
    with closing(Store(home.url)) as store:
        assert store.count() == 2000


@pytest.mark.parametrize("ill", [False, True], ids=["idle", "between_attempts_to_open"])
async def test_the_end_is_quick(tmp_path: Path, ill: bool) -> None:
    file = tmp_path if ill else tmp_path / "joinwatch.db"
    async with writing(lambda: Store(url_of(file)), backoff_s=(60.0, 60.0)) as watched:
        await eventually(lambda: bool(watched.events()))
        assert watched.ledger.state().writable is not ill
        began = time.monotonic()
        await watched.ledger.aclose()
        assert time.monotonic() - began < 2.0


async def test_old_rows_go_in_batches_between_commits_and_then_every_hour(home: Home) -> None:
    store = RecordingStore(home.url)
    old = [record(f"old {number}", received_at=NOW - 101 - number) for number in range(3500)]
    store.append([*old, record("young", received_at=NOW - 99)], 5)
    store.did.clear()
    store.free.clear()
    clock = FakeTime(wall_s=NOW)
    async with writing(lambda: store, clock=clock, retention_s=100.0, max_batch=1) as watched:
        await watched.until_writable()
        sending = [asyncio.create_task(watched.ledger.append(record(f"{number}"))) for number in range(3)]
        await eventually(lambda: watched.ledger.state().waiting == 3)
        store.free.set()
        await asyncio.gather(*sending)
        await eventually(lambda: "delete 500" in store.did)
        # Once this is answered, the writer knows when to look again: the clock may be turned.
        await watched.ledger.append(record("at once"))
        assert store.did == [*["delete 1000", "append 1"] * 3, "delete 500", "append 1"]
        done = list(store.did)

        clock.advance(3599.0)
        await watched.ledger.append(record("within the hour", received_at=clock.wall_s))
        assert store.did == [*done, "append 1"]
        clock.advance(1.0)
        await watched.ledger.append(record("after the hour", received_at=clock.wall_s))
        # Which of the two is first, is left to when the writer looks at the clock.
        await eventually(lambda: sorted(store.did[len(done) + 1 :]) == ["append 1", "delete 5"])
    with closing(Store(home.url)) as reader:
        assert {row.issuance.receipt_id for row in reader.rows(10)} == {"within the hour", "after the hour"}
