"""HAProxy with deploy/haproxy.cfg before three joinwatch, all real: nothing is lost when one of them dies or drains."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from ..support.postgresql import Cluster, cluster
from ..support.real import require
from ..support.secrets import RECEIPT_KEY
from ..support.servers import raw_server, replying, unused_port
from .project import ROOT, whole
from .stack import NAMES, Balancer, Replica, balancer, environment, stack

CONFIG: Final = ROOT / "deploy" / "joinwatch.toml"
ASKED: Final = {"meetingNumber": "98765432101", "role": 0}


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    """The replicas' ledger."""
    with cluster() as made:
        yield made


@pytest.fixture
def secrets(tmp_path: Path, database: Cluster) -> Path:
    """What the replicas read."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "receipt_keys").write_text(RECEIPT_KEY, encoding="utf-8")
    (folder / "ledger_url").write_text(database.url(), encoding="utf-8")
    return folder


@pytest.fixture
def replicas(tmp_path: Path, secrets: Path) -> list[Replica]:
    """Three, of which none runs yet. All of this test's browsers have one address, and so one limit."""
    return [
        Replica(
            name,
            tmp_path,
            CONFIG,
            environment(f"joinwatch-{name}", secrets, JOINWATCH_RESULTS__RATE_LIMIT="100000/1m"),
        )
        for name in NAMES
    ]


@dataclass(slots=True)
class Browsers:
    """They ask for signatures and tell of their joins, one after the other, each in its own time."""

    url: str
    told: list[str] = field(default_factory=list)
    """The ids of the results that were answered with 204."""
    trouble: list[str] = field(default_factory=list)

    async def browse(self, stop: asyncio.Event) -> None:
        """One browser, which goes on until it is told to stop."""
        async with aiohttp.ClientSession() as http:
            while not stop.is_set():
                try:
                    await self._join(http)
                except aiohttp.ClientError as error:
                    self.trouble.append(repr(error))
                await asyncio.sleep(0.02)

    async def _join(self, http: aiohttp.ClientSession) -> None:
        async with http.post(self.url, json=ASKED) as reply:
            if reply.status != 200:
                self.trouble.append(f"signature: {reply.status} {await reply.text()}")
                return
            receipt = reply.headers["Join-Receipt"]
        told = uuid.uuid4().hex
        body = {
            "receipt": receipt,
            "id": told,
            "attempt": 1,
            "outcome": "joined",
            "age_ms": 100.0,
            "view": "client",
        }
        await self._tell(http, told, json.dumps(body))

    async def _tell(self, http: aiohttp.ClientSession, told: str, body: str) -> None:
        """Again as long as joinwatch asks for it: a replica that has just started may not have its ledger yet."""
        while True:
            async with http.post(f"{self.url}/join-results", data=body) as reply:
                if reply.status == 204:
                    self.told.append(told)
                    return
                if reply.status != 503 or "Retry-After" not in reply.headers:
                    self.trouble.append(f"result: {reply.status} {await reply.text()}")
                    return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def browsing(front: Balancer, count: int = 8) -> AsyncIterator[Browsers]:
    """Browsers at work; they finish what they began."""
    browsers, stop = Browsers(front.url), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(browsers.browse(stop))
        try:
            yield browsers
        finally:
            stop.set()


async def more(browsers: Browsers, count: int) -> None:
    """Wait until so many joins more were told."""
    enough = len(browsers.told) + count
    async with asyncio.timeout(20):
        while len(browsers.told) < enough:
            await asyncio.sleep(0.02)


def test_the_database_s_health_check(database: Cluster) -> None:
    _, program, *arguments = whole().services["postgres"]["healthcheck"]["test"]

    def status(port: int) -> int:
        command = (require(program), *arguments, f"--port={port}")
        return subprocess.run(command, stdout=subprocess.DEVNULL, timeout=20, check=False).returncode

    assert status(database.port) == 0
    assert status(unused_port()) != 0


async def test_all_three_sign(tmp_path: Path, replicas: list[Replica]) -> None:
    async with stack(tmp_path, replicas) as front:
        async with browsing(front, 1) as browsers:
            await more(browsers, 9)
        assert browsers.trouble == []
        issued = [sum('"signature.issued"' in line for line in one.running.out) for one in replicas]
        assert min(issued) >= 3


async def test_one_that_dies_while_nobody_asks(tmp_path: Path, replicas: list[Replica]) -> None:
    async with stack(tmp_path, replicas) as front:
        async with browsing(front, 2) as browsers:
            await more(browsers, 12)  # every connection to a replica is open
        await replicas[0].running.stop(signal.SIGKILL)
        # At once, before any check can have noticed.
        async with browsing(front, 2) as later:
            await more(later, 12)
        assert (browsers.trouble, later.trouble) == ([], [])


async def test_death_and_draining_under_load(
    tmp_path: Path, replicas: list[Replica], database: Cluster
) -> None:
    a, b, _ = replicas
    async with stack(tmp_path, replicas) as front, browsing(front) as browsers:
        await more(browsers, 100)
        await a.running.stop(signal.SIGKILL)
        await more(browsers, 100)
        await front.says("a", "DOWN")
        async with a.started():
            await front.says("a", "UP")
            await more(browsers, 100)
            assert await b.running.stop(signal.SIGTERM) == 0
            await front.says("b", "DOWN")
            await more(browsers, 100)
            assert await front.is_well()
    assert browsers.trouble == []
    stored = dict(database.run("SELECT result_id, count(*) FROM joins GROUP BY result_id"))
    assert {told: stored.get(told) for told in browsers.told} == dict.fromkeys(browsers.told, 1)


async def test_what_a_browser_says_of_its_address_counts_for_nothing(tmp_path: Path, secrets: Path) -> None:
    """And a body larger than what HAProxy holds arrives whole."""
    body = "x" * 200_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with raw_server(replying(answer)) as endpoint:
        config = tmp_path / "forwarding.toml"
        config.write_text(
            f'[backends.endpoint]\nkind = "http"\nurl = "{endpoint.url}"\n'
            '[[routes]]\npath = "/"\nbackends = { endpoint = 1 }\n',
            encoding="utf-8",
        )
        one = Replica("a", tmp_path, config, environment("joinwatch-a", secrets))
        all_of_them = [one, *(Replica(name, tmp_path, config, {}, one.public, one.admin) for name in "bc")]
        async with one.started(), balancer(tmp_path, all_of_them) as front, aiohttp.ClientSession() as http:
            lies = {
                "X-Forwarded-For": "198.51.100.1",
                "X-Forwarded-Proto": "https",
                "Forwarded": "for=198.51.100.1",
            }
            async with http.post(front.url, data=body, headers=lies) as reply:
                assert (reply.status, await reply.text()) == (200, "{}")
    [request] = endpoint.requests
    assert request.body == body.encode()
    assert request.values("X-Forwarded-For") == ["127.0.0.1, 127.0.0.1"]
    assert request.values("X-Forwarded-Proto") == ["http"]
    assert b"198.51.100.1" not in request.head
