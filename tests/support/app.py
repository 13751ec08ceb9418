"""The whole application in the test's own process: on free ports, its clocks turned by hand, its lines collected."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.app import Joinwatch, running
from proxy.settings import from_mapping
from proxy.telemetry import sink
from proxy.web.listener import url_of
from tests.support import tokens
from tests.support.beacons import beacon, encoded
from tests.support.fake_time import FakeTime
from tests.support.joinwatch import Key, LogLine, Samples, sample
from tests.support.secrets import CLIENT_SECRET, KEY

MEETING = "98765432101"
_T = TypeVar("_T")

NATIVE = """
[credentials.app]
client_id_env = "TEST_KEY"
client_secret_env = "TEST_SECRET"

[backends.native]
kind = "native"
"""
ENVIRONMENT = {"TEST_KEY": KEY, "TEST_SECRET": CLIENT_SECRET}

_UNEXPECTED = ("library", "observation.failed")


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> tuple[str, str]:
        """Code and message of joinwatch's own error reply."""
        error = json.loads(self.body)["error"]
        return error["code"], error["message"]


@dataclass(slots=True)
class App:
    """A running application. `wrong_allowed`: lines about failures inside joinwatch are what the test is about."""

    joinwatch: Joinwatch
    time: FakeTime
    folder: Path
    http: aiohttp.ClientSession
    out: list[str]
    changed: asyncio.Condition
    admin_headers: Mapping[str, str]
    wrong_allowed: bool = False
    since: Samples = field(default_factory=dict)

    @property
    def public(self) -> str:
        """The public listener's URL, without a slash at its end."""
        return url_of(self.joinwatch.public)

    @property
    def admin(self) -> str:
        """The admin listener's URL, without a slash at its end."""
        return url_of(self.joinwatch.admin)

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.folder / "joinwatch.db"

    async def ask(self, method: str, url: str, **more: Any) -> Answer:
        """Any request to any URL."""
        async with self.http.request(method, url, allow_redirects=False, **more) as reply:
            return Answer(reply.status, reply.headers.copy(), await reply.read())

    async def signature(self, path: str = "/", **fields: Any) -> Answer:
        """Ask a signature route as a page does."""
        body = encoded({"meetingNumber": MEETING, "role": 0} | fields)
        headers = {"Content-Type": "application/json"}
        return await self.ask("POST", self.public + path, data=body, headers=headers)

    async def receipt(self, path: str = "/") -> str:
        """The receipt of a new signature."""
        return (await self.signature(path)).headers["Join-Receipt"]

    async def post(self, body: bytes, **headers: str) -> Answer:
        """A body to /join-results; underscores in the names of headers become hyphens."""
        usual = {"Content-Type": "text/plain;charset=UTF-8"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", f"{self.public}/join-results", data=body, headers=usual | given)

    async def report(self, receipt: str, **fields: Any) -> Answer:
        """A join result, valid but for `fields`."""
        return await self.post(encoded(beacon(receipt, **fields)))

    async def metrics(self) -> Samples:
        """Every sample of the metrics page."""
        answer = await self.ask("GET", f"{self.admin}/metrics", headers=self.admin_headers)
        assert answer.status == 200, answer
        lines = [line.rpartition(" ") for line in answer.body.decode().splitlines() if line[0] != "#"]
        return {_key(series): float(value) for series, _, value in lines}

    async def moved(self, since: Samples, *prefixes: str) -> Samples:
        """The samples of these names that have changed since then, and by how much."""
        now = await self.metrics()
        return {
            key: value - since.get(key, 0.0)
            for key, value in now.items()
            if key[0].startswith(prefixes) and value != since.get(key, 0.0)
        }

    def rows(self) -> list[dict[str, Any]]:
        """The ledger's rows, oldest first."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM joins ORDER BY rowid")]

    def logs(self, event: str | None = None) -> list[LogLine]:
        """The lines so far, in order: all, or those of one event."""
        lines: list[LogLine] = [json.loads(line) for line in self.out]
        return [line for line in lines if event in {None, line["event"]}]

    async def logged(self, event: str, count: int = 1) -> list[LogLine]:
        """The lines of one event as soon as there are `count`: a line may come after its reply."""
        return await self.until(
            lambda: lines if len(lines := self.logs(event)) >= count else None, f"{count} lines {event}"
        )

    async def until(self, look: Callable[[], _T | None], what: str) -> _T:
        """What `look` finds, asked again after each line and every 50 ms."""
        deadline = asyncio.get_running_loop().time() + 10
        while (found := look()) is None:
            assert asyncio.get_running_loop().time() < deadline, f"no {what} within 10 s"
            async with self.changed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.05)
        return found


@asynccontextmanager
async def application(
    folder: Path,
    config: str = NATIVE,
    *,
    environ: Mapping[str, str] = ENVIRONMENT,
    time: FakeTime | None = None,
    with_ledger: bool = True,
    token: str | None = None,
) -> AsyncIterator[App]:
    """`running()` with the given TOML text on free ports, its ledger in `folder`; `token` is its admin token.

    Ends with the check that nothing inside joinwatch has failed unseen, and prints the log lines, so that pytest
    shows them with a failure and the suite's check for secrets reads them.
    """
    time = time or FakeTime()
    settings = from_mapping(tomllib.loads(config), {**_defaults(folder), **environ}, folder)
    reading, writing = os.pipe()
    out: list[str] = []
    changed = asyncio.Condition()
    collector = asyncio.create_task(_collect(reading, out, changed))
    patch = pytest.MonkeyPatch()
    patch.setattr(sink, "GATHER_S", 0.001)  # Hundreds of tests wait for their lines.
    try:
        async with running(settings, time=time, log_fd=writing) as joinwatch, _client() as http:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            app = App(joinwatch, time, folder, http, out, changed, headers)
            if with_ledger:
                await app.logged("ledger.available")
            app.since = await app.metrics()
            yield app
    finally:
        patch.undo()
        os.close(writing)
        await collector
        print(*out, sep="\n")
    wrong = [line for line in app.logs() if line["event"] in _UNEXPECTED]
    assert app.wrong_allowed or not wrong, wrong


@cache
def _key(series: str) -> Key:
    """A series as the page names it; the same few hundred come again and again."""
    ((each,),) = [family.samples for family in text_string_to_metric_families(f"{series} 0\n")]
    return each.name, frozenset(each.labels.items())


def received(result: str, reason: str) -> Key:
    """The key of one outcome of a delivery to /join-results."""
    return sample("joinwatch_join_results_received_total", result=result, reason=reason)


def signed(backend: str, outcome: str) -> Key:
    """The key of one outcome of a request to a signature route."""
    return sample("joinwatch_signatures_total", backend=backend, outcome=outcome)


def joins(backend: str, outcome: str) -> Key:
    """The key of one outcome of a join."""
    return sample("joinwatch_joins_total", backend=backend, outcome=outcome)


def token(now: float, secret: str = CLIENT_SECRET, **claims: Any) -> str:
    """A Meeting SDK JWT issued at `now`, two hours long."""
    usual = {"appKey": KEY, "sdkKey": KEY, "mn": MEETING, "role": 0, "iat": int(now), "exp": int(now) + 7200}
    usual["tokenExp"] = usual["exp"]
    return tokens.signed(usual | claims, secret=secret.encode())


def http_backend(name: str, url: str, path: str | None = None, more: str = "", route: str = "") -> str:
    """TOML for an HTTP backend, and for a route of its own where it has a path."""
    backend = f'[backends.{name}]\nkind = "http"\nurl = "{url}"\n{more}\n'
    if path is None:
        return backend
    return backend + f'[[routes]]\npath = "{path}"\nbackends = {{ {name} = 1 }}\n{route}\n'


def _defaults(folder: Path) -> dict[str, str]:
    return {
        "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:0",
        "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:0",
        "JOINWATCH_LEDGER__URL": f"sqlite:///{folder / 'joinwatch.db'}",
    }


def _client() -> aiohttp.ClientSession:
    """As plain as a client can be: no cookies, nothing inflated, a new connection for each request."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding", "Accept", "User-Agent"),
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(force_close=True),
        timeout=aiohttp.ClientTimeout(total=20),
    )


async def _collect(descriptor: int, out: list[str], changed: asyncio.Condition) -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    async for line in reader:
        out.append(line.decode().rstrip("\n"))
        async with changed:
            changed.notify_all()
    transport.close()
