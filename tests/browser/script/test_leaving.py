"""Pages that are left, closed or come back: what is known by then is delivered."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page

from tests.support.joinwatch import Joinwatch, sample

from ..stage.joining import rows, sign, true, visit
from ..stage.plain import PRELUDE, Plain, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

_LEAVING: Final = {
    "navigation": "{ joins[0].error(refused); location.href = '/left'; }",
    "window.close": "{ joins[0].error(refused); window.close(); }",
    "the page is closed": "joins[0].error(refused)",
    "the browser window is closed": "joins[0].error(refused)",
    "an error callback that reloads": "{ location.reload(); joins[0].error(refused); }",
    "while joining": "0",
}


@pytest.mark.parametrize("how", _LEAVING)
async def test_a_page_that_goes_away(browser: Browser, server: Plain, ledger: Joinwatch, how: str) -> None:
    since = len(ledger.ledger_rows())
    server.pages["/left"] = PRELUDE
    context = await browser.new_context()
    page = await visit(context, server, ledger)
    if how == "window.close":  # A script can close only what a script has opened.
        async with context.expect_page() as opening:
            await page.evaluate("void window.open(location.href)")
        page = await opening.value
        await page.wait_for_load_state()
    await sign(page, f"{ledger.public}/")
    await page.evaluate("start(signatures[0])")
    # What closes the page must not take the answer to this very call with it, nor may the profile close meanwhile.
    work = _LEAVING[how]
    later = "(work) => void setTimeout(work, 20)"
    if "location" in work:
        async with page.expect_navigation():
            await page.evaluate(later, work)
    elif "window" in work:
        async with page.expect_event("close"):
            await page.evaluate(later, work)
    else:
        await page.evaluate("(work) => void eval(work)", work)
    if how in ("the page is closed", "while joining"):
        await page.close()
    elif how == "the browser window is closed":
        await context.close()
    expected = ("no_result", None) if how == "while joining" else ("invalid_signature", "3712")

    def found() -> bool | None:
        # What is told as no_result while the page goes may be told better a moment later.
        told = [(row["outcome"], row["code"], row["origin"]) for row in ledger.ledger_rows()[since:]]
        return told == [(*expected, server.url)] or None

    await until(found, "row as expected")
    await context.close()
    assert len(ledger.ledger_rows()) == since + 1


_NO_STORAGE: Final = """for (const area of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, area, { get() { throw new DOMException("refused", "SecurityError"); } });"""


async def test_the_last_result_outlives_its_page(context: BrowserContext, server: Plain) -> None:
    """No later page can deliver it, and while the page is there its request has no connection to go on."""
    await context.add_init_script(_NO_STORAGE)
    page = await visit(context, server)
    await sign(page)
    await _use_up_connections(page, server)
    await page.evaluate("{ start(signatures[0]); joins[0].error(refused); }")
    await true(page, "sent === 1")
    assert server.deliveries() == []
    await page.close()
    (got,) = await server.delivered()
    assert (got.result["receipt"], got.result["outcome"]) == ("receipt-1", "failed")
    assert got.headers["sec-fetch-mode"] == "cors"


async def test_where_there_is_no_keepalive_a_beacon_outlives_the_page(
    context: BrowserContext, server: Plain
) -> None:
    await context.add_init_script(_NO_STORAGE + "delete Request.prototype.keepalive;")
    page = await visit(context, server)
    await sign(page)
    await _use_up_connections(page, server)
    await page.evaluate("start(signatures[0])")
    await page.close()
    (got,) = await server.delivered()
    assert (got.result["receipt"], got.result["outcome"]) == ("receipt-1", "no_result")
    assert (got.headers["sec-fetch-mode"], got.headers["content-type"]) == (
        "no-cors",
        "text/plain;charset=UTF-8",
    )


async def _use_up_connections(page: Page, server: Plain) -> None:
    """Chromium opens six to a server for requests without cookies: more of them wait until the page is gone."""

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    server.pages["/hang"] = hang
    await page.evaluate("() => { for (let n = 6; n--;) void native('/hang?' + n, { credentials: 'omit' }); }")
    await until(lambda: sum("/hang" in got.path for got in server.got) == 6 or None, "six requests")


async def test_a_page_that_comes_back_replaces_its_no_result(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since = len(ledger.ledger_rows())
    resolved = sample("joinwatch_no_result_resolved_total", backend="native")
    before = (await ledger.metrics())[resolved]
    page = await visit(context, server, ledger)
    await sign(page, f"{ledger.public}/")
    await page.evaluate("start(signatures[0])")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    (row,) = await rows(ledger, since)
    assert row["outcome"] == "no_result"
    await page.evaluate("joins[0].success()")
    await until(lambda: ledger.ledger_rows()[since]["outcome"] == "joined" or None, "replaced row")
    assert len(ledger.ledger_rows()) == since + 1
    assert (await ledger.metrics())[resolved] == before + 1
    await true(page, "waiting().length === 0")


async def test_forty_long_results_when_the_page_goes_are_all_delivered_or_kept(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    await sign(page, count=40)
    await page.evaluate("""{
        const long = Object.fromEntries(["type", "method", "result", "reason", "errorMessage", "name", "message"]
            .map((name) => [name, "long words ".repeat(18)]));
        signatures.forEach((one) => start(one));
        joins.forEach((one) => one.error(long));
        dispatchEvent(new PageTransitionEvent("pagehide"));
    }""")
    await page.close()
    server.usual = None
    other = await visit(context, server)
    kept = [one["result"]["receipt"] for one in await other.evaluate("kept()")]
    delivered = {one["receipt"] for one in server.results() if one["attempt"] == 1}
    assert min(len(got.body) for got in server.deliveries()) > 1400
    assert sorted({*kept, *delivered}) == sorted(f"receipt-{number}" for number in range(1, 41))
    assert await other.evaluate("localStorage['joinwatch:dropped']") is None
