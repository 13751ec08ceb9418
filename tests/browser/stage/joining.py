"""A page whose joins the test itself starts and ends, and whose deliveries it counts."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from playwright.async_api import BrowserContext, Page

from tests.support.app import NATIVE
from tests.support.joinwatch import Joinwatch

from .plain import PRELUDE, TAG, Plain, until

LEDGER_CONFIG: Final = NATIVE + '[results]\nrate_limit = "6000/1m"\n'
"""Of a joinwatch that takes as many results as tests send."""

MOMENT_MS: Final = 100
"""The script waits a moment before it reports, for what may still be told."""

_PAGE: Final = (
    PRELUDE
    + """<script>
    // The script keeps the fetch that it finds.
    const native = fetch;
    let sent = 0;
    window.fetch = (...given) => (String(given[0]).endsWith("/join-results") && sent++, native(...given));
</script>{tag}<script>
    const joins = [];
    window.ZoomMtg = { join: (options) => void joins.push(options) };
    // Signatures of the same second for the same meeting would be the same.
    const sign = async (url, number = 0) => {
        const body = JSON.stringify({ meetingNumber: String(98765432101 + number), role: 0 });
        const headers = { "Content-Type": "application/json" };
        return (await (await fetch(url, { method: "POST", headers, body })).json()).signature;
    };
    const start = (signature, more) => ZoomMtg.join({
        signature, meetingNumber: "98765432101", success() {}, error() {}, ...more,
    });
    const refused = { method: "join", status: false, errorCode: 3712, errorMessage: "Signature is invalid." };
    const waiting = () => Object.keys(localStorage).filter((name) => name.startsWith("joinwatch:result:"));
    const kept = () => waiting().map((name) => JSON.parse(localStorage[name]));
    const age = (kind, hours) => {
        for (const area of [localStorage, sessionStorage])
        for (const name of Object.keys(area).filter((name) => name.startsWith("joinwatch:" + kind))) {
            const value = JSON.parse(area[name]);
            area[name] = JSON.stringify({ ...value, wall: value.wall - hours * 3600e3 });
        }
    };
</script>"""
)
"""`joins` are the options that the SDK got; `age` makes what is kept older."""


async def visit(context: BrowserContext, server: Plain, to: Joinwatch | None = None) -> Page:
    """A tab with the page: its results go to the server, or to a joinwatch."""
    page = await context.new_page()
    tag = TAG if to is None else f'<script src="{to.public}/join-results.js"></script>'
    await page.goto(server.page(_PAGE.replace("{tag}", tag)))
    return page


async def sign(page: Page, url: str = "/signature", count: int = 1) -> None:
    """Ask for signatures, one after the other: `signatures` of the page."""
    each = "while (count--) signatures.push(await sign(url, count));"
    await page.evaluate(f"async ([url, count]) => {{ window.signatures = []; {each} }}", [url, count])


async def fail(page: Page) -> None:
    """A join with the first signature that is refused at once."""
    await sign(page)
    await page.evaluate("{ start(signatures[0]); joins.at(-1).error(refused); }")


async def rows(ledger: Joinwatch, since: int, count: int = 1) -> list[dict[str, Any]]:
    """The ledger's rows after the first `since`, as soon as there are so many."""
    return await until(
        lambda: r if len(r := ledger.ledger_rows()[since:]) >= count else None, f"{count} rows"
    )


async def true(page: Page, expression: str) -> None:
    """Wait for it, also where the page's clock stands."""
    async with asyncio.timeout(10):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.02)


async def settled(page: Page) -> None:
    """The page has seen the answers of all that it has sent."""
    await page.evaluate("native('/nothing')")
    await page.evaluate("native('/nothing').then(() => new Promise((done) => queueMicrotask(done)))")
