"""All endpoints as backends of one real joinwatch, and a client that asks them alike, directly or through it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from . import endpoints
from .endpoints import NOW_HEADER, SDK_KEY, SDK_SECRET, Endpoint
from .joinwatch import Joinwatch, LogLine, joinwatch

MEETING = "98765432101"
ORIGIN = "https://meet.example"

SERVLETS = ("java", "servlet")
"""The backends that are asked with GET and a query; `servlet` shares its fields and has no margin."""

Endpoints = Mapping[str, Endpoint]
"""By the name of the backend: java, servlet, node, php, python."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a page asks of a backend; the path is that of the backend's route."""

    backend: str
    method: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def at(self, now_s: float) -> Request:
        """The same, with the endpoint's time driven to `now_s`."""
        return self.with_headers({NOW_HEADER: str(int(now_s * 1000))})

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """The same with further headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply as it came over the wire, and this host's wall time before the request and after the reply."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    before: float
    after: float

    def values(self, name: str) -> list[str]:
        """Every value of one header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def receipt(self) -> str:
        """The receipt; there must be exactly one."""
        (receipt,) = self.values("Join-Receipt")
        return receipt

    @property
    def signature(self) -> str:
        """The signature in either shape of reply."""
        reply = json.loads(self.body)
        return str(reply["data"]["jwt_token"] if "data" in reply else reply["signature"])


@dataclass(frozen=True, slots=True)
class World:
    """The endpoints, a joinwatch before them, and a client."""

    endpoints: Endpoints
    watch: Joinwatch
    http: aiohttp.ClientSession
    issued: list[Answer] = field(default_factory=list)
    """The answers with a receipt, in order: each has a log line `signature.issued`."""

    async def direct(self, request: Request) -> Answer:
        """Ask the endpoint itself."""
        return await self._send(request, f"{self.endpoints[request.backend].url}/")

    async def proxied(self, request: Request) -> Answer:
        """Ask through joinwatch."""
        answer = await self._send(request, f"{self.watch.public}/{request.backend}")
        if answer.values("Join-Receipt"):
            self.issued.append(answer)
        return answer

    async def lines(self) -> list[LogLine]:
        """The lines about all signatures issued so far; a line comes a little after its reply."""
        return await self.watch.logged("signature.issued", len(self.issued))

    async def report(self, result: Mapping[str, Any], origin: str = ORIGIN) -> int:
        """Post a join result as the browser script does; the status of the reply."""
        headers = {"Content-Type": "text/plain;charset=UTF-8", "Origin": origin}
        body = json.dumps(result).encode()
        async with self.http.post(f"{self.watch.public}/join-results", data=body, headers=headers) as reply:
            await reply.read()
            return reply.status

    async def _send(self, request: Request, url: str) -> Answer:
        query = f"?{request.query}" if request.query else ""
        before = time.time()
        async with self.http.request(
            request.method, url + query, data=request.body or None, headers=request.headers
        ) as reply:
            body = await reply.read()
            headers = tuple((name.decode(), value.decode("latin-1")) for name, value in reply.raw_headers)
            return Answer(reply.status, reply.reason or "", headers, body, before, time.time())


def asking(backend: str, role: int | str = 0, meeting: str = MEETING) -> Request:
    """The usual request to a backend."""
    if backend in SERVLETS:
        return Request(backend, "GET", query=f"meetingNumber={meeting}&role={role}")
    body = json.dumps({"meetingNumber": meeting, "role": role}).encode()
    return Request(backend, "POST", body=body, headers={"Content-Type": "application/json"})


@asynccontextmanager
async def all_endpoints(session_folder: Path) -> AsyncIterator[Endpoints]:
    """The four runtimes, Java twice."""
    classes = endpoints.java_classes(session_folder)
    async with AsyncExitStack() as stack:
        yield {
            "java": await stack.enter_async_context(endpoints.java(classes)),
            "servlet": await stack.enter_async_context(
                endpoints.java(classes, margin_s=0, shared_fields=True)
            ),
            "node": await stack.enter_async_context(endpoints.node()),
            "php": await stack.enter_async_context(endpoints.php()),
            "python": await stack.enter_async_context(endpoints.python()),
        }


@asynccontextmanager
async def world(behind: Endpoints, folder: Path) -> AsyncIterator[World]:
    """A joinwatch with an empty ledger in `folder` before running endpoints."""
    async with (
        joinwatch(folder, _config(behind), {"TEST_KEY": SDK_KEY, "TEST_SECRET": SDK_SECRET}) as watch,
        aiohttp.ClientSession(auto_decompress=False) as http,
    ):
        yield World(behind, watch, http)


def _config(behind: Endpoints) -> str:
    parts = [_COMMON]
    for backend, endpoint in behind.items():
        servlet = backend in SERVLETS
        source = "query:{}" if servlet else "json:/{}"
        parts.append(f"""
            [backends.{backend}]
            kind = "http"
            url = "{endpoint.url}"
            credentials = "app"

            [[routes]]
            path = "/{backend}"
            methods = [{'"GET"' if servlet else '"POST"'}]
            backends = {{ {backend} = 1 }}
            meeting_from = "{source.format("meetingNumber")}"
            role_from = "{source.format("role")}"
        """)
    return "\n".join(parts)


_COMMON = f"""
    [credentials.app]
    client_id_env = "TEST_KEY"
    client_secret_env = "TEST_SECRET"

    [results]
    origins = ["{ORIGIN}"]
    rate_limit = "100000/1m"
"""
