"""Programs that the tests of the ledger run as processes of their own: python -m tests.ledger.program NAME FILE."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import sys
import time
from pathlib import Path

from proxy.domain.ports import LedgerUnavailable
from proxy.ledger.store import Store

from .builders import record, url_of, writing


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def append_for_ever(file: Path) -> None:
    """64 senders at once; each id is printed after its commit."""
    numbers = itertools.count()

    async with writing(lambda: Store(url_of(file))) as watched:
        await watched.until_writable()

        async def send() -> None:
            for number in numbers:
                name = f"{os.getpid()}-{number}"
                await watched.ledger.append(record(name))
                _say(name)

        await asyncio.gather(*(send() for _ in range(64)))


async def meet_a_file_size_limit(file: Path) -> None:
    """Append until writing fails, lift the limit, append again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    async with writing(lambda: Store(url_of(file))) as watched:
        await watched.until_writable()
        stored = 0
        try:
            for number in range(10_000):
                await watched.ledger.append(record(f"{number}"))
                stored += 1
        except LedgerUnavailable as error:
            _say(f"failed after {stored}: {error}")
        _say(f"writable {watched.ledger.state().writable}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await watched.until_writable()
        answer = await watched.ledger.append(record("after"))
        _say(f"then {answer.status.value}")
    store = Store(url_of(file))
    _say(f"kept {store.count() - stored - 1}")
    store.close()


async def open_at(file: Path) -> None:
    """Open the ledger at an agreed time, append to it, and say what was migrated."""
    at = float(sys.argv[3])
    time.sleep(max(0.0, at - time.time()))
    store = Store(url_of(file))
    store.append([record(f"{os.getpid()}")], 5)
    store.close()
    _say(f"opened {store.migration.before} {store.migration.after}")


if __name__ == "__main__":
    programs = {each.__name__: each for each in (append_for_ever, meet_a_file_size_limit, open_at)}
    asyncio.run(programs[sys.argv[1]](Path(sys.argv[2])))
