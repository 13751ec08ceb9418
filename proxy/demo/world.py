"""The whole of it, put together and set going: backends, joinwatch before them, the verifier, and those who come."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from ..app import Joinwatch, running
from ..domain.ports import Time
from ..settings import Address
from ..web.listener import url_of
from .backends import start_backends
from .browsers import Browser, Over, Web
from .configuration import settings_for
from .faults import Faults
from .server import serve
from .signing import CLIENT_ID, CLIENT_SECRET
from .switches import switch_routes
from .tally import Tally
from .verifier import Verifier
from .visits import NOT_STARTED, visits
from .watcher import Watcher

MOST_AT_ONCE: Final = 2000
"""Visitors beyond are turned away, and counted."""

LOOK_S: Final = 2.0
LEDGER_S: Final = 10.0
POLL_S: Final = 0.02

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # asked, not listened on


class CannotListen(Exception):
    """An address of joinwatch's listeners cannot be bound; the message says which, and why."""


@dataclass(slots=True)
class World:
    """A world that stands and waits for `run`."""

    seed: int
    rate: float
    faults: Faults
    verifier: Verifier
    joinwatch: Joinwatch
    web: Web
    watcher: Watcher

    @property
    def tally(self) -> Tally:
        """What the browsers have counted so far."""
        return self.web.tally

    def elapsed_s(self) -> float:
        """Since the beginning."""
        return self.web.clock.mono() - self.watcher.began

    async def disagreements(self) -> list[str]:
        """Where the browsers, the verifier and the ledger have counted differently; to be asked after `run`."""
        tally = self.tally
        told = Counter(tally.told)
        for (name, _), count in tally.late.items():
            told[name, "late"] += count
        kept = Counter(await self.watcher.told())
        found = [
            f"{name}: {outcome}: {told[name, outcome]} told, {kept[name, outcome]} in the ledger"
            for name, outcome in sorted({*told, *kept})
            if told[name, outcome] != kept[name, outcome]
        ]
        if tally.judged != self.verifier.judged:
            found.append("the verifier and the browsers have counted the verdicts differently")
        if tally.refused:
            found.append(f"{tally.refused} join results were refused")
        return found

    def stop(self) -> None:
        """End it before its time."""
        self.web.ending.set()

    async def run(self, duration_s: float) -> None:
        """Let visitors come for so long, or until `stop`. Requests are finished then, but nobody waits any more."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch())
            with suppress(Over):
                await self._come(group, duration_s)
            self.stop()
            await watching
        await self.watcher.look()

    async def _come(self, group: asyncio.TaskGroup, duration_s: float) -> None:
        web, inside = self.web, set[asyncio.Task[None]]()
        for visit in visits(self.seed, self.rate):
            await web.wait(min(visit.at_s, duration_s) - self.elapsed_s())
            if visit.at_s >= duration_s:
                return
            if len(inside) >= MOST_AT_ONCE:
                web.tally.turned_away += 1
                continue
            browser = Browser(visit, web, random.Random(f"{self.seed} {visit.number} ids"))
            task = group.create_task(browser.live())
            inside.add(task)
            task.add_done_callback(inside.discard)

    async def _watch(self) -> None:
        with suppress(Over):
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):  # A busy ledger; the next look will tell.
                    await self.watcher.look()
                await self.web.wait(LOOK_S)


@asynccontextmanager
async def world(
    *, seed: int, rate: float, time: Time, folder: Path, environ: Mapping[str, str], log_fd: int
) -> AsyncIterator[World]:
    """Start everything; `folder` takes the ledger. Raises CannotListen, and SettingsError for the environment."""
    faults = Faults()
    async with AsyncExitStack() as stack:
        urls = await start_backends(stack, faults, time, seed)
        rng = random.Random(f"{seed} verifier")
        verifier = Verifier({CLIENT_ID: CLIENT_SECRET}, time, rng, frozenset({NOT_STARTED}))
        zoom = await serve(stack, verifier.app())
        settings = settings_for(urls, folder, environ)
        middle = running(settings, time=time, log_fd=log_fd, admin_routes=switch_routes(faults))
        try:
            joinwatch = await stack.enter_async_context(middle)
        except OSError as error:
            raise CannotListen(error.strerror or str(error)) from error
        http = await stack.enter_async_context(aiohttp.ClientSession())
        web = Web(http, url_of(reachable(joinwatch.public)), zoom, time, asyncio.Event(), Tally())
        await _ledger_opens(joinwatch)
        token = settings.listen.admin_token
        headers = {"Host": "localhost"} | ({"Authorization": f"Bearer {token.reveal()}"} if token else {})
        watcher = Watcher(web, url_of(reachable(joinwatch.admin)), headers, time.mono(), time.wall())
        yield World(seed, rate, faults, verifier, joinwatch, web, watcher)


def reachable(address: Address) -> Address:
    """Where a listener can be asked that listens everywhere."""
    host, port = address
    return _ANYWHERE.get(host, host), port


async def _ledger_opens(joinwatch: Joinwatch) -> None:
    """The first results would have to come twice; without it, the demo shows how that goes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LEDGER_S):
            while not joinwatch.health.ledger().writable:  # noqa: ASYNC110  # it tells nobody when it opens
                await asyncio.sleep(POLL_S)
