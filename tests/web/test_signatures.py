"""Signature routes before backends of every temper: replies byte for byte, one outcome and one line a request."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.support.app import NATIVE, App, application, http_backend, signed, token
from tests.support.fake_time import FakeTime
from tests.support.joinwatch import LogLine, sample
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
    unused_port,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIGNATURES = "joinwatch_signatures_total"
NOW = FakeTime().wall_s
SIGNATURE = token(NOW)
JSON = json.dumps({"signature": SIGNATURE, "sdkKey": "test_sdk_key_not_real_0"}).encode()
REQUEST = b"POST /sign HTTP/1.1\r\nHost: sign.example\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK"
LIMIT = 2048


def reply(body: bytes, *fields: bytes, line: bytes = OK) -> bytes:
    """A reply with a length."""
    return b"\r\n".join([line, *fields, b"Content-Length: %d" % len(body), b"", body])


@asynccontextmanager
async def before(
    folder: Path, conversation: Conversation, more: str = "timeout_s = 0.3", route: str = "", rest: str = ""
) -> AsyncIterator[tuple[App, RawServer]]:
    """An application before one backend, `java`, on the route /sign; it observes 2 KiB."""
    async with raw_server(conversation) as server:
        config = (
            http_backend("java", server.url, "/sign", more, route)
            + f"[limits]\nobserve_max_bytes = {LIMIT}\n"
            + rest
        )
        async with application(folder, config) as app:
            yield app, server


async def exchange(app: App, request: bytes = REQUEST) -> bytes:
    """All that comes back for a request."""
    async with RawClient(app.joinwatch.public[1]) as client:
        await client.send(request)
        return (await client.to_end())[0]


async def ended(app: App) -> LogLine:
    """The one line about the one request to a signature route, and that there is no other."""

    def look() -> list[LogLine] | None:
        return [line for line in app.logs() if line["event"].startswith("signature.")] or None

    lines = await app.until(look, "line about a signature")
    assert len(lines) == 1
    return lines[0]


# The reply


@pytest.mark.parametrize(
    ("answer", "observed"),
    [
        pytest.param(reply(JSON, b"Content-Type: application/json"), True, id="JSON"),
        pytest.param(reply(gzip.compress(JSON), b"Content-Encoding: gzip"), True, id="gzip"),
        pytest.param(reply(bytes(brotli.compress(JSON)), b"Content-Encoding: br"), True, id="br"),
        pytest.param(reply(zstd.compress(JSON), b"content-encoding: zstd"), True, id="zstd"),
        pytest.param(
            reply(JSON, b"Set-Cookie: a=1", b"SET-COOKIE: b=2; Path=/", b"X-Odd: \xe9 \xff"),
            True,
            id="several Set-Cookie, odd bytes",
        ),
        pytest.param(reply(SIGNATURE.encode(), b"Content-Type: text/plain"), True, id="the bare signature"),
        pytest.param(reply(b"", line=b"HTTP/1.1 204 Nothing"), False, id="nothing"),
        pytest.param(
            reply(b"", b"Location: https://login.example/?next=%2F", line=b"HTTP/1.1 302 Found"),
            False,
            id="a redirect",
        ),
        pytest.param(reply(b"{}", b"Retry-After: 7", line=b"HTTP/1.1 429 Slow down"), False, id="a 429"),
        pytest.param(reply(b"<html>", line=b"HTTP/1.1 503 Ill"), False, id="a 503"),
        pytest.param(reply(b"\x1f\x8bnonsense", b"Content-Encoding: gzip"), False, id="gzip that is none"),
        pytest.param(reply(bytes(range(256)) * 64), False, id="larger than what is observed"),
    ],
)
async def test_a_reply_comes_through_byte_for_byte_but_for_the_receipt(
    tmp_path: Path, answer: bytes, observed: bool
) -> None:
    async with before(tmp_path, replying(answer)) as (app, _):
        got = await exchange(app)
    head, _, body = got.partition(b"\r\n\r\n")
    wanted_head, _, wanted_body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.remove(b"Connection: close")
    receipts = [line for line in lines if line.startswith(b"Join-Receipt: ")]
    added = [b"Access-Control-Expose-Headers: Join-Receipt", *receipts] if observed else []
    if b" 204 " in wanted_head:
        wanted_head = wanted_head.replace(b"\r\nContent-Length: 0", b"")
        lines = [line for line in lines if line != b"Content-Length: 0"]
    assert lines == wanted_head.split(b"\r\n") + added
    assert body == wanted_body
    assert len(receipts) == observed


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        pytest.param(b"X-Time", b"X-Time, Join-Receipt", id="a name"),
        pytest.param(b"*", b"*, Join-Receipt", id="any, which no request with credentials believes"),
        pytest.param(b"", b"Join-Receipt", id="nothing"),
    ],
)
async def test_the_receipt_is_appended_to_what_a_page_may_read(
    tmp_path: Path, theirs: bytes, ours: bytes
) -> None:
    answer = reply(JSON, b"access-control-expose-headers: " + theirs)
    async with before(tmp_path, replying(answer)) as (app, _):
        got = await exchange(app)
    assert got.count(b"access-control-expose-headers: " + ours + b"\r\n") == 1
    assert got.lower().count(b"expose-headers") == 1


async def test_a_chunked_reply_keeps_its_bytes_and_gets_a_receipt(tmp_path: Path) -> None:
    pieces = [
        b"%x\r\n%b\r\n" % (len(JSON[at : at + 50]), JSON[at : at + 50]) for at in range(0, len(JSON), 50)
    ]
    answer = OK + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"
    async with before(tmp_path, replying(answer)) as (app, _):
        got = await exchange(app)
        assert (await ended(app))["event"] == "signature.issued"
    head, _, body = got.partition(b"\r\n\r\n")
    assert body == JSON
    assert b"Join-Receipt: " in head


async def test_an_event_stream_passes_through_piece_by_piece(tmp_path: Path) -> None:
    first_is_there = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await first_is_there.wait()
        await peer.send(b"data: " + SIGNATURE.encode() + b"\n\n")

    async with before(tmp_path, conversation) as (app, _):
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(REQUEST)
            head = await client.until(b"\r\n\r\n")
            await client.until(b"data: 1\n\n")
            first_is_there.set()
            rest, was_reset = await client.to_end()
        assert SIGNATURE.encode() in rest
        assert not was_reset
        assert b"Join-Receipt" not in head
        assert (await ended(app))["outcome"] == "unobserved"
        assert await app.moved(app.since, SIGNATURES) == {signed("java", "unobserved"): 1}


# The request


@pytest.mark.parametrize(
    ("path", "base", "asked"),
    [
        pytest.param("/sign", "", "/", id="the route alone"),
        pytest.param("/sign", "/zoom/sig", "/zoom/sig", id="the route alone, a path of the backend's"),
        pytest.param("/sign/", "/zoom", "/zoom/", id="a slash"),
        pytest.param("/sign/a/b;c=1/%2F%C3%A9%20x", "/z", "/z/a/b;c=1/%2F%C3%A9%20x", id="percent-encoded"),
        pytest.param("/sign//x", "/z", "/z//x", id="an empty segment"),
        pytest.param("/sign?a=1&a=2&b=%26+x&&c", "", "/?a=1&a=2&b=%26+x&&c", id="a query"),
        pytest.param("/sign?meeting=98 1&x", "", None, id="a space in the query"),
        pytest.param("/sign/a?q=http://x/../y", "/z", "/z/a?q=http://x/../y", id="dots in the query"),
        pytest.param("/sign/..a/b..", "/z", "/z/..a/b..", id="dots within segments"),
    ],
)
async def test_path_and_query_reach_the_backend_byte_for_byte(
    tmp_path: Path, path: str, base: str, asked: str | None
) -> None:
    async with raw_server(replying(reply(JSON))) as server:
        async with application(tmp_path, http_backend("java", server.url + base, "/sign")) as app:
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            got = await exchange(app, request)
            app.wrong_allowed = asked is None  # aiohttp's own 400 says so in the log
        if asked is None:
            assert got.startswith(b"HTTP/1.0 400 ")
            assert server.requests == []
        else:
            assert [each.line for each in server.requests] == [f"GET {asked} HTTP/1.1"]


@pytest.mark.parametrize(
    "path",
    [
        "/sign/..",
        "/sign/../admin",
        "/sign/./x",
        "/sign/%2e%2e/admin",
        "/sign/%2E./admin",
        "/sign/..;jsessionid=1/admin",
        "/sign/..%2fadmin",
        "/sign/a%5c..%5cadmin",
        "/sign/a\\..\\admin",
        "/s%69gn/x",
    ],
)
async def test_a_path_that_could_leave_the_backend_is_refused(tmp_path: Path, path: str) -> None:
    async with before(tmp_path, replying(reply(JSON))) as (app, server):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        got = await exchange(app, request)
        assert got.startswith(b"HTTP/1.1 400 ")
        assert (await ended(app))["outcome"] == "rejected"
        assert await app.moved(app.since, SIGNATURES) == {signed("java", "rejected"): 1}
        assert server.requests == []


async def test_the_backend_sees_who_asks_and_no_forgery(tmp_path: Path) -> None:
    async with before(tmp_path, replying(reply(JSON))) as (app, server):
        await exchange(
            app,
            b"POST /sign HTTP/1.1\r\nHost: sign.example\r\nX-Forwarded-For: 10.1.1.1\r\nForwarded: for=10.1.1.1\r\n"
            b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /x\r\n"
            b"Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nProxy-Authorization: Basic eA==\r\n"
            b"Authorization: Bearer test-bearer-not-real\r\nCookie: a=1\r\nContent-Length: 2\r\n\r\n{}",
        )
    (got,) = server.requests
    assert {name.lower(): value for name, value in got.headers} == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": "Bearer test-bearer-not-real",
        "cookie": "a=1",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "sign.example",
        "x-forwarded-proto": "http",
        "content-length": "2",
    }


async def test_a_trusted_proxys_word_is_passed_on(tmp_path: Path) -> None:
    rest = '[proxies]\ntrusted = ["127.0.0.0/8"]\n'
    async with before(tmp_path, replying(reply(JSON)), rest=rest) as (app, server):
        fields = (
            b"X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\n"
        )
        await exchange(app, REQUEST.replace(b"Connection", fields + b"Connection"))
    (got,) = server.requests
    said = [got.values(f"X-Forwarded-{name}") for name in ("For", "Proto", "Host")]
    assert said == [["198.51.100.7, 127.0.0.1"], ["https"], ["a.example"]]


async def test_the_longest_path_wins_whatever_the_order(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        paths = {"root": "/", "deep": "/zoom/eu", "zoom": "/zoom"}
        servers = {name: await stack.enter_async_context(raw_server(replying(reply(JSON)))) for name in paths}
        config = "".join(http_backend(name, servers[name].url, path) for name, path in paths.items())
        app = await stack.enter_async_context(application(tmp_path, config))
        for path in ("/x", "/zoom/us", "/zoomx", "/zoom/eu/1", "/zoom/eu", "/join-results/x", "/zoom"):
            assert (await app.ask("GET", app.public + path)).status == 200
        lines = {name: [each.line.split()[1] for each in servers[name].requests] for name in paths}
        assert lines == {
            "root": ["/x", "/zoomx", "/join-results/x"],
            "zoom": ["/us", "/"],
            "deep": ["/1", "/"],
        }


async def test_what_is_no_route_or_no_method_of_it_is_not_counted(tmp_path: Path) -> None:
    route = 'methods = ["GET"]'
    async with before(tmp_path, replying(reply(JSON)), route=route) as (app, server):
        statuses = {
            path: (await app.ask(method, app.public + path)).status
            for method, path in (("GET", "/"), ("GET", "/metrics"), ("GET", "/livez"), ("POST", "/sign"))
        }
        assert statuses == {"/": 404, "/metrics": 404, "/livez": 404, "/sign": 405}
        allowed = (await app.ask("POST", f"{app.public}/sign")).headers["Allow"]
        assert allowed == "GET, OPTIONS"
        assert await app.moved(app.since, SIGNATURES) == {}
        assert server.requests == []


# Backends of every temper


@dataclass(frozen=True, slots=True)
class Temper:
    """What a backend does, and what must come of it. `status` None: the client's connection is reset."""

    name: str
    conversation: Conversation
    status: int | None
    outcome: str

    def __str__(self) -> str:
        return self.name


