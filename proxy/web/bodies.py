"""Reading a request's body: bounded in size and in time."""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader, web


class BodyTooLarge(Exception):
    """The body has more bytes than allowed."""


class BodyBroken(Exception):
    """The connection ended, or its framing broke, within the body."""


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
