"""Reading a request's body: bounded in size and in time."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import StreamReader, web


class BodyTooLarge(Exception):
    """The body has more bytes than allowed."""


class BodyBroken(Exception):
    """The connection ended, or its framing broke, within the body."""


class Uploads:
    """The bodies that are still on their way.

    Whoever closes a server waits for them first: while aiohttp shuts down, it throws away what still comes.
    """

    def __init__(self) -> None:
        self.closing = False
        """The server takes no more connections: those that are open are closed after their reply."""
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._count += 1
        self._none.clear()

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def finished(self) -> None:
        """Wait until none is on its way; each takes no longer than its time limit."""
        await self._none.wait()


UPLOADS: Final = web.AppKey("uploads", Uploads)
"""Every application that reads bodies has its own."""


def is_closing(request: web.BaseRequest) -> bool:
    """Whether this connection should end with its reply, because the server is going down."""
    return isinstance(request, web.Request) and UPLOADS in request.app and request.app[UPLOADS].closing


async def expect(request: web.Request) -> None:
    """For aiohttp: 100-continue is granted, and no other expectation costs anything (RFC 9110 section 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def read_body(request: web.Request, *, limit: int, timeout_s: float) -> bytes:
    """The raw body, still in its content coding. Raises BodyTooLarge, BodyBroken, or TimeoutError after `timeout_s`."""
    if not request.body_exists:
        return b""
    content = request.content
    if content.is_eof():
        # The whole body came with the head: the usual case, without a timer.
        body = content.read_nowait()
    elif (request.content_length or 0) > limit:
        raise BodyTooLarge
    else:
        try:
            with request.app[UPLOADS]:
                body = await _rest(content, limit, timeout_s)
        except (web.RequestPayloadError, ConnectionError):
            raise BodyBroken from None
    if len(body) > limit:
        raise BodyTooLarge
    return body


async def _rest(content: StreamReader, limit: int, timeout_s: float) -> bytes:
    """What is still to come, little more than `limit` bytes of it."""
    chunks = bytearray()
    async with asyncio.timeout(timeout_s):
        async for chunk in content.iter_any():
            chunks += chunk
            if len(chunks) > limit:
                break
    return bytes(chunks)
