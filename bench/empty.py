"""The yardstick: an aiohttp server whose POST handler reads the body and answers nothing. Prints `listening PORT`."""

from __future__ import annotations

import asyncio

from aiohttp import web

KEEPALIVE_S = 75.0
"""As joinwatch keeps its connections."""


async def handle(request: web.Request) -> web.Response:
    """Read the body; that is all."""
    await request.read()
    return web.Response()


async def main() -> None:
    """Serve on a free loopback port until the process is ended."""
    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print("listening", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
