"""Reading a body within its bounds, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from proxy.web.bodies import UPLOADS, BodyBroken, BodyTooLarge, Uploads, read_body
from tests.support.servers import RawClient

LIMIT = 1000
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def reading(ends: list[str]) -> AsyncIterator[int]:
    """A server that reads each request's body and notes how that ended; its port."""

    async def handle(request: web.Request) -> web.Response:
        try:
            body = await read_body(request, limit=LIMIT, timeout_s=0.2)
            ends.append(f"{len(body)} bytes")
        except BaseException as error:
            ends.append(type(error).__name__)
            if not isinstance(error, BodyTooLarge | BodyBroken | TimeoutError):
                raise
        return web.Response()

    app = web.Application()
    app[UPLOADS] = Uploads()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, handler_cancellation=True, auto_decompress=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def sized(size: int, body: bytes | None = None) -> bytes:
    """A request with that Content-Length."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % size + (b"x" * size if body is None else body)


def chunks(*sizes: int) -> bytes:
    """A chunked body of these chunks, without its end."""
    return b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes)


@pytest.mark.parametrize(
    ("pieces", "end"),
    [
        pytest.param((HEAD + b"\r\n",), "0 bytes", id="none"),
        pytest.param((sized(0),), "0 bytes", id="empty"),
        pytest.param((sized(LIMIT),), "1000 bytes", id="of just the limit"),
        pytest.param((sized(LIMIT + 1),), "BodyTooLarge", id="a byte too much"),
        pytest.param((sized(10**12, b""),), "BodyTooLarge", id="a terabyte announced"),
        pytest.param((CHUNKED + chunks(400, 600) + b"0\r\n\r\n",), "1000 bytes", id="in chunks"),
        pytest.param((CHUNKED + chunks(400, 601) + b"0\r\n\r\n",), "BodyTooLarge", id="chunks, too much"),
        pytest.param((CHUNKED + chunks(400), chunks(700)), "BodyTooLarge", id="too much without an end"),
        pytest.param((CHUNKED + chunks(*[1] * 900), b"0\r\n\r\n"), "900 bytes", id="900 chunks of a byte"),
        pytest.param((sized(50, b"x" * 20), b"x" * 30), "50 bytes", id="in two pieces"),
        pytest.param((sized(50, b"x" * 20),), "TimeoutError", id="half of it and then nothing"),
        pytest.param((CHUNKED + chunks(5),), "TimeoutError", id="a chunk and then nothing"),
    ],
)
async def test_a_body_is_read_within_its_bounds(pieces: tuple[bytes, ...], end: str) -> None:
    ends: list[str] = []
    async with reading(ends) as port, RawClient(port) as client:
        for piece in pieces:
            await client.send(piece)
        assert (await client.until(b"\r\n")).startswith(b"HTTP/1.1 200")
    assert ends == [end]


async def test_a_trickle_does_not_buy_more_time() -> None:
    ends: list[str] = []
    async with reading(ends) as port, RawClient(port) as client:
        await client.send(sized(50, b""))
        while not ends:
            await client.send(b"x")
            await _tick()
    assert ends == ["TimeoutError"]


async def test_a_client_that_leaves_ends_the_reading() -> None:
    ends: list[str] = []
    async with reading(ends) as port:
        async with RawClient(port) as client:
            await client.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 50\r\n\r\nhalf")
            await client.until(b"100 Continue\r\n\r\n")
        while not ends:
            await _tick()
    assert ends in (["CancelledError"], ["BodyBroken"])


async def _tick() -> None:
    await asyncio.sleep(0.01)
