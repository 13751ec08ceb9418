"""Several processes on one PostgreSQL: each result once, each limit once, whoever is asked."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from proxy.ledger.errors import StoreError
from proxy.ledger.postgresql import LOCK
from proxy.ledger.store import Store
from tests.support.child import running
from tests.support.postgresql import Cluster

from .builders import NOW, eventually, record
from .homes import postgresql_home

REPOSITORY = Path(__file__).parents[2]
RECEIPTS, IDS, LIMIT = 200, 7, 5
"""What program.append_the_same sends, and how many of it one receipt may have."""


async def test_what_three_replicas_are_sent_at_once_is_stored_once(server: Cluster, tmp_path: Path) -> None:
    home = postgresql_home(server)
    go = tmp_path / "go"
    async with AsyncExitStack() as stack:
        children = [
            await stack.enter_async_context(
                running(
                    *(
                        sys.executable,
                        "-m",
                        "tests.ledger.program",
                        "append_the_same",
                        home.url,
                        str(go),
                        f"{me}",
                    ),
                    env={},
                    cwd=REPOSITORY,
                )
            )
            for me in range(3)
        ]
        for child in children:
            await child.match("^ready$")
        with server.connected() as holding:  # until each of them waits for its turn
            holding.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            go.touch()
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            await eventually(lambda: server.run(waiting) == [(len(children),)])
        for child in children:
            await child.match("^done$")
        said = [line.split() for child in children for line in child.out if line not in ("ready", "done")]
    new = [(receipt, result) for verb, receipt, result, _ in said if verb == "new"]
    assert len(new) == len(set(new)) == RECEIPTS * LIMIT
    assert set(new) == set(home.run("SELECT receipt_id, result_id FROM joins"))
    assert set(Counter(receipt for receipt, _ in new).values()) == {LIMIT}
    firsts = [receipt for _, receipt, _, first in said if first == "True"]
    assert sorted(firsts) == sorted({receipt for receipt, _ in new})
    assert all(sum(line.startswith("new ") for line in child.out) > 50 for child in children)


def test_old_rows_are_deleted_by_all_replicas_at_once(server: Cluster) -> None:
    home = postgresql_home(server)
    with closing(Store(home.url)) as store:
        store.append([record(f"{at}", received_at=NOW + at) for at in range(1000)], 5)
    deleted: list[int] = []

    def delete() -> None:
        with closing(Store(home.url)) as store:
            while (count := store.delete_older_than(NOW + 900, 50)) > 0:
                deleted.append(count)

    threads = [threading.Thread(target=delete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(deleted) == 900
    assert home.run("SELECT count(*), min(received_at) FROM joins") == [(100, NOW + 900)]


def test_who_writes_is_waited_for_but_not_for_ever(server: Cluster) -> None:
    home = postgresql_home(server)
    with closing(Store(home.url, busy_timeout_s=0.05)) as store, closing(Store(home.url)) as patient:
        with patient._write():
            assert store.rows(1) == []
            with pytest.raises(StoreError, match=r"lock timeout: another joinwatch, or somebody's"):
                store.append([record()], 5)
        assert [answer.first for answer in store.append([record()], 5)] == [True]
