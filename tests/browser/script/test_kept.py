"""Results that wait in the browser: how many, how long, for another tab and for another run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from playwright.async_api import BrowserContext, async_playwright

from tests.support.app import ENVIRONMENT
from tests.support.child import running
from tests.support.joinwatch import Joinwatch, joinwatch, sample
from tests.support.real import require

from ..stage.joining import LEDGER_CONFIG, fail, rows, settled, sign, true, visit
from ..stage.plain import ARGUMENTS, Plain, until

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_more_than_fifty_waiting_and_what_is_dropped_is_told_once(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since, dropped = len(ledger.ledger_rows()), sample("joinwatch_client_dropped_results_total")
    before = (await ledger.metrics())[dropped]
    server.usual = None
    page = await visit(context, server)
    await sign(page, f"{ledger.public}/", 54)
    await page.evaluate(
        "(async () => { for (const one of signatures) { start(one); joins.at(-1).error(refused); await pause(5); } })()"
    )
    await server.delivered(54)
    await true(page, "localStorage['joinwatch:dropped'] === '4'")
    await server.delivered(70)  # Tried again, nothing more is given up.
    assert await page.evaluate("localStorage['joinwatch:dropped']") == "4"
    await page.close()
    page = await visit(context, server, ledger)
    found = await rows(ledger, since, 50)
    await true(page, "waiting().length === 0 && !('joinwatch:dropped' in localStorage)")
    issued = [line["receipt"] for line in await ledger.logged("signature.issued", 54)][-54:]
    assert {row["receipt_id"] for row in found} == set(issued[4:])
    assert min(row["attempt"] for row in found) > 1
    assert (await ledger.metrics())[dropped] == before + 4


async def test_a_result_that_has_waited_for_more_than_two_days_is_dropped(
    context: BrowserContext, server: Plain
) -> None:
    server.usual = None
    page = await visit(context, server)
    await fail(page)
    await true(page, "waiting().length === 1")
    await page.close()
    page = await visit(context, server)
    await page.evaluate("age('result', 49)")
    await page.close()
    server.usual, before = 204, len(server.results())
    page = await visit(context, server)
    await true(page, "localStorage['joinwatch:dropped'] === '1'")
    await fail(page)
    await server.delivered(before + 1)
    (found,) = server.results()[before:]
    assert (found["dropped"], found["attempt"], found["receipt"]) == (1, 1, "receipt-2")
    await true(page, "!('joinwatch:dropped' in localStorage)")


_UNREADABLE: Final = ["not JSON", "null", "7", '{"wall": %d}', '{"wall": %d, "result": null}']


async def test_kept_values_that_cannot_be_read_do_not_stop_the_others(
    context: BrowserContext, server: Plain
) -> None:
    server.usual = None
    page = await visit(context, server)
    await fail(page)
    await true(page, "waiting().length === 1")
    odd = "(text, n) => (localStorage['joinwatch:result:' + n] = text.replace('%d', Date.now() - 9e4))"
    await page.evaluate(f"(all) => all.forEach({odd})", _UNREADABLE)
    await page.close()
    server.usual, before = 204, len(server.results())
    page = await visit(context, server)
    await server.delivered(before + 1)
    assert server.results()[before]["receipt"] == "receipt-1"
    await true(page, "!kept().some(({ result }) => result)")


async def test_two_tabs_that_deliver_the_same_result_are_one_row(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since = len(ledger.ledger_rows())
    server.usual = None
    page = await visit(context, server)
    await sign(page, f"{ledger.public}/")
    await page.evaluate("{ start(signatures[0]); joins[0].error(refused); }")
    await true(page, "waiting().length === 1")
    await page.close()
    tabs = await asyncio.gather(*(visit(context, server, ledger) for _ in range(2)))
    for tab in tabs:
        await true(tab, "waiting().length === 0")
        await settled(tab)
    (row,) = await rows(ledger, since)
    assert (row["attempt"], row["dropped"], row["outcome"]) == (2, 0, "invalid_signature")


async def test_joinwatch_is_down_and_the_browser_is_killed(server: Plain, tmp_path: Path) -> None:
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        async with joinwatch(tmp_path, LEDGER_CONFIG, ENVIRONMENT) as watch, _killed(profile) as context:
            page = await visit(context, server, watch)
            await sign(page, f"{watch.public}/")
            await watch.kill()
            await page.evaluate("{ start(signatures[0]); joins[0].error(refused); }")
            await true(page, "waiting().length === 1")
            name = (await page.evaluate("waiting()[0]")).encode()
            await until(lambda: _on_disk(Path(profile), name) or None, "result on disk", 20)
        async with joinwatch(tmp_path, LEDGER_CONFIG, ENVIRONMENT) as watch, _killed(profile) as context:
            page = await visit(context, server, watch)
            (row,) = await rows(watch, 0)
            assert (row["outcome"], row["code"], row["attempt"] > 1) == ("invalid_signature", "3712", True)
            await true(page, "waiting().length === 0")
            await page.goto(page.url)
            # The script looks into storage after a second; a timer that is set later and is longer ends after that.
            await page.evaluate("new Promise((looked) => setTimeout(looked, 1100))")
            assert await page.evaluate("sent") == 0
        assert len(watch.ledger_rows()) == 1


@asynccontextmanager
async def _killed(profile: str) -> AsyncIterator[BrowserContext]:
    """A Chromium with this profile, killed at the end."""
    command = (require("chromium"), "--headless", "--no-sandbox", *ARGUMENTS, "--remote-debugging-port=0")
    async with running(
        *command,
        "--enable-aggressive-domstorage-flushing",  # sooner; still some seconds
        f"--user-data-dir={profile}",
        env={"HOME": profile},
    ) as child:
        found = await child.match(r"DevTools listening on (ws://\S+)")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.connect_over_cdp(found[1])
            yield browser.contexts[0]
            await child.stop(signal.SIGKILL)


def _on_disk(profile: Path, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in profile.glob("*/Local Storage/leveldb/*.log"))
