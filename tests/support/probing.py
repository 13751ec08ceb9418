"""An endpoint in the test's own process whose clock, replies and faults are turned by hand, and probes of it.

Both run on one FakeTime: five minutes of probing take no longer than their requests do.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import pairwise
from typing import Any

from aiohttp import web

from proxy.backends.http import HttpBackend
from proxy.domain.credentials import Credentials
from proxy.domain.ports import Ask, Offset, Reply
from proxy.domain.secret import Secret
from proxy.services.backend_clocks import BackendClocks
from proxy.services.observer import Observer
from proxy.services.probe import NAME, Probe, Progress
from proxy.services.probe_report import Report
from proxy.services.probe_request import Plan, template
from proxy.services.receipt_ids import ReceiptIds
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from tests.support import tokens
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET, KEY

Sign = Callable[[float, str], str]
"""From the time by the endpoint's clock and the meeting that was asked for to a signature."""


def float32(value: float) -> int:
    """Rounded to what a 32-bit float can hold, as Java's Math.round(long) does."""
    return int(struct.unpack("<f", struct.pack("<f", value))[0])


def signer(iat: Callable[[float], float] = lambda now: int(now) - 30, **changes: Any) -> Sign:
    """Signs soundly but for `iat`, made of the time, and for claims that are changed."""

    def sign(now: float, meeting: str) -> str:
        begin = iat(now)
        times = {"iat": begin, "exp": begin + 7200, "tokenExp": begin + 7200}
        return tokens.signed(tokens.web(mn=meeting, **times) | changes)

    return sign


@dataclass(slots=True)
class Asked:
    """A request as the endpoint got it."""

    at: float
    """Wall time of the host that probes."""
    method: str
    path_qs: str
    headers: dict[str, str]
    body: bytes
    meeting: str


@dataclass(slots=True)
class Endpoint:
    """A signature endpoint: POST with JSON, or GET with the query `meetingNumber`."""

    sign: Sign = field(default_factory=signer)
    time: FakeTime = field(default_factory=FakeTime)
    clock_ahead_s: float = 0.0
    trip_s: float = 0.02
    has_date: bool = True
    instead: Callable[[int], web.Response | None] = lambda _number: None
    """What comes instead of a signature, by the number of the request."""
    shares: bool = False
    """Requests that are there at once write into one variable."""
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    at_once: int = 0
    """The most requests that the probe had open at once."""
    _shared: str = ""
    _random: random.Random = field(default_factory=lambda: random.Random(7))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Reply after a trip; the time is read on its way."""
        body = await request.read()
        meeting = str(json.loads(body)["meetingNumber"] if body else request.query.get("meetingNumber", ""))
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(self.time.wall(), request.method, request.path_qs, headers, body, meeting)
        self.asked.append(asked)
        there = self._random.random() * self.trip_s
        self.time.advance(there)
        now = self.time.wall() + self.clock_ahead_s
        if self.shares:
            self._shared = meeting
            await asyncio.sleep(0.01)
            meeting = self._shared
        self.time.advance(self.trip_s - there)
        reply = self.instead(len(self.asked))
        if reply is None:
            reply = web.json_response({"signature": self.sign(now, meeting)})
        # aiohttp's own Date follows the real clock; an empty one is none.
        reply.headers["Date"] = formatdate(int(now), usegmt=True) if self.has_date else ""
        return reply

    def gaps(self) -> list[float]:
        """The times between a request and the next that was not sent along with it."""
        starts = [asked.at for asked in self.asked]
        return [gap for one, two in pairwise(starts) if (gap := two - one) > 0.5]


@asynccontextmanager
async def running(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    """Serve on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", endpoint.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield endpoint
    finally:
        await runner.cleanup()


class Counting(HttpBackend):
    """Notes how many requests are open at once."""

    endpoint: Endpoint
    _open = 0

    async def sign(self, ask: Ask) -> Reply:
        """Send the request on."""
        self._open += 1
        self.endpoint.at_once = max(self.endpoint.at_once, self._open)
        try:
            return await super().sign(ask)
        finally:
            self._open -= 1


@dataclass(frozen=True, slots=True)
class HostClock:
    """This host's own clock, as it was measured."""

    offset: Offset | None

    def best(self) -> Offset | None:
        """The reading."""
        return self.offset


@dataclass(slots=True)
class Probing:
    """A probe that is ready to run, what it told meanwhile, and what was wrong in joinwatch itself."""

    probe: Probe
    progress: list[Progress]
    troubles: list[bytes]


@asynccontextmanager
async def probing(
    endpoint: Endpoint,
    plan: Plan | None = None,
    *,
    verify: bool = True,
    host_clock: Offset | None = None,
    seed: int = 1,
    on_sleep: Callable[[float], None] = lambda _seconds: None,
    path: str = "/",
    **how: Any,
) -> AsyncIterator[Probing]:
    """A probe of a running endpoint; `how` goes to template()."""
    time = endpoint.time
    asked = template(endpoint.url + path, **how)
    metrics = Metrics(backends=(NAME,))
    clocks = BackendClocks((NAME,), metrics=metrics)
    credentials = Credentials("app", KEY, Secret(CLIENT_SECRET))
    troubles: list[bytes] = []
    observer = Observer(
        credentials={NAME: (credentials,) if verify else ()},
        host_clock=HostClock(host_clock),
        backend_clocks=clocks,
        observe_max_bytes=262144,
        fail_open=FailOpen(metrics, Logs(troubles.append, time=time)),
        time=time,
        new_id=ReceiptIds(secrets.token_bytes).next,
    )
    backend = Counting(NAME, asked.base, timeout_s=5, observe_max_bytes=262144, time=time, preserve_host=True)
    backend.endpoint = endpoint

    async def sleep(seconds: float) -> None:
        on_sleep(seconds)
        time.advance(seconds)
        await asyncio.sleep(0)

    progress: list[Progress] = []
    probe = Probe(
        asked,
        plan or Plan(),
        backend=backend,
        observer=observer,
        clocks=clocks,
        time=time,
        sleep=sleep,
        random01=random.Random(seed).random,
        on_progress=progress.append,
    )
    try:
        yield Probing(probe, progress, troubles)
    finally:
        await backend.aclose()


async def probed(endpoint: Endpoint, plan: Plan | None = None, **how: Any) -> Report:
    """Run the endpoint and a probe of it to the end; nothing may be wrong in joinwatch itself."""
    async with running(endpoint), probing(endpoint, plan, **how) as ready:
        report = await ready.probe.run()
        assert ready.troubles == []
        return report