async def hanging_up_at_once(peer: Peer) -> None:
    """Close the connection without reading."""


_ENDLESS_HEAD = OK + b"\r\nX-Pad: " + b"x" * 100_000
TEMPERS = (
    Temper("sound", replying(reply(JSON)), 200, "issued"),
    Temper("refusing", replying(reply(b"{}", line=b"HTTP/1.1 401 No")), 401, "refused"),
    Temper("failing", replying(reply(b"{}", line=b"HTTP/1.1 500 Oh")), 500, "backend_error"),
    Temper(
        "redirecting",
        replying(reply(b"", b"Location: /login", line=b"HTTP/1.1 302 Found")),
        302,
        "no_signature",
    ),
    Temper(
        "replying 200 with HTML",
        replying(reply(b"<html><body>Sign in</body></html>", b"Content-Type: text/html")),
        200,
        "no_signature",
    ),
    Temper("replying 200 with nothing", replying(reply(b"")), 200, "no_signature"),
    Temper("replying with another JSON", replying(reply(b'{"ok":true,"n":[1,2]}')), 200, "no_signature"),
    Temper("not to be inflated", replying(reply(JSON, b"Content-Encoding: gzip")), 200, "unobserved"),
    Temper(
        "a bomb", replying(reply(gzip.compress(b" " * 10**6), b"Content-Encoding: gzip")), 200, "unobserved"
    ),
    Temper("large", replying(reply(JSON + b" " * LIMIT)), 200, "unobserved"),
    Temper("slow to answer", stalling(), 504, "timeout"),
    Temper("slow within its head", stalling(OK + b"\r\nContent-Length: 2\r\n"), 504, "timeout"),
    Temper("slow within its body", stalling(OK + b"\r\nContent-Length: 9\r\n\r\n{}"), 504, "timeout"),
    Temper("closing at once", hanging_up_at_once, 502, "backend_error"),
    Temper("closing after the request", hanging_up(), 502, "backend_error"),
    Temper("resetting", hanging_up(reset=True), 502, "backend_error"),
    Temper("closing within its head", hanging_up(OK + b"\r\nContent-"), 502, "backend_error"),
    Temper(
        "closing in the middle", hanging_up(OK + b"\r\nContent-Length: 9\r\n\r\n{}"), 502, "backend_error"
    ),
    Temper(
        "closing within a chunk",
        hanging_up(OK + b"\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}"),
        502,
        "backend_error",
    ),
    Temper("not speaking HTTP", replying(b"220 smtp.example ESMTP\r\n", close=True), 502, "backend_error"),
    Temper("endless in its head", replying(_ENDLESS_HEAD, close=True), 502, "backend_error"),
    Temper(
        "closing in the middle of much",
        hanging_up(OK + b"\r\nContent-Length: 99999\r\n\r\n" + b" " * (LIMIT + 1)),
        None,
        "backend_error",
    ),
    Temper(
        "silent in the middle of much",
        stalling(OK + b"\r\nContent-Length: 99999\r\n\r\n" + b" " * (LIMIT + 1)),
        None,
        "backend_error",
    ),
)


