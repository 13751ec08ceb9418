"""The same script in Firefox: the real SDKs' refusals, and what a browser does on its own when a page goes away."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.browser.stage.firefox import Firefox, PageError, Tab, firefox
from tests.browser.stage.pages import WAYS, Pages, View, Way, customers_pages
from tests.browser.stage.sdk import installed
from tests.browser.stage.zoom import Behaviour, Zoom, zoom_us
from tests.support.app import ENVIRONMENT, NATIVE
from tests.support.joinwatch import Joinwatch, joinwatch
from tests.support.secrets import KEY
from tests.support.servers import self_signed

_HOSTS = ("zoom.us", "source.zoom.us")
_JOINWATCH = ENVIRONMENT | {"TEST_KEY": KEY.ljust(36, "0")}  # 2.8.0's Client View wants 36 characters.
_COMPONENT = Way(View.COMPONENT, "6.2.0")
_ENDED = "seen.find(({what}) => what === 'join error' || what === 'join rejected')"

_PAGE = """<!doctype html><title>Page</title><script>
console.log("said", 1);
setTimeout(() => { throw new Error("not caught"); });
</script>"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A person's Firefox, a customer's pages and Zoom."""

    browser: Firefox
    pages: Pages
    zoom: Zoom

    async def join(self, way: Way, watch: Joinwatch) -> Tab:
        """Open the page and press its button."""
        tab = await self.ready(way, watch)
        await tab.evaluate("void document.getElementById('join').click()")
        return tab

    async def ready(self, way: Way, watch: Joinwatch) -> Tab:
        """Open the page and let it load all that it wants."""
        tab = await self.browser.open(self.pages.url(way, f"{watch.public}/"))
        await tab.until("document.readyState === 'complete'")
        return tab


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """All that is not joinwatch; afterwards nobody may have asked for what is not there."""
    sdk = await asyncio.to_thread(installed)
    tls, _ = self_signed(folder)
    async with (
        zoom_us(sdk, tls) as zoom,
        customers_pages(sdk, folder) as pages,
        firefox({f"{host}:443": zoom.port for host in _HOSTS}) as browser,
    ):
        yield Stage(browser, pages, zoom)
        assert browser.refused == []


def _tag(watch: Joinwatch) -> str:
    return f'<script src="{watch.public}/join-results.js"></script>'


async def _only_row(watch: Joinwatch) -> dict[str, Any]:
    """The ledger's one row, once joinwatch has come to its end."""
    await watch.logged("join.reported")
    await watch.terminate()
    (row,) = watch.ledger_rows()
    return row


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_refused_join_is_one_row_and_the_page_sees_what_it_sees_without_us(
    tmp_path: Path, way: Way
) -> None:
    async with staged(tmp_path) as stage, joinwatch(tmp_path, NATIVE, _JOINWATCH) as watch:
        without = await stage.join(way, watch)
        usual = await without.until(_ENDED)
        await without.close()

        stage.pages.tag = _tag(watch)
        tab = await stage.join(way, watch)
        assert await tab.until(_ENDED) == usual
        await watch.logged("join.reported")
        await tab.close()  # Leaving must not report the join again.
        row = await _only_row(watch)

        expected = {
            "asked": "native",
            "outcome": "invalid_signature",
            "code": "3712",
            "view": way.view,
            "sdk_version": way.version,
            "attempt": 1,
            "age_asked": "seen",
            "age_clock": "monotonic",
            "suspended": 0,
            "signature_intact": 1,
            "meeting_matches": 1,
            "dropped": 0,
            "origin": stage.pages.origin,
            "late": 0,
        }
        assert {name: row[name] for name in expected} == expected
        assert usual["values"][0]["errorCode"] == 3712
        assert -0.1 < stage.zoom.asked[-1].at - row["joined_at"] < 5
        assert stage.browser.errors == []


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_page_left_at_the_refusal_itself_has_still_reported_it(tmp_path: Path, way: Way) -> None:
    leaving = """void (note = (what) => {
        if (what === "join error" || what === "join rejected") location.href = "/left.html";
    })"""
    async with staged(tmp_path) as stage, joinwatch(tmp_path, NATIVE, _JOINWATCH) as watch:
        stage.pages.tag = _tag(watch)
        tab = await stage.ready(way, watch)
        await tab.evaluate(leaving)
        await tab.evaluate("void document.getElementById('join').click()")
        row = await _only_row(watch)
        assert (row["outcome"], row["code"], row["view"]) == ("invalid_signature", "3712", way.view)


async def test_a_tab_closed_before_zoom_answers_is_one_row_without_a_result(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, joinwatch(tmp_path, NATIVE, _JOINWATCH) as watch:
        stage.pages.tag = _tag(watch)
        stage.zoom.behaviour = Behaviour.SILENT
        tab = await stage.join(_COMPONENT, watch)
        await stage.zoom.until_asked()
        await tab.close()
        row = await _only_row(watch)
        found = {name: row[name] for name in ("outcome", "code", "join_ms", "signature_intact")}
        assert found == {
            "outcome": "no_result",
            "code": None,
            "join_ms": None,
            "signature_intact": 1,
        }


async def test_results_that_found_nobody_are_delivered_at_the_next_page_view(tmp_path: Path) -> None:
    waiting = "Object.keys(localStorage).filter((key) => key.startsWith('joinwatch:result:')).length"
    async with staged(tmp_path) as stage:
        async with joinwatch(tmp_path, NATIVE, _JOINWATCH) as watch:
            stage.pages.tag = _tag(watch)
            tab = await stage.ready(_COMPONENT, watch)
            await tab.evaluate("getSignature().then((reply) => void (window.reply = reply))")
        await tab.evaluate("startMeeting(ZoomMtgEmbedded.createClient(), reply)")
        assert await tab.until(waiting) == 1
        await tab.close()

        async with joinwatch(tmp_path, NATIVE, _JOINWATCH) as watch:
            stage.pages.tag = _tag(watch)
            tab = await stage.ready(_COMPONENT, watch)
            await watch.logged("join.reported")
            await tab.until(f"{waiting} === 0")
            row = await _only_row(watch)
            assert (row["outcome"], row["code"], row["attempt"] > 1) == ("invalid_signature", "3712", True)


async def test_pages_reach_loopback_and_the_zoom_that_the_test_plays_and_nothing_else(tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def zoom(request: web.Request) -> web.Response:
        said = f"{request.method} {request.host}{request.path}"
        return web.Response(text=said, headers={"Access-Control-Allow-Origin": "*"})

    tls, _ = self_signed(tmp_path)
    async with (
        _answering(page) as port,
        _answering(zoom, tls) as zoom_port,
        firefox({"zoom.us:443": zoom_port}) as browser,
    ):
        tab = await browser.open(f"http://127.0.0.1:{port}/")
        assert await tab.evaluate("document.title") == "Page"
        asking = "fetch('https://zoom.us/api', {method: 'POST'}).then((reply) => reply.text())"
        assert await tab.evaluate(asking) == "POST zoom.us/api"
        with pytest.raises(PageError, match="NetworkError"):
            await tab.evaluate("fetch('https://zoom.example/')")
        await tab.close()
        assert browser.refused == ["zoom.example:443"]
        assert browser.console == ["log: said 1"]
        assert browser.errors[0] == "Error: not caught"


@asynccontextmanager
async def _answering(handler: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server with one handler for all paths; its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
