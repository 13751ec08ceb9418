"""A small HTTP server on a free port of the loopback interface."""

from __future__ import annotations

from contextlib import AsyncExitStack

from aiohttp import web


async def serve(stack: AsyncExitStack, app: web.Application) -> str:
    """Serve an application until the stack is left; its URL."""
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"