@pytest.mark.parametrize("temper", TEMPERS, ids=str)
async def test_every_request_ends_in_one_outcome_and_one_line(tmp_path: Path, temper: Temper) -> None:
    async with before(tmp_path, temper.conversation) as (app, server):
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(REQUEST)
            got, was_reset = await client.to_end()
        line = await ended(app)
        assert was_reset == (temper.status is None)
        status = int(got.split(b" ")[1])
        assert status == (temper.status or 200)
        assert await app.moved(app.since, SIGNATURES) == {signed("java", temper.outcome): 1}
        assert line["event"] == ("signature.issued" if temper.outcome == "issued" else "signature.failed")
        if temper.outcome != "issued":
            assert (line["outcome"], line["backend"], line["route"]) == (temper.outcome, "java", "/sign")
            assert line["detail"]
        if status in (502, 504):
            assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == temper.outcome
            assert b"Access-Control-Allow-Origin: *\r\n" in got
            # Where a backend stands is for the operator, in the log.
            assert str(server.port).encode() not in got
            assert f"127.0.0.1:{server.port}" in line["detail"]


async def test_a_backend_that_is_down_is_asked_twice_and_explained(tmp_path: Path) -> None:
    port = unused_port()
    async with application(tmp_path, http_backend("java", f"http://127.0.0.1:{port}", "/sign")) as app:
        answer = await app.signature("/sign")
        assert (answer.status, answer.error[0]) == (502, "backend_error")
        assert str(port) not in answer.error[1]
        assert f"nothing answers at 127.0.0.1:{port}" in (await ended(app))["detail"]
        assert await app.moved(app.since, SIGNATURES, "joinwatch_backend_retries") == {
            signed("java", "backend_error"): 1,
            sample("joinwatch_backend_retries_total", backend="java"): 1,
        }


