"""Reading a request's body: bounded in size and in time."""

from __future__ import annotations

import asyncio

from aiohttp import web


class BodyTooLarge(Exception):
    """The body has more bytes than allowed."""


async def read_body(request: web.Request, *, limit: int, timeout_s: float) -> bytes:
    """The raw body, still in its content coding. Raises BodyTooLarge, or TimeoutError after `timeout_s`."""
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > limit:
        raise BodyTooLarge
    content = request.content
    if content.is_eof():
        # The whole body came with the head: the usual case, without a timer.
        body = content.read_nowait()
    else:
        chunks = bytearray()
        async with asyncio.timeout(timeout_s):
            async for chunk in content.iter_any():
                chunks += chunk
                if len(chunks) > limit:
                    break
        body = bytes(chunks)
    if len(body) > limit:
        raise BodyTooLarge
    return body
