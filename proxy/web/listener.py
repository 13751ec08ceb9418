"""A listener: where an application is served, how connections are kept, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from aiohttp import web

from .access import AccessLog
from .bodies import UPLOADS, Uploads

Address = tuple[str, int]
"""Host (IPv6 without brackets) and port (0: any free one)."""

KEEPALIVE_S: Final = 75.0
"""Longer than the idle time of common balancers (60 s), so that they never reuse a connection that we just closed."""

SHUTDOWN_S: Final = 30.0
"""How long requests in flight may take once the process goes down."""

MAX_HEAD_BYTES: Final = 16384


BACKLOG: Final = 128


async def listen(
    stack: AsyncExitStack,
    app: web.Application,
    address: Address,
    access_log: type[AccessLog] | None,
    *,
    head_timeout_s: float,
) -> Address:
    """Serve an application; leaving the stack stops accepting, then waits for the requests in flight.

    A new connection has `head_timeout_s` for the head of its first request, those after it have KEEPALIVE_S from the
    reply before. Raises OSError where the address cannot be bound.
    """
    app.on_response_prepare.append(_without_versions)
    # A stream may be silent for hours: only its cancellation tells that the client has gone.
    runner = web.AppRunner(app, handle_signals=False, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    handlers = runner.server
    assert handlers is not None, "the runner is set up"
    loop = asyncio.get_running_loop()
    access_logger = logging.getLogger("joinwatch.access") if access_log else None

    def accepted() -> _Connection:
        return _Connection(
            handlers,
            head_timeout_s=head_timeout_s,
            loop=loop,
            # Bodies are inflated by us, within bounds, and sent on as they came.
            auto_decompress=False,
            keepalive_timeout=KEEPALIVE_S,
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            access_log_class=access_log or AccessLog,
            access_log=access_logger,
        )

    server = await loop.create_server(accepted, *address, backlog=BACKLOG)
    stack.push_async_callback(_stop, server, app.get(UPLOADS))
    bound = server.sockets[0].getsockname()
    return str(bound[0]), int(bound[1])


class _Connection(web.RequestHandler):
    """One connection, closed if no request's head has come in time: aiohttp itself leaves it KEEPALIVE_S."""

    __slots__ = ("_head_timeout_s", "_head_timer")

    def __init__(self, handlers: web.Server, *, head_timeout_s: float, **options: Any) -> None:
        super().__init__(handlers, **options)
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_timer = self._loop.call_later(self._head_timeout_s, self._close_without_request)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().connection_lost(exc)

    def _close_without_request(self) -> None:
        # Looked at once, when the time is over: a timer ended by the first request would cost every read a look.
        self._head_timer = None
        if not self._request_count:
            self.force_close()


async def _without_versions(_request: web.Request, response: web.StreamResponse) -> None:
    """Which versions answer is nobody's business."""
    response.headers.pop("Server", None)


async def _stop(server: asyncio.Server, uploads: Uploads | None) -> None:
    """Take no more connections, and wait for the requests that have not come whole."""
    server.close()
    if uploads is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(uploads.finished(), SHUTDOWN_S)


def url_of(address: Address) -> str:
    """The address as a browser takes it."""
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