async def test_what_another_backend_signed_after_a_refused_connection_is_told_apart(tmp_path: Path) -> None:
    async with raw_server(replying(reply(JSON))) as server:
        backends = http_backend("dead", f"http://127.0.0.1:{unused_port()}") + http_backend(
            "live", server.url
        )
        # The weight makes it as good as certain that the dead one is asked.
        route = '[[routes]]\npath = "/sign"\nbackends = { dead = 1000000000, live = 1e-9 }\n'
        async with application(tmp_path, backends + route) as app:
            answer = await app.signature("/sign")
            assert answer.status == 200
            line = await ended(app)
            assert (line["asked_backend"], line["backend"]) == ("dead", "live")
            assert (await app.report(answer.headers["Join-Receipt"])).status == 204
            (row,) = app.rows()
            assert (row["asked"], row["signer"]) == ("dead", "live")
            assert await app.moved(
                app.since, SIGNATURES, "joinwatch_backend_retries", "joinwatch_joins_total"
            ) == {
                signed("live", "issued"): 1,
                sample("joinwatch_backend_retries_total", backend="dead"): 1,
                sample("joinwatch_joins_total", backend="live", outcome="invalid_signature"): 1,
            }


async def test_a_backend_that_began_to_answer_is_not_asked_again(tmp_path: Path) -> None:
    async with before(tmp_path, hanging_up(OK + b"\r\nContent-Length: 9\r\n\r\n{}")) as (app, server):
        await exchange(app)
        assert len(server.requests) == 1
        assert await app.moved(app.since, "joinwatch_backend_retries") == {}


