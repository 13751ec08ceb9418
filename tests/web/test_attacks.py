"""What an attacker found once, and must not find again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.support.app import NATIVE, application, http_backend, signed, token
from tests.support.servers import RawClient, raw_server, replying

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def _reply(text: bytes) -> bytes:
    return REPLY % (len(text), text)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_no_method_that_repeats_our_headers_is_sent_on(tmp_path: Path, method: str) -> None:
    async with raw_server(replying(_reply(b"{}"))) as server:
        config = NATIVE + http_backend("java", server.url, "/sign")
        async with application(tmp_path, config) as app, RawClient(app.joinwatch.public[1]) as client:
            await client.send(f"{method} /sign HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await client.until(b"\r\n\r\n")
            assert head.split(b" ")[1] in (b"405", b"404", b"400")
        assert not server.requests


async def test_options_is_no_way_round_the_limit_and_the_count(tmp_path: Path) -> None:
    body = b'{"signature": "%b"}' % token(1_800_000_000).encode()
    async with raw_server(replying(*[_reply(body)] * 3)) as server:
        config = NATIVE + http_backend("java", server.url, "/sign", route='rate_limit = "2/1h"')
        async with application(tmp_path, config) as app:
            statuses = [(await app.ask("OPTIONS", f"{app.public}/sign")).status for _ in range(3)]
            assert statuses == [200, 200, 429]
            moved = await app.moved(app.since, "joinwatch_signatures_total")
            assert moved == {signed("java", "issued"): 2, signed("java", "rejected"): 1}


async def test_what_a_backend_sends_after_its_reply_is_nobodys_reply(tmp_path: Path) -> None:
    stray = _reply(b'{"for": "somebody else"}')
    async with raw_server(replying(_reply(b'{"for": 1}') + stray, _reply(b'{"for": 2}'))) as server:
        config = NATIVE + http_backend("java", server.url, "/sign")
        async with application(tmp_path, config) as app:
            first = await app.ask("POST", f"{app.public}/sign")
            second = await app.ask("POST", f"{app.public}/sign")
        assert (first.status, first.body) == (200, b'{"for": 1}')
        assert second.body != b'{"for": "somebody else"}'


async def test_a_client_that_asks_on_and_never_reads_is_not_answered_on(tmp_path: Path) -> None:
    body = b'{"meetingNumber":"98765432101","role":0}'
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    request += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    asked = 20_000
    async with application(tmp_path) as app:
        reader, writer = await asyncio.open_connection(*app.joinwatch.public)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2):
                for _ in range(asked):
                    writer.write(request)
                    await writer.drain()
        issued = signed("native", "issued")
        assert (await app.metrics())[issued] < asked / 2
        writer.transport.abort()
        assert reader.at_eof() is False
        assert (await app.signature()).status == 200
