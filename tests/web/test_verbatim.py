"""A backend's reply reaches the client byte for byte: raw server -> HttpBackend -> aiohttp server -> raw client."""

from __future__ import annotations

import asyncio
import gzip
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import brotli  # type: ignore[import-untyped]  # ships no types
import pytest
from aiohttp import web

from proxy.backends.http import HttpBackend
from proxy.domain.http_headers import end_to_end
from proxy.domain.ports import Ask, Headers, Reply
from proxy.web.verbatim import Ending, send_verbatim
from tests.support.fake_time import FakeTime
from tests.support.servers import (
    Conversation,
    Peer,
    RawClient,
    RawServer,
    hanging_up,
    raw_server,
    repeating,
    replying,
    stalling,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

JSON = b'{"signature":"aaaa.bbbb.cccc","sdkKey":"test_sdk_key_not_real_0"}'
GZIP, BR, ZSTD = gzip.compress(JSON, mtime=0), bytes(brotli.compress(JSON)), zstd.compress(JSON)
MIB = bytes(range(256)) * 4096
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
LIMIT = 262144


@dataclass(slots=True)
class Front:
    """The proxy's side towards the client, reduced to what is tested here."""

    backend: HttpBackend
    added: Headers = ()
    port: int = 0
    endings: list[Ending] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    """Kept, so that nothing is closed only because it was forgotten."""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send on what came, and send back what came of it."""
        fields = (
            (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in request.raw_headers
        )
        path, _, query = request.raw_path.partition("?")
        body = await request.read()
        reply = await self.backend.sign(Ask(request.method, path, query, end_to_end(fields), body))
        self.replies.append(reply)
        try:
            response = await send_verbatim(
                request,
                status=reply.status,
                reason=reply.reason,
                headers=(*reply.headers, *self.added),
                body=reply.body,
                rest=reply.rest,
            )
            self.endings.append(response.ending)
            return response
        finally:
            self.done.set()


@asynccontextmanager
async def chain(
    conversation: Conversation, *, added: Headers = (), cancel: bool = True
) -> AsyncIterator[tuple[RawServer, Front]]:
    """Server, backend and front, running."""

    async with raw_server(conversation) as server:
        backend = HttpBackend(
            "java", server.url, timeout_s=5, observe_max_bytes=LIMIT, time=FakeTime(), tls_ca=None
        )
        front = Front(backend, added)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", front.handle)
        runner = web.AppRunner(app, handler_cancellation=cancel, auto_decompress=False, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        front.port = runner.addresses[0][1]
        try:
            yield server, front
        finally:
            await runner.cleanup()
            await backend.aclose()


def asking(method: str = "POST", version: str = "1.1", fields: str = "") -> bytes:
    length = "Content-Length: 2\r\n" if method == "POST" else ""
    body = "{}" if method == "POST" else ""
    return f"{method} /sign?x=1 HTTP/{version}\r\nHost: sign.example\r\n{fields}{length}\r\n{body}".encode()


def answer(body: bytes, *fields: bytes, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([line, *fields, b"Content-Length: %d" % len(body), b"", body])


SAME = [
    pytest.param("POST", answer(JSON, b"Content-Type: application/json"), id="identity"),
    pytest.param("POST", answer(GZIP, b"Content-Encoding: gzip", b"Vary: Accept-Encoding"), id="gzip"),
    pytest.param("POST", answer(BR, b"Content-Encoding: br"), id="br"),
    pytest.param("POST", answer(ZSTD, b"Content-Encoding: zstd"), id="zstd"),
    pytest.param("POST", answer(GZIP[:-4], b"Content-Encoding: gzip"), id="gzip that is truncated inside"),
    pytest.param(
        "POST", answer(b"\x00\xff\r\n\r\n" * 9), id="any bytes, no Content-Type, no Date, no Server"
    ),
    pytest.param("POST", answer(b""), id="empty"),
    pytest.param("POST", b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", id="204"),
    pytest.param("POST", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", id="204 with length 0"),
    pytest.param("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', id="304"),
    pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", id="304 with a length"),
    pytest.param("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", id="HEAD"),
    pytest.param("HEAD", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", id="HEAD without a length"),
    pytest.param("GET", answer(JSON), id="GET"),
    pytest.param(
        "OPTIONS",
        answer(b"", b"Access-Control-Allow-Origin: *", b"Access-Control-Max-Age: 60"),
        id="a CORS preflight",
    ),
    pytest.param("POST", answer(b"no", line=b"HTTP/1.1 404 Not Found"), id="4xx"),
    pytest.param(
        "POST", answer(b"no", b"Retry-After: 9", line=b"HTTP/1.1 503 Service Unavailable"), id="5xx"
    ),
    pytest.param(
        "POST",
        answer(b"", b"Location: /other?x=%41", line=b"HTTP/1.1 307 Temporary Redirect"),
        id="a redirect",
    ),
    pytest.param(
        "POST",
        answer(JSON, b"Set-Cookie: a=1; Path=/", b"X-A: 1", b"set-cookie: b=2; HttpOnly", b"Set-Cookie: a=3"),
        id="several Set-Cookie, in their order",
    ),
    pytest.param("POST", answer(JSON, b"x-oDD-cASE: 1", b"DATE: yesterday", b"server: odd"), id="odd case"),
    pytest.param(
        "POST",
        answer(JSON, b"Set-Cookie: n=caf\xe9", b'Content-Disposition: inline; filename="\xc3\xa9\xff"'),
        id="header bytes that are not UTF-8",
    ),
    pytest.param("POST", answer(JSON, line=b"HTTP/1.1 200 Tr\xe8s  bien"), id="a custom reason"),
    pytest.param("POST", answer(JSON, line=b"HTTP/1.1 299 "), id="no reason"),
    pytest.param("POST", answer(MIB), id="1 MiB with a length"),
    pytest.param("POST", answer(bytes(LIMIT)), id="exactly what is held"),
    pytest.param(
        "POST", answer(JSON, b"X-Empty: ", b"X-Big: " + b"x" * 60_000), id="an empty and a huge field"
    ),
]


@pytest.mark.parametrize(("method", "raw"), SAME)
async def test_the_same_bytes(method: str, raw: bytes) -> None:
    async with chain(replying(raw)) as (_, front), RawClient(front.port) as client:
        for _ in range(2):  # twice over one connection: its framing left nothing over
            await client.send(asking(method))
            assert await client.exactly(len(raw)) == raw
        assert front.endings == [Ending.COMPLETE] * 2


CHUNKED = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "raw", "got"),
    [
        pytest.param(
            "POST",
            CHUNKED,
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nabcde",
            id="chunked gets a length",
        ),
        pytest.param(
            "POST",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            id="chunked and empty",
        ),
        pytest.param(
            "HEAD",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            id="HEAD of something chunked",
        ),
        pytest.param(
            "POST",
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-A: 1\r\n"
            b"Content-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n",
            id="hop-by-hop fields stay behind",
        ),
        pytest.param(
            "POST",
            b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            id="204 with the length of a body that it cannot have",
        ),
    ],
)
async def test_only_the_framing_differs(method: str, raw: bytes, got: bytes) -> None:
    async with chain(replying(raw)) as (_, front), RawClient(front.port) as client:
        for _ in range(2):
            await client.send(asking(method))
            assert await client.exactly(len(got)) == got


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nab", b"c"],
        [b"HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nabc"],
    ],
    ids=["HTTP/1.0", "HTTP/1.1"],
)
async def test_a_body_that_closing_ended_gets_a_length(pieces: list[bytes]) -> None:
    got = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc"
    async with chain(hanging_up(*pieces)) as (_, front), RawClient(front.port) as client:
        for _ in range(2):
            await client.send(asking())
            assert await client.exactly(len(got)) == got


@pytest.mark.parametrize(
    ("version", "fields", "line", "connection"),
    [
        pytest.param(
            "1.1", "Connection: close\r\n", b"HTTP/1.1 200 OK", b"Connection: close\r\n", id="1.1, close"
        ),
        pytest.param("1.0", "", b"HTTP/1.0 200 OK", b"", id="1.0"),
    ],
)
async def test_a_client_that_wants_no_more(version: str, fields: str, line: bytes, connection: bytes) -> None:
    async with chain(replying(answer(JSON))) as (_, front), RawClient(front.port) as client:
        await client.send(asking(version=version, fields=fields))
        got = line + b"\r\nContent-Length: %d\r\n" % len(JSON) + connection + b"\r\n" + JSON
        assert await client.to_end() == (got, False)


async def test_an_http_1_0_client_that_keeps_its_connection() -> None:
    got = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi"
    async with chain(replying(answer(b"hi"))) as (_, front), RawClient(front.port) as client:
        for _ in range(2):
            await client.send(asking(version="1.0", fields="Connection: keep-alive\r\n"))
            assert await client.exactly(len(got)) == got


async def test_headers_that_are_added() -> None:
    added = (("Join-Receipt", "abc"), ("X-Evil", "a\r\nSet-Cookie: x\0"))
    async with (
        chain(replying(answer(b"hi", b"X-A: 1")), added=added) as (_, front),
        RawClient(front.port) as client,
    ):
        await client.send(asking())
        got = (
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\nJoin-Receipt: abc\r\nX-Evil: a  Set-Cookie: x \r\n"
            b"\r\nhi"
        )
        assert await client.exactly(len(got)) == got


async def test_requests_may_be_pipelined() -> None:
    raw = answer(JSON, b"X-A: 1")
    async with chain(replying(raw)) as (_, front), RawClient(front.port) as client:
        await client.send(asking() * 3)
        assert await client.exactly(len(raw) * 3) == raw * 3


# --- streams ---


async def test_events_arrive_one_by_one() -> None:
    second = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send(EVENTS + b"Transfer-Encoding: chunked\r\n\r\n")
        await peer.send(b"9\r\ndata: 1\n\n\r\n")
        await second.wait()
        await peer.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    async with chain(conversation) as (_, front), RawClient(front.port) as client:
        await client.send(asking("GET"))
        assert await client.until(b"\r\n\r\n") == EVENTS + b"Transfer-Encoding: chunked\r\n\r\n"
        assert await client.exactly(14) == b"9\r\ndata: 1\n\n\r\n"
        second.set()  # only now is the second one produced
        assert await client.exactly(19) == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"
        await front.done.wait()
        assert front.endings == [Ending.COMPLETE]


async def test_events_for_an_http_1_0_client_end_with_the_connection() -> None:
    conversation = hanging_up(
        EVENTS + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", b"0\r\n\r\n"
    )
    async with chain(conversation) as (_, front), RawClient(front.port) as client:
        await client.send(asking("GET", "1.0", "Connection: keep-alive\r\n"))
        got, reset = await client.to_end()
    assert got == EVENTS.replace(b"1.1", b"1.0") + b"\r\ndata: 1\n\n"
    assert not reset


async def test_a_large_body_without_a_length_is_chunked() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + MIB + b"\r\n0\r\n\r\n"
    async with chain(replying(raw)) as (_, front), RawClient(front.port) as client:
        for _ in range(2):
            await client.send(asking())
            assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            body = b""
            while size := int(await client.until(b"\r\n"), 16):
                body += await client.exactly(size)
                assert await client.exactly(2) == b"\r\n"
            assert await client.exactly(2) == b"\r\n"
            assert body == MIB


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(
    "conversation",
    [
        pytest.param(
            hanging_up(EVENTS + b"Transfer-Encoding: chunked\r\n\r\n", b"9\r\ndata: 1\n\n\r\n"), id="events"
        ),
        pytest.param(hanging_up(answer(MIB)[:-1]), id="a large body with a length"),
        pytest.param(
            hanging_up(b"HTTP/1.0 200 OK\r\n\r\n", MIB, reset=True), id="a large body that closing ends"
        ),
    ],
)
async def test_a_rest_that_breaks_off_resets_the_client(
    conversation: Conversation, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with chain(conversation) as (_, front), RawClient(front.port) as client:
        await client.send(asking(version=version))
        got, reset = await client.to_end()
        assert reset
        assert got.startswith(b"HTTP/") or not got  # a reset may overtake what was sent before it
        assert not got.endswith(b"0\r\n\r\n")
        await front.done.wait()
        assert front.endings == [Ending.BACKEND_FAILED]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "conversation",
    [
        pytest.param(repeating(EVENTS + b"\r\n", b"data: 1\n\n", every_s=0.01), id="events"),
        pytest.param(stalling(EVENTS + b"\r\n", b"data: 1\n\n"), id="silence"),
        pytest.param(repeating(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), id="an endless body"),
    ],
)
async def test_a_client_that_leaves_frees_the_backend(
    conversation: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    async with chain(conversation) as (server, front):
        async with RawClient(front.port) as client:
            await client.send(asking("GET"))
            await client.until(b"\r\n\r\n")
        async with asyncio.timeout(3):
            await front.done.wait()
            await server.closed_by_peer.wait()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_client_that_leaves_without_cancellation_is_noticed_at_the_next_chunk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    conversation = repeating(EVENTS + b"\r\n", b"data: 1\n\n", every_s=0.01)
    async with chain(conversation, cancel=False) as (server, front):
        async with RawClient(front.port) as client:
            await client.send(asking("GET"))
            await client.until(b"\r\n\r\n")
        async with asyncio.timeout(3):
            await front.done.wait()
            await server.closed_by_peer.wait()
        assert front.endings == [Ending.CLIENT_GONE]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
