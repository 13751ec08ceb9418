"""Visitors of a page behind joinwatch: they ask, join at once, and are judged by iat, as Zoom does it."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from ...support.beacons import INVALID_SIGNATURE, beacon
from ...support.endpoints import unpadded
from ...support.joinwatch import Joinwatch

GET: Final = ("java",)
"""Backends that are asked by GET with a query, as a servlet is; the others get JSON."""

CONFIG: Final = """
[credentials.app]
client_id_env = "TEST_KEY"
client_secret_env = "TEST_SECRET"

[receipts]
keys_env = "TEST_RECEIPT_KEYS"

[proxies]
trusted = ["127.0.0.0/8"]

[results]
rate_limit = "100000/1m"
"""


def backend(name: str, url: str) -> str:
    """The part of the configuration for one backend and its route."""
    asked_by = ("GET", "query:meetingNumber") if name in GET else ("POST", "json:/meetingNumber")
    return f"""
[backends.{name}]
kind = "http"
url = "{url}"
credentials = "app"

[[routes]]
path = "/{name}"
methods = ["{asked_by[0]}"]
backends = {{ {name} = 1 }}
meeting_from = "{asked_by[1]}"
"""


@dataclass(slots=True)
class Joins:
    """What became of the joins with one backend's signatures: when each was refused or let in, by the wall clock."""

    refused: list[float] = field(default_factory=list)
    joined: list[float] = field(default_factory=list)

    @property
    def began(self) -> float:
        """When the first one was over."""
        return min([*self.refused[:1], *self.joined[:1]])

    def refused_by(self, at: float) -> int:
        """How many had been refused by then."""
        return sum(each <= at for each in self.refused)

    def by(self, at: float) -> int:
        """How many there were by then, whatever became of them."""
        return self.refused_by(at) + sum(each <= at for each in self.joined)


@dataclass(slots=True)
class Visitors:
    """They come to each backend `per_minute`, to one replica of joinwatch after the other.

    All results go to the first replica, which is how docs/operations.md wants it.
    """

    replicas: Sequence[Joinwatch]
    http: aiohttp.ClientSession
    per_minute: dict[str, float]
    joins: dict[str, Joins] = field(init=False)
    _numbers: dict[str, Iterator[int]] = field(init=False)
    _turns: dict[str, asyncio.Lock] = field(init=False)

    def __post_init__(self) -> None:
        """Nobody has joined yet."""
        self.joins = {name: Joins() for name in self.per_minute}
        self._numbers = {name: itertools.count() for name in self.per_minute}
        self._turns = {name: asyncio.Lock() for name in self.per_minute}

    async def come(self, name: str) -> None:
        """One visitor after the other, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            async with self._turns[name]:
                await self._join(name, next(self._numbers[name]))
            due = max(due + 60 / self.per_minute[name], loop.time() - 1)
            await asyncio.sleep(max(0.0, due - loop.time()))

    @asynccontextmanager
    async def nobody_at(self, name: str) -> AsyncIterator[None]:
        """Between two visitors of a backend."""
        async with self._turns[name]:
            yield

    async def no_more(self) -> None:
        """Let those who are here finish, and nobody after them."""
        for turn in self._turns.values():
            await turn.acquire()

    async def _join(self, name: str, number: int) -> None:
        asked: dict[str, Any] = {"meetingNumber": f"9876{number:07}", "role": 0}
        how: dict[str, Any] = {"params": asked} if name in GET else {"json": asked}
        visitor = {"X-Forwarded-For": f"192.0.2.{number % 250 + 1}"}
        url = f"{self.replicas[number % len(self.replicas)].public}/{name}"
        method = "GET" if name in GET else "POST"
        async with self.http.request(method, url, headers=visitor, **how) as reply:
            body, receipt = await reply.text(), reply.headers["Join-Receipt"]
        claims = json.loads(unpadded(body.split(".")[1]))
        refused = claims["iat"] > time.time()
        fate: dict[str, Any] = (
            {"error": INVALID_SIGNATURE} if refused else {"outcome": "joined", "error": ...}
        )
        url = f"{self.replicas[0].public}/join-results"
        async with self.http.post(url, json=beacon(receipt, age_ms=0.5, **fate), headers=visitor) as taken:
            assert taken.status == 204, await taken.text()
        (self.joins[name].refused if refused else self.joins[name].joined).append(time.time())