async def test_a_pooled_connection_that_died_is_replaced_by_one_counted_retry(tmp_path: Path) -> None:
    died = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply(JSON))
        if died.is_set():
            return
        died.set()
        # The next request on this connection gets no answer.
        await peer.request()

    async with before(tmp_path, conversation) as (app, server):
        assert [(await app.signature("/sign")).status for _ in range(2)] == [200, 200]
        assert len(server.requests) == 3
        assert await app.moved(app.since, "joinwatch_backend_retries", SIGNATURES) == {
            sample("joinwatch_backend_retries_total", backend="java"): 1,
            signed("java", "issued"): 2,
        }


async def test_an_endless_body_ends_with_its_client(tmp_path: Path) -> None:
    async with before(tmp_path, repeating(OK + b"\r\nX: 1\r\n\r\n", b"x" * 4096)) as (app, server):
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(REQUEST)
            await client.until(b"\r\n\r\n")
            await client.exactly(2**20)
        assert (await ended(app))["outcome"] == "client_gone"
        async with asyncio.timeout(5):
            await server.closed_by_peer.wait()
        assert await app.moved(app.since, SIGNATURES) == {signed("java", "client_gone"): 1}


# Clients of every temper


async def test_a_client_that_leaves_a_slow_backend_is_counted_and_the_backend_let_go(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.until_closed()

    async with before(tmp_path, conversation, more="timeout_s = 30") as (app, server):
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(REQUEST)
            await asked.wait()
        line = await ended(app)
        assert (line["outcome"], line["backend"]) == ("client_gone", "java")
        async with asyncio.timeout(5):
            await server.closed_by_peer.wait()
        assert await app.moved(app.since, SIGNATURES) == {signed("java", "client_gone"): 1}


async def test_a_client_that_leaves_within_its_upload_is_counted(tmp_path: Path) -> None:
    async with before(tmp_path, replying(reply(JSON))) as (app, server):
        async with RawClient(app.joinwatch.public[1]) as client:
            await client.send(
                b"POST /sign HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n{"
            )
            await client.until(b"100 Continue\r\n\r\n")
        assert (await ended(app))["outcome"] == "client_gone"
        assert await app.moved(app.since, SIGNATURES) == {signed("java", "client_gone"): 1}
        assert server.requests == []


@pytest.mark.parametrize(
    ("framing", "status", "code"),
    [
        pytest.param(b"Content-Length: 1025\r\n\r\n", 413, "too_large", id="declared"),
        pytest.param(b"Content-Length: 1000000000000\r\n\r\n", 413, "too_large", id="a terabyte"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n401\r\n" + b"0" * 1025 + b"\r\n",
            413,
            "too_large",
            id="chunked",
        ),
        pytest.param(b"Content-Length: 1024\r\n\r\nabc", 408, "slow", id="slow"),
    ],
)
async def test_too_much_or_too_slow_a_request_is_refused(
    tmp_path: Path, framing: bytes, status: int, code: str
) -> None:
    async with raw_server(replying(reply(JSON))) as server:
        limits = "[limits]\nrequest_max_bytes = 1024\nclient_timeout_s = 0.2\n"
        async with application(tmp_path, http_backend("java", server.url, "/sign") + limits) as app:
            async with RawClient(app.joinwatch.public[1]) as client:
                await client.send(b"POST /sign HTTP/1.1\r\nHost: x\r\n" + framing)
                head = await client.until(b"\r\n\r\n")
                body = await client.exactly(int(re.findall(rb"Content-Length: (\d+)", head)[0]))
            assert int(head.split(b" ")[1]) == status
            assert json.loads(body)["error"]["code"] == code
            assert (await ended(app))["outcome"] == "rejected"
            assert await app.moved(app.since, SIGNATURES) == {signed("java", "rejected"): 1}
            assert server.requests == []


async def test_a_request_of_just_the_limit_reaches_the_backend_whole(tmp_path: Path) -> None:
    async with before(tmp_path, replying(reply(JSON)), rest="request_max_bytes = 300000\n") as (app, server):
        body = bytes(range(256)) * 1171 + b"x" * 224
        answer = await app.ask("POST", f"{app.public}/sign", data=body)
        assert answer.status == 200
        assert server.requests[0].body == body


async def test_a_rate_limit_is_kept_for_each_address_and_apart_for_preflights(tmp_path: Path) -> None:
    route, rest = 'rate_limit = "2/1m"', '[proxies]\ntrusted = ["127.0.0.1"]\n'
    async with before(tmp_path, replying(reply(JSON)), route=route, rest=rest) as (app, _):

        async def ask(address: str, method: str = "POST") -> int:
            headers = {"X-Forwarded-For": address}
            if method == "OPTIONS":
                headers["Access-Control-Request-Method"] = "POST"
            answer = await app.ask(method, f"{app.public}/sign", headers=headers)
            if answer.status == 429:
                assert answer.error[0] == "rate_limited"
                assert 0 < int(answer.headers["Retry-After"]) <= 30
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
            return answer.status

        assert [await ask("198.51.100.1") for _ in range(3)] == [200, 200, 429]
        assert [await ask("198.51.100.1", "OPTIONS") for _ in range(3)] == [200, 200, 429]
        assert await ask("198.51.100.2") == 200
        app.time.advance(30)
        assert await ask("198.51.100.1") == 200
        assert await app.moved(app.since, SIGNATURES) == {
            signed("java", "issued"): 4,
            signed("java", "rejected"): 2,
        }


@pytest.mark.parametrize(
    "conversation",
    [
        pytest.param(
            replying(reply(b"", b"Access-Control-Allow-Origin: *", line=b"HTTP/1.1 204 Ok")), id="allowed"
        ),
        pytest.param(replying(reply(JSON)), id="answered with a signature"),
        pytest.param(hanging_up(), id="broken"),
    ],
)
async def test_a_preflight_goes_to_the_backend_and_is_not_counted(
    tmp_path: Path, conversation: Conversation
) -> None:
    async with before(tmp_path, conversation, route='methods = ["POST"]') as (app, server):
        headers = {"Origin": "https://meet.example", "Access-Control-Request-Method": "POST"}
        answer = await app.ask("OPTIONS", f"{app.public}/sign", headers=headers)
        assert "Join-Receipt" not in answer.headers
        assert server.requests[0].line == "OPTIONS / HTTP/1.1"
        assert server.requests[0].values("Origin") == ["https://meet.example"]
        assert await app.moved(app.since, SIGNATURES) == {}
        assert [line for line in app.logs() if line["event"].startswith("signature.")] == []


# The native issuer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b"{", 400, id="half of an object"),
        pytest.param(b"[" * 100_000, 400, id="100000 open lists"),
        pytest.param(b'{"meetingNumber": "1", "role": 1}', 403, id="the host's role"),
        pytest.param(b'{"meetingNumber": "12 34", "role": 0}', 400, id="a number with a space"),
        pytest.param(b'{"meetingNumber": ' + b"9" * 5000 + b', "role": 0}', 400, id="5000 digits"),
        pytest.param(b'{"meetingNumber": "1", "role": 1e999}', 400, id="an infinite role"),
        pytest.param(b'{"meetingNumber": "1", "role": 1' + b"0" * 400 + b"}", 400, id="role 1e400"),
        pytest.param(b'{"meetingNumber": "\xff", "role": 0}', 400, id="a byte that is not UTF-8"),
        pytest.param(b'{"meetingNumber": "\\ud800", "role": 0}', 400, id="half a surrogate"),
        pytest.param(b'{"role": 0}', 400, id="no number"),
    ],
)
async def test_the_native_issuer_signs_nothing_that_it_should_not(
    tmp_path: Path, body: bytes, status: int
) -> None:
    async with application(tmp_path, NATIVE) as app:
        answer = await app.ask(
            "POST", f"{app.public}/", data=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status == status
        assert b"Traceback" not in answer.body
        assert "Join-Receipt" not in answer.headers
        assert (await ended(app))["event"] == "signature.failed"
        assert await app.moved(app.since, SIGNATURES) == {signed("native", "refused"): 1}


# What is learnt on the way


async def test_a_backends_clock_shows_up_once_its_date_was_seen(tmp_path: Path) -> None:
    gauge = sample("joinwatch_backend_clock_offset_seconds", backend="java")
    bound = sample("joinwatch_backend_clock_offset_bound_seconds", backend="java")
    # The proxy stands at 08:00:00.
    answer = reply(JSON, b"Date: Fri, 15 Jan 2027 08:00:40 GMT")
    async with before(tmp_path, replying(answer)) as (app, _):
        assert gauge not in app.since
        for _ in range(3):
            await app.signature("/sign")
        now = await app.metrics()
        assert abs(now[gauge] - 40) <= now[bound] <= 1.0
        issued = await app.logged("signature.issued", 3)
        assert issued[-1]["backend_clock_offset_s"] == pytest.approx(now[gauge])


async def test_a_replica_header_that_holds_a_part_of_the_signature_is_shown_as_a_digest(
    tmp_path: Path,
) -> None:
    signed = token(NOW - 60)
    part = signed.rpartition(".")[2]
    answer = reply(json.dumps({"signature": signed}).encode(), b"X-Served-By: " + part.encode())
    async with before(tmp_path, replying(answer), more='replica_header = "X-Served-By"\n') as (app, _):
        assert (await app.signature("/sign")).status == 200
        (line,) = await app.logged("signature.issued")
        assert line["replica"].startswith("sha256:")
        assert not any(part in each for each in app.out)


async def test_a_whole_line_about_a_signature(tmp_path: Path) -> None:
    rest = 'replica_header = "X-Served-By"\n'
    answer = reply(
        json.dumps({"data": [{"jwt": token(NOW - 60, session="x")}]}).encode(), b"X-Served-By: pod-7"
    )
    route = 'meeting_from = "json:/meetingNumber"\nrole_from = "query:role"'
    async with before(tmp_path, replying(answer), more=rest, route=route) as (app, _):
        await app.signature("/sign?role=1")
        line = await ended(app)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", line.pop("receipt"))
    assert line == {
        "timestamp": "2027-01-15T08:00:00.000Z",
        "level": "info",
        "event": "signature.issued",
        "sent_at": NOW,
        "route": "/sign",
        "backend": "java",
        "asked_backend": "java",
        "replica": "pod-7",
        "format": "meeting_sdk",
        "iat": NOW - 60,
        "exp": NOW + 7140,
        "iat_offset_s": -60.0,
        "iat_offset_bound_s": 0.0,
        # This host's own, as its kernel has it.
        "clock_offset_s": line["clock_offset_s"],
        "clock_bound_s": line["clock_bound_s"],
        "backend_clock_offset_s": None,
        "backend_clock_bound_s": None,
        "findings": ["request/role_lowered"],
        "claims": {
            "appKey": "te***_0",
            "sdkKey": "te***_0",
            "mn": "98***01",
            "role": 0,
            "iat": NOW - 60,
            "exp": NOW + 7140,
            "tokenExp": NOW + 7140,
            "unknown": ["session"],
        },
        "role": 0,
        "verdict": "ok",
        "status": 200,
        "duration_s": 0.0,
    }
