"""The demo's world on a driven clock: half an hour of it in as long as its requests take."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from proxy.demo.configuration import LEDGER
from proxy.demo.world import World, world

from .driven import DrivenLoop, DrivenTime

_T = TypeVar("_T")

FREE_PORTS: Final[Mapping[str, str]] = {
    "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:0",
    "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:0",
}
LOG: Final = "joinwatch.log"


def drive(
    story: Callable[[World], Awaitable[_T]],
    folder: Path,
    *,
    seed: int = 1,
    rate: float = 2.0,
    environ: Mapping[str, str] = FREE_PORTS,
) -> _T:
    """Make a world, let the story happen in it, and end it; its ledger and its log stay in `folder`."""

    async def told() -> _T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, DrivenLoop)
        log_fd = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            async with world(
                seed=seed, rate=rate, time=DrivenTime(loop), folder=folder, environ=environ, log_fd=log_fd
            ) as made:
                loop.busy = lambda: made.web.in_flight > 0
                return await story(made)
        finally:
            os.close(log_fd)

    with asyncio.Runner(loop_factory=DrivenLoop) as runner:
        return runner.run(told())


@contextmanager
def played(folder: Path, seconds: float, *, seed: int = 1, rate: float = 2.0) -> Iterator[World]:
    """A world of which so much has been played, in a thread: it goes on serving, and its time stands still.

    Of what is yielded only what does not change may be used: its addresses, its counts.
    """
    ready, done = threading.Event(), threading.Event()
    made: list[World] = []
    failed: list[BaseException] = []

    async def story(one: World) -> None:
        await one.run(seconds)
        made.append(one)
        ready.set()
        await asyncio.to_thread(done.wait)

    def play() -> None:
        try:
            drive(story, folder, seed=seed, rate=rate)
        except BaseException as error:  # noqa: BLE001  # told in the thread that waits
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=play, name="demo world")
    thread.start()
    try:
        ready.wait()
        if failed:
            raise failed[0]
        yield made[0]
    finally:
        done.set()
        thread.join()
    if failed:
        raise failed[0]


def ledger_counts(folder: Path) -> Counter[tuple[str, str]]:
    """The joins in the ledger's file by signer and outcome; the late ones under "late"."""
    with closing(sqlite3.connect(f"file:{folder / LEDGER}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT signer, CASE WHEN late THEN 'late' ELSE outcome END FROM joins")
        return Counter((str(signer), str(outcome)) for signer, outcome in rows)


async def counters(made: World) -> dict[tuple[str, ...], float]:
    """What /metrics counts: the name, then the values of the labels in the order of their names."""
    http, url = made.web.http, f"{made.watcher.admin}/metrics"
    with made.web.asking():
        async with http.get(url, headers=made.watcher.headers, raise_for_status=True) as reply:
            page = await reply.text()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
