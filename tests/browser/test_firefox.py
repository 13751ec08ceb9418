"""What Firefox does otherwise than Chromium may matter: the same script, the same SDKs, a few of the same stories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.browser.stage.firefox import PageError, firefox
from tests.support.servers import self_signed

_PAGE = """<!doctype html><title>Page</title><script>
console.log("said", 1);
setTimeout(() => { throw new Error("not caught"); });
</script>"""


@asynccontextmanager
async def _site(app: web.Application, tls: object = None) -> AsyncIterator[int]:
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()  # type: ignore[arg-type]
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_pages_reach_loopback_and_the_zoom_that_the_test_plays_and_nothing_else(tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def zoom(request: web.Request) -> web.Response:
        said = f"{request.method} {request.host}{request.path}"
        return web.Response(text=said, headers={"Access-Control-Allow-Origin": "*"})

    pages, zoom_us = web.Application(), web.Application()
    pages.router.add_get("/", page)
    zoom_us.router.add_route("*", "/{path:.*}", zoom)
    tls, _ = self_signed(tmp_path)
    async with _site(pages) as port, _site(zoom_us, tls) as zoom_port:
        async with firefox({"zoom.us:443": zoom_port}) as browser:
            tab = await browser.open(f"http://127.0.0.1:{port}/")
            assert await tab.evaluate("document.title") == "Page"
            answer = "fetch('https://zoom.us/api', {method: 'POST'}).then((reply) => reply.text())"
            assert await tab.evaluate(answer) == "POST zoom.us/api"
            with pytest.raises(PageError, match="NetworkError"):
                await tab.evaluate("fetch('https://zoom.example/')")
            await tab.close()
            assert browser.refused == ["zoom.example:443"]
            assert browser.console == ["log: said 1"]
            assert browser.errors[0] == "Error: not caught"
