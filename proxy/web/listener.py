"""A listener: where an application is served, how connections are kept, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import Final

from aiohttp import web

from .access import AccessLog
from .bodies import UPLOADS, Uploads, is_closing

Address = tuple[str, int]
"""Host (IPv6 without brackets) and port (0: any free one)."""

KEEPALIVE_S: Final = 75.0
"""Longer than the idle time of common balancers (60 s), so that they never reuse a connection that we just closed."""

SHUTDOWN_S: Final = 7.0
"""How long requests in flight may take once the process goes down. Waited for up to three times (for uploads, for
handlers, and for cancelled handlers): together less than the 30 s that Kubernetes grants."""

MAX_HEAD_BYTES: Final = 16384


async def listen(
    stack: AsyncExitStack, app: web.Application, address: Address, access_log: type[AccessLog] | None
) -> Address:
    """Serve an application; leaving the stack stops accepting, then waits for the requests in flight."""
    app.on_response_prepare.append(_without_versions)
    runner = web.AppRunner(
        app,
        handle_signals=False,
        # A stream may be silent for hours: only its cancellation tells that the client has gone.
        handler_cancellation=True,
        # Bodies are inflated by us, within bounds, and sent on as they came.
        auto_decompress=False,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
        max_line_size=MAX_HEAD_BYTES,
        max_field_size=MAX_HEAD_BYTES,
        access_log_class=access_log or AccessLog,
        access_log=logging.getLogger("joinwatch.access") if access_log else None,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, port = address
    site = web.TCPSite(runner, host, port)
    await site.start()
    if UPLOADS in app:
        stack.push_async_callback(_finish_uploads, site, app[UPLOADS])
    bound = runner.addresses[0]
    return str(bound[0]), int(bound[1])


async def _without_versions(request: web.Request, response: web.StreamResponse) -> None:
    """Which versions answer is nobody's business."""
    response.headers.pop("Server", None)
    if is_closing(request):
        response.headers["Connection"] = "close"
        response.force_close()


async def _finish_uploads(site: web.TCPSite, uploads: Uploads) -> None:
    """Take no more connections, and wait for the requests that have not come whole."""
    uploads.closing = True
    await site.stop()
    with suppress(TimeoutError):
        await asyncio.wait_for(uploads.finished(), SHUTDOWN_S)


def url_of(address: Address) -> str:
    """The address as a browser takes it."""
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
