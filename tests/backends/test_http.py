"""What an HTTP backend is sent, what is understood of its answers, and how each of its failures is named."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from proxy.backends.http import HttpBackend, target
from proxy.domain.ports import Ask, BackendError, BackendTimeout, Headers, Reply
from tests.support.fake_time import FakeTime
from tests.support.servers import (
    Conversation,
    Peer,
    hanging_up,
    raw_server,
    repeating,
    replying,
    self_signed,
    stalling,
    unused_port,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def ask(
    method: str = "POST",
    tail: str = "",
    query: str = "",
    headers: Headers = (("Host", "sign.example"),),
    body: bytes = b"",
) -> Ask:
    return Ask(method=method, tail=tail, query=query, headers=headers, body=body)


@asynccontextmanager
async def backend_at(
    url: str,
    *,
    timeout_s: float = 5,
    observe_max_bytes: int = 1000,
    preserve_host: bool = False,
    replica_header: str | None = None,
    headers: Headers = (),
    tls_ca: str | None = None,
    time: FakeTime | None = None,
) -> AsyncIterator[HttpBackend]:
    backend = HttpBackend(
        "java",
        url,
        timeout_s=timeout_s,
        observe_max_bytes=observe_max_bytes,
        time=time or FakeTime(),
        preserve_host=preserve_host,
        replica_header=replica_header,
        headers=headers,
        tls_ca=tls_ca,
    )
    try:
        yield backend
    finally:
        await backend.aclose()


# --- the request ---


@pytest.mark.parametrize(
    ("base", "tail", "query", "sent"),
    [
        pytest.param("http://h", "", "", "/", id="nothing"),
        pytest.param("http://h/", "", "", "/", id="a slash"),
        pytest.param("http://h", "/x", "", "/x", id="no path, tail"),
        pytest.param("http://h/", "/x", "", "/x", id="a slash, tail"),
        pytest.param("http://h/sign", "", "", "/sign", id="path"),
        pytest.param("http://h/sign/", "", "", "/sign/", id="path with slash"),
        pytest.param("http://h/sign", "/", "", "/sign/", id="path, slash"),
        pytest.param("http://h/sign", "/x", "", "/sign/x", id="path, tail"),
        pytest.param("http://h/sign/", "/x", "", "/sign/x", id="path with slash, tail: one slash between"),
        pytest.param("http://h/sign", "//x", "", "/sign//x", id="two slashes stay two"),
        pytest.param("http://h", "//evil.example/x", "", "//evil.example/x", id="a tail is no host"),
        pytest.param("http://h/sign", "/%41%2f%e9+~'", "", "/sign/%41%2f%e9+~'", id="escapes stay"),
        pytest.param("http://h/sign", "/é", "", "/sign/%C3%A9", id="UTF-8 is escaped"),
        pytest.param("http://h/sign", "/\udce9", "", "/sign/%E9", id="any other byte is escaped"),
        pytest.param("http://h/sign", "", "a=b", "/sign?a=b", id="query"),
        pytest.param("http://h/sign?key=1", "", "", "/sign?key=1", id="the URL's own query"),
        pytest.param("http://h/sign?key=1", "/x", "a=b", "/sign/x?key=1&a=b", id="both queries"),
        pytest.param(
            "http://h/sign", "", "a=%41&&b=%zz+é", "/sign?a=%41&&b=%zz+%C3%A9", id="a query byte for byte"
        ),
        pytest.param("http://h/sign#part", "/x", "", "/sign/x", id="no fragment"),
    ],
)
def test_target(base: str, tail: str, query: str, sent: str) -> None:
    assert target(URL(base), tail, query).raw_path_qs == sent
    assert target(URL(base), tail, query).raw_host == "h"


@pytest.mark.parametrize(
    ("asked", "line", "headers", "body"),
    [
        pytest.param(
            ask("GET", query="mn=1"), "GET /sign?mn=1 HTTP/1.1", [], b"", id="GET: no body, no framing"
        ),
        pytest.param(ask("HEAD"), "HEAD /sign HTTP/1.1", [], b"", id="HEAD: no body, no framing"),
        pytest.param(ask("OPTIONS"), "OPTIONS /sign HTTP/1.1", [], b"", id="OPTIONS: no body, no framing"),
        pytest.param(
            ask("POST"), "POST /sign HTTP/1.1", [("Content-Length", "0")], b"", id="POST without a body"
        ),
        pytest.param(
            ask(
                headers=(("Host", "x"), ("content-TYPE", "text/plain"), ("Content-Length", "99")),
                body=b"\xff{}",
            ),
            "POST /sign HTTP/1.1",
            [("content-TYPE", "text/plain"), ("Content-Length", "3")],
            b"\xff{}",
            id="POST: the type stays, the length is counted",
        ),
        pytest.param(
            ask("GET", headers=(("Host", "x"), ("Cookie", "a=1"), ("X-oDD", "1"), ("Cookie", "b=2"))),
            "GET /sign HTTP/1.1",
            [("Cookie", "a=1"), ("X-oDD", "1"), ("Cookie", "b=2")],
            b"",
            id="order, case and duplicates stay",
        ),
        pytest.param(
            ask("GET", headers=(("Cookie", "a=1"), ("cookie", "b=2"))),
            "GET /sign HTTP/1.1",
            [("Cookie", "a=1"), ("Cookie", "b=2")],
            b"",
            id="duplicates in another case stay",
        ),
        pytest.param(
            ask("PUT", headers=(("Expect", "100-continue"),), body=b"x"),
            "PUT /sign HTTP/1.1",
            [("Content-Length", "1")],
            b"x",
            id="Expect is fulfilled",
        ),
        pytest.param(
            ask("GET", headers=(("X-A", "caf\udce9"), ("X-B", "café"))),
            "GET /sign HTTP/1.1",
            [("X-A", "caf\u00c3\u00a9"), ("X-B", "caf\u00c3\u00a9")],
            b"",
            id="Latin-1 bytes go out as UTF-8",
        ),
        pytest.param(
            ask(body=b"x" * (2**20 + 1)),
            "POST /sign HTTP/1.1",
            [("Content-Length", str(2**20 + 1))],
            b"x" * (2**20 + 1),
            id="a body over 1 MiB",
        ),
    ],
)
async def test_what_is_sent(asked: Ask, line: str, headers: list[tuple[str, str]], body: bytes) -> None:
    reply = HEAD + b"Content-Length: 0\r\n\r\n"
    async with raw_server(replying(reply)) as server, backend_at(server.url + "/sign") as backend:
        await backend.sign(asked)
    (request,) = server.requests
    assert request.line == line
    assert request.headers == [("Host", f"127.0.0.1:{server.port}"), *headers]
    assert request.body == body


@pytest.mark.parametrize(
    ("preserve", "configured", "asked", "sent"),
    [
        pytest.param(False, (), (("hOst", "sign.example"),), {"host": ["the URL's"]}, id="the URL's host"),
        pytest.param(
            True, (), (("hOst", "sign.example"),), {"host": ["sign.example"]}, id="the client's host"
        ),
        pytest.param(True, (), (), {"host": ["the URL's"]}, id="no host to preserve"),
        pytest.param(
            False,
            (("x-key", "1"), ("X-Key", "2"), ("Host", "other.example")),
            (("Host", "sign.example"), ("X-KEY", "forged"), ("A", "b")),
            {"host": ["other.example"], "x-key": ["1", "2"], "a": ["b"]},
            id="configured headers replace",
        ),
    ],
)
async def test_host_and_configured_headers(
    preserve: bool, configured: Headers, asked: Headers, sent: dict[str, list[str]]
) -> None:
    async with (
        raw_server(replying(OK)) as server,
        backend_at(server.url, preserve_host=preserve, headers=configured) as backend,
    ):
        await backend.sign(ask(headers=asked))
    for name, values in sent.items():
        expected = [f"127.0.0.1:{server.port}"] if values == ["the URL's"] else values
        assert server.requests[0].values(name) == expected


async def test_credentials_of_the_url_replace_the_clients() -> None:
    async with raw_server(replying(OK)) as server:
        url = server.url.replace("//", "//user:p%40ss@")
        async with backend_at(url) as backend:
            await backend.sign(ask(headers=(("Authorization", "Bearer client"),)))
    basic = "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert server.requests[0].values("authorization") == [basic]


async def test_cookies_are_not_kept() -> None:
    reply = HEAD + b"Set-Cookie: session=1\r\nContent-Length: 0\r\n\r\n"
    async with (
        raw_server(replying(reply)) as server,
        # By name: a cookie jar would not keep the cookies of an address.
        backend_at(server.url.replace("127.0.0.1", "localhost")) as backend,
    ):
        await backend.sign(ask())
        await backend.sign(ask())
    assert server.requests[1].values("cookie") == []


async def test_dot_segments_are_not_sent_on() -> None:
    async with raw_server(replying(OK)) as server, backend_at(server.url + "/sign") as backend:
        with pytest.raises(BackendError, match="its path has dot segments") as caught:
            await backend.sign(ask(tail="/%2e%2e/admin"))
    assert server.connections == 0
    assert not caught.value.retryable


@pytest.mark.parametrize("url", ["ftp://h/", "/sign", "http://", "h:80"])
def test_a_url_without_http_or_host(url: str) -> None:
    with pytest.raises(ValueError, match=r"backends\.java\.url is not an http"):
        HttpBackend("java", url, timeout_s=1, observe_max_bytes=1, time=FakeTime())


async def test_connections_are_kept_and_closed() -> None:
    async with raw_server(replying(OK)) as server:
        async with backend_at(server.url) as backend:
            for _ in range(3):
                await backend.sign(ask())
        assert (server.connections, len(server.requests)) == (1, 3)


# --- the answer ---


@pytest.mark.parametrize(
    ("raw", "method", "reply"),
    [
        pytest.param(OK, "POST", (200, "OK", (("Content-Length", "2"),), b"hi"), id="plain"),
        pytest.param(
            CHUNKED + b"2\r\nhi\r\n1\r\n!\r\n0\r\nX-Trailer: 1\r\n\r\n",
            "POST",
            (200, "OK", (), b"hi!"),
            id="chunked, with trailers",
        ),
        pytest.param(
            b"HTTP/1.1 200 Tr\xe8s  bien\r\nset-COOKIE: a=\xe9\r\nSet-Cookie: b=2 \r\nX-Empty:\r\nConnection: x-hop\r\n"
            b"X-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n",
            "POST",
            (
                200,
                "Tr\udce8s  bien",
                (("set-COOKIE", "a=\udce9"), ("Set-Cookie", "b=2"), ("X-Empty", ""), ("Content-Length", "0")),
                b"",
            ),
            id="reason, bytes, duplicates, hop-by-hop",
        ),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n",
            "POST",
            (302, "Found", (("Location", "http://127.0.0.1:1/x"), ("Content-Length", "0")), b""),
            id="a redirect is not followed",
        ),
        pytest.param(
            HEAD + b"Content-Length: 1234\r\n\r\n",
            "HEAD",
            (200, "OK", (("Content-Length", "1234"),), b""),
            id="HEAD",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", "POST", (204, "No Content", (), b""), id="204"),
        pytest.param(
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n",
            "GET",
            (304, "Not Modified", (("Content-Length", "77"),), b""),
            id="304",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
            "POST",
            (200, "OK", (("Content-Length", "2"),), b"hi"),
            id="interim answers are skipped",
        ),
        pytest.param(b"HTTP/1.1 204\r\n\r\n", "POST", (204, "", (), b""), id="no reason"),
        pytest.param(
            HEAD + b"X-Big: " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n",
            "POST",
            (200, "OK", (("X-Big", "x" * 60_000), ("Content-Length", "0")), b""),
            id="a header field of 60 kB",
        ),
        pytest.param(
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\xff",
            "POST",
            (200, "OK", (("Content-Encoding", "gzip"), ("Content-Length", "4")), b"\x1f\x8b\x00\xff"),
            id="a coded body is not touched",
        ),
    ],
)
async def test_replies(raw: bytes, method: str, reply: tuple[int, str, Headers, bytes]) -> None:
    async with raw_server(replying(raw)) as server, backend_at(server.url) as backend:
        for _ in range(2):  # the second one over the same connection: nothing of the first was left in it
            got = await backend.sign(ask(method))
            assert (got.status, got.reason, got.headers, got.body) == reply
            assert got.rest is None
        assert server.connections == 1


async def test_a_body_that_closing_ends() -> None:
    conversation = hanging_up(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nab", b"c")
    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        got = await backend.sign(ask())
    assert (got.headers, got.body, got.rest) == ((("Server", "old"),), b"abc", None)


@dataclass(slots=True)
class TickingTime(FakeTime):
    """Every look at the monotonic clock takes a second."""

    def mono(self) -> float:
        self.advance(1)
        return self.mono_s


async def test_times_are_those_of_the_exchange() -> None:
    time = TickingTime()
    async with raw_server(replying(OK)) as server, backend_at(server.url, time=time) as backend:
        got = await backend.sign(ask())
    assert got.headers_mono - got.began_mono == 1
    assert got.headers_wall - 1_800_000_000 == got.headers_mono - 1_000


@pytest.mark.parametrize(
    ("fields", "wanted", "replica"),
    [
        pytest.param(b"X-Served-By: web-3\r\n", "x-served-by", "web-3", id="as the header says"),
        pytest.param(
            b"X-Served-By: " + b"w" * 100 + b"\r\n", "X-Served-By", "w" * 64, id="at most 64 characters"
        ),
        pytest.param(b"X-Served-By: \xe9\t1\r\n", "X-Served-By", "??1", id="printable"),
        pytest.param(b"", "X-Served-By", None, id="the address, where the header is missing"),
        pytest.param(b"X-Served-By:\r\n", "X-Served-By", None, id="the address, where it is empty"),
        pytest.param(b"X-Served-By: web-3\r\n", None, None, id="the address, where none is configured"),
    ],
)
async def test_replica(fields: bytes, wanted: str | None, replica: str | None) -> None:
    reply = HEAD + fields + b"Content-Length: 0\r\n\r\n"
    async with (
        raw_server(replying(reply)) as server,
        backend_at(server.url, replica_header=wanted) as backend,
    ):
        got = await backend.sign(ask())
        assert got.replica == (replica or f"127.0.0.1:{server.port}")
        again = await backend.sign(ask())  # over the pooled connection
        assert again.replica == got.replica


# --- bodies that are not held ---


async def collected(reply: Reply) -> bytes:
    assert reply.rest is not None
    return b"".join([chunk async for chunk in reply.rest])


async def closed(reply: Reply) -> None:
    assert isinstance(reply.rest, AsyncGenerator)
    await reply.rest.aclose()


@pytest.mark.parametrize(
    ("size", "held"),
    [pytest.param(1000, True, id="at the limit"), pytest.param(1001, False, id="over the limit")],
)
async def test_the_limit_of_what_is_held(size: int, held: bool) -> None:
    body = bytes(range(256)) * 4
    reply = HEAD + f"Content-Length: {size}\r\n\r\n".encode() + body[:size]
    async with raw_server(replying(reply)) as server, backend_at(server.url) as backend:
        got = await backend.sign(ask())
        assert (got.rest is None) is held
        rest = b"" if held else await collected(got)
        assert got.body + rest == body[:size]
        await backend.sign(ask())
        assert server.connections == 1  # also a body that was passed on leaves its connection usable


@pytest.mark.parametrize(
    "content_type",
    [
        "text/event-stream",
        "Text/Event-Stream;charset=utf-8",
        "application/x-ndjson",
        "multipart/x-mixed-replace; boundary=x",
    ],
)
async def test_streams_are_not_held(content_type: str) -> None:
    reply = HEAD + f"Content-Type: {content_type}\r\nContent-Length: 2\r\n\r\nhi".encode()
    async with raw_server(replying(reply)) as server, backend_at(server.url) as backend:
        got = await backend.sign(ask())
        assert got.body == b""
        assert await collected(got) == b"hi"


async def test_a_stream_may_be_silent_for_longer_than_the_timeout() -> None:
    conversation = stalling(EVENTS, b"3\r\none\r\n")
    async with raw_server(conversation) as server, backend_at(server.url, timeout_s=0.2) as backend:
        got = await backend.sign(ask())
        assert got.rest is not None
        chunks = aiter(got.rest)
        assert await anext(chunks) == b"one"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await anext(chunks)


async def test_a_large_body_may_not_be_silent_for_longer_than_the_timeout() -> None:
    conversation = stalling(HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 2000)
    async with raw_server(conversation) as server, backend_at(server.url, timeout_s=0.2) as backend:
        got = await backend.sign(ask())
        with pytest.raises(BackendTimeout, match="no complete answer"):
            await collected(got)


async def test_open_streams_do_not_keep_signatures_waiting() -> None:
    async def conversation(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if "/events" in request.line:
                await peer.send(EVENTS, b"3\r\none\r\n")
                await peer.until_closed()
                return
            await peer.send(OK)

    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        streams = [await backend.sign(ask(tail="/events")) for _ in range(300)]
        assert server.connections == 300
        async with asyncio.timeout(1):
            assert (await backend.sign(ask())).body == b"hi"
        for stream in streams:
            await closed(stream)


@pytest.mark.parametrize("read", [0, 1], ids=["before the first chunk", "within"])
async def test_leaving_a_stream_closes_its_connection(read: int) -> None:
    conversation = repeating(EVENTS, b"3\r\none\r\n", every_s=0.01)
    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        got = await backend.sign(ask())
        assert got.rest is not None
        for _ in range(read):
            await anext(aiter(got.rest))
        await closed(got)
        async with asyncio.timeout(3):
            await server.closed_by_peer.wait()


@pytest.mark.parametrize(
    "conversation",
    [
        pytest.param(hanging_up(EVENTS, b"3\r\none\r\n"), id="closed"),
        pytest.param(hanging_up(EVENTS, b"3\r\none\r\n", reset=True), id="reset"),
        pytest.param(stalling(EVENTS, b"3\r\none\r\n", b"zz\r\n"), id="a chunk that is none"),
        pytest.param(hanging_up(HEAD + b"Content-Length: 9000\r\n\r\n", b"x" * 2000), id="large, too short"),
        pytest.param(
            hanging_up(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 2000, reset=True), id="large, reset at its end"
        ),
    ],
)
async def test_a_rest_that_breaks_off(conversation: Conversation) -> None:
    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        got = await backend.sign(ask())
        with pytest.raises(BackendError, match="broke off within the body") as caught:
            await collected(got)
    assert not caught.value.retryable


# --- failures ---


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("conversation", "retryable", "words"),
    [
        pytest.param(hanging_up(), True, "closed the connection without an answer", id="closes at once"),
        pytest.param(hanging_up(reset=True), True, "broke before an answer", id="resets at once"),
        pytest.param(
            hanging_up(b"HTTP/1.1 2"), False, "within the head of its answer", id="half a status line"
        ),
        pytest.param(
            hanging_up(HEAD + b"A: b\r\n"), False, "within the head of its answer", id="half a head"
        ),
        pytest.param(
            hanging_up(HEAD + b"Content-Length: 9\r\n\r\nabc"),
            False,
            "broke off within the body",
            id="a short body",
        ),
        pytest.param(
            hanging_up(HEAD + b"Content-Length: 9\r\n\r\nabc", reset=True),
            False,
            "broke off",
            id="a reset body",
        ),
        pytest.param(
            hanging_up(CHUNKED + b"5\r\nab"), False, "broke off within the body", id="a short chunk"
        ),
        pytest.param(
            hanging_up(CHUNKED + b"2\r\nab\r\n"), False, "broke off within the body", id="no last chunk"
        ),
        pytest.param(stalling(CHUNKED, b"zz\r\nab"), False, "broke off", id="a chunk that is none"),
        pytest.param(
            hanging_up(b"HTTP/1.0 200 OK\r\n\r\n", b"abc", reset=True),
            False,
            "broke off",
            id="reset instead of closed",
        ),
        pytest.param(stalling(b"SSH-2.0-x\r\n"), False, "is not well-formed HTTP/1.1", id="another protocol"),
        pytest.param(
            stalling(b"HTTP/1.1 abc\r\n\r\n"), False, "is not well-formed HTTP/1.1", id="garbage status"
        ),
        pytest.param(
            stalling(HEAD + b"A: " + b"x" * 70_000),
            False,
            "a header field over 64 KiB",
            id="an oversized header",
        ),
        pytest.param(
            stalling(HEAD + b"A: b\r\n" * 600 + b"\r\n"),
            False,
            "is not well-formed HTTP/1.1",
            id="too many headers",
        ),
        pytest.param(
            stalling(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
            False,
            "is not well-formed HTTP/1.1",
            id="two lengths",
        ),
        pytest.param(
            stalling(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
            False,
            "switched protocols",
            id="101",
        ),
    ],
)
async def test_failures(method: str, conversation: Conversation, retryable: bool, words: str) -> None:
    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        with pytest.raises(BackendError, match=words) as caught:
            await backend.sign(ask(method))
        assert (
            server.connections == 1
        )  # the retry is the caller's, also where aiohttp would do one of its own
    assert caught.value.retryable is retryable
    assert not isinstance(caught.value, BackendTimeout)
    assert str(caught.value).startswith('backend "java": ')


@pytest.mark.parametrize(
    "conversation",
    [
        pytest.param(stalling(), id="silent"),
        pytest.param(stalling(HEAD), id="silent within the head"),
        pytest.param(repeating(HEAD, b"A: b\r\n", every_s=0.02), id="a head without end"),
        pytest.param(repeating(HEAD + b"Content-Length: 900\r\n\r\n", b"x", every_s=0.02), id="a trickle"),
    ],
)
async def test_timeouts(conversation: Conversation) -> None:
    async with raw_server(conversation) as server, backend_at(server.url, timeout_s=0.3) as backend:
        started = asyncio.get_running_loop().time()
        with pytest.raises(
            BackendTimeout, match=r"within 0\.3 s; .* raise backends\.java\.timeout_s"
        ) as caught:
            await backend.sign(ask())
        assert asyncio.get_running_loop().time() - started < 1
        assert not caught.value.retryable
        async with asyncio.timeout(3):
            await server.closed_by_peer.wait()


async def test_an_answer_without_end_is_passed_on() -> None:
    conversation = repeating(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n")
    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        got = await backend.sign(ask())
        assert got.rest is not None
        size = 0
        async for chunk in got.rest:
            size += len(chunk)
            if size > 2**20:
                break
        await closed(got)
        async with asyncio.timeout(3):
            await server.closed_by_peer.wait()


async def test_nobody_listens() -> None:
    async with backend_at(f"http://user:secret@127.0.0.1:{unused_port()}/sign?key=secret") as backend:
        with pytest.raises(BackendError, match=r"nothing answers at 127\.0\.0\.1:") as caught:
            await backend.sign(ask(query="zak=secret"))
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
    assert "correct backends.java.url" in str(caught.value)


async def test_a_host_name_that_does_not_exist() -> None:
    async with backend_at("http://joinwatch.invalid/") as backend:
        with pytest.raises(
            BackendError, match=r"host name of joinwatch\.invalid:80 cannot be resolved"
        ) as caught:
            await backend.sign(ask())
    assert caught.value.retryable


async def test_tls(tmp_path: Path) -> None:
    context, pem = self_signed(tmp_path)
    async with raw_server(replying(OK), tls=context) as server:
        async with backend_at(server.url, tls_ca=str(pem)) as backend:
            assert (await backend.sign(ask())).body == b"hi"
        async with backend_at(server.url) as backend:
            with pytest.raises(BackendError, match=r"is not trusted .* set backends\.java\.tls_ca") as caught:
                await backend.sign(ask())
            assert caught.value.retryable


async def test_a_plain_server_behind_https() -> None:
    async def conversation(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.until_closed()

    async with (
        raw_server(conversation) as server,
        backend_at(server.url.replace("http:", "https:")) as backend,
    ):
        with pytest.raises(BackendError, match="check that it speaks HTTPS") as caught:
            await backend.sign(ask())
    assert caught.value.retryable


async def test_a_backend_that_was_closed() -> None:
    async with raw_server(replying(OK)) as server:
        async with backend_at(server.url) as backend:
            await backend.sign(ask())
        with pytest.raises(BackendError):
            await backend.sign(ask())


async def test_a_caller_that_gives_up_closes_the_connection() -> None:
    async with raw_server(stalling()) as server, backend_at(server.url) as backend:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await backend.sign(ask())
        async with asyncio.timeout(3):
            await server.closed_by_peer.wait()


async def test_a_reset_between_two_requests_is_nobodys_error() -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send_apart(CHUNKED, b"2\r\nhi\r\n", b"0\r\n\r\n")
        peer.reset()

    complaints: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        assert (await backend.sign(ask())).body == b"hi"
        await asyncio.sleep(0.1)
        gc.collect()
        assert (await backend.sign(ask())).body == b"hi"
        assert server.connections == 2
    assert complaints == []


async def test_a_long_lived_connection_keeps_nothing_of_its_answers() -> None:
    async def conversation(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send_apart(CHUNKED, b"2\r\nhi\r\n0\r\n\r\n")

    def bodies() -> int:
        gc.collect()
        return sum(isinstance(thing, aiohttp.StreamReader) for thing in gc.get_objects())

    async with raw_server(conversation) as server, backend_at(server.url) as backend:
        await backend.sign(ask())
        before = bodies()
        for _ in range(5):
            await backend.sign(ask())
        assert bodies() == before
        assert server.connections == 1
