"""Programs that the tests of the ledger run as processes of their own: python -m tests.ledger.program NAME URL."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

from proxy.domain.ports import Appended, Ledger, LedgerUnavailable, RaisedCause
from proxy.ledger.store import Store

from .builders import RAISED, eventually, record, writing


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def append_for_ever(url: str) -> None:
    """64 senders at once; each id is printed after its commit."""
    numbers = itertools.count()

    async with writing(lambda: Store(url)) as watched:
        await watched.until_writable()

        async def send() -> None:
            for number in numbers:
                name = f"{os.getpid()}-{number}"
                await watched.ledger.append(record(name))
                _say(name)

        await asyncio.gather(*(send() for _ in range(64)))


async def raise_and_clear(url: str) -> None:
    """A cause comes and goes so many times, then comes and stays; what was open at the start is taken over first.

    Each line is printed after its commit.
    """
    async with writing(lambda: Store(url)) as watched:
        await watched.until_writable()
        for raised in (await watched.ledger.history(0.0, 10)).open_causes:
            _say(f"found {raised.raised_at!r}")
            await _clear(watched.ledger, raised)
        for _ in range(int(sys.argv[3])):
            await _clear(watched.ledger, await _raise(watched.ledger))
        await _raise(watched.ledger)
        await asyncio.Event().wait()


async def _raise(ledger: Ledger) -> RaisedCause:
    raised = replace(RAISED, raised_at=time.time(), cleared_at=None)
    for confidence in (0.5, 0.8, 0.9):
        raised = replace(raised, suspicion=replace(raised.suspicion, confidence=confidence))
        await ledger.keep_causes([raised])
    _say(f"raised {raised.raised_at!r}")
    return raised


async def _clear(ledger: Ledger, raised: RaisedCause) -> None:
    await ledger.keep_causes([replace(raised, cleared_at=time.time())])
    _say(f"cleared {raised.raised_at!r}")


async def meet_a_file_size_limit(url: str) -> None:
    """Append until writing fails, lift the limit, append again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    async with writing(lambda: Store(url)) as watched:
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
    store = Store(url)
    _say(f"kept {store.count() - stored - 1}")
    store.close()


async def append_the_same(url: str) -> None:
    """Once a file is there, append what other processes append too, in an order of its own; then say what was new."""
    go, me = Path(sys.argv[3]), int(sys.argv[4])
    sent = [record(f"{receipt}", f"{result}") for receipt in range(200) for result in range(7)]
    sent = [sent[number * (11, 13, 17)[me] % len(sent)] for number in range(len(sent))]
    async with writing(lambda: Store(url), max_batch=64) as watched:
        await watched.until_writable()
        _say("ready")
        await eventually(go.exists, 30.0)
        answers = await asyncio.gather(*map(watched.ledger.append, sent))
    for each, answer in zip(sent, answers, strict=True):
        if answer.status is not Appended.DUPLICATE:
            _say(f"{answer.status.value} {each.issuance.receipt_id} {each.result.result_id} {answer.first}")
    _say("done")


async def open_at(url: str) -> None:
    """Open the ledger at an agreed time, append to it, and say what was migrated."""
    at = float(sys.argv[3])
    time.sleep(max(0.0, at - time.time()))
    store = Store(url)
    store.append([record(f"{os.getpid()}")], 5)
    store.close()
    _say(f"opened {store.migration.before} {store.migration.after}")


if __name__ == "__main__":
    known = (append_for_ever, append_the_same, raise_and_clear, meet_a_file_size_limit, open_at)
    programs = {each.__name__: each for each in known}
    asyncio.run(programs[sys.argv[1]](sys.argv[2]))
