"""Deliveries that do not arrive at once: what is tried again, when, and what is given up."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext

from ..stage.joining import MOMENT_MS, fail, settled, true, visit
from ..stage.plain import Answer, Plain

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize(
    ("answer", "earliest_ms", "latest_ms"),
    [
        (None, 1000, 2000),
        (429, 1000, 2000),
        *((status, 1000, 2000) for status in (502, 503, 504)),
        ((429, {"Retry-After": "7"}), 7000, 7000),
        ((503, {"Retry-After": "400"}), 400_000, 400_000),
        ((503, {"Retry-After": "0"}), 1000, 2000),
        ((503, {"Retry-After": "-5"}), 1000, 2000),
        ((503, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}), 1000, 2000),
    ],
    ids=str,
)
async def test_tried_again(
    context: BrowserContext, server: Plain, answer: Answer, earliest_ms: int, latest_ms: int
) -> None:
    server.answers = [answer]
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await fail(page)
    await page.clock.run_for(MOMENT_MS)
    await true(page, "waiting().length === 1")
    await page.clock.run_for(earliest_ms - MOMENT_MS - 10)
    assert await page.evaluate("sent") == 1
    await page.clock.run_for(latest_ms - earliest_ms + MOMENT_MS + 20)
    first, second = [got.result for got in await server.delivered(2)]
    assert (first.pop("attempt"), second.pop("attempt")) == (1, 2)
    assert first == second
    await true(page, "waiting().length === 0")
    await page.clock.run_for(900_000)
    assert await page.evaluate("sent") == 2


@pytest.mark.parametrize("value", ["99999999", "Infinity", "1e300"])
async def test_an_absurd_retry_after_does_not_make_it_try_at_once(
    context: BrowserContext, server: Plain, value: str
) -> None:
    server.usual = (503, {"Retry-After": value})
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await fail(page)
    await page.clock.run_for(MOMENT_MS)
    await true(page, "waiting().length === 1")
    await page.clock.run_for(900_000)
    assert await page.evaluate("sent") == 1


async def test_each_time_it_waits_twice_as_long(context: BrowserContext, server: Plain) -> None:
    server.usual = 503
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await fail(page)
    await page.clock.run_for(MOMENT_MS)
    for attempt, longest_ms in enumerate(
        [2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000], 1
    ):
        await true(page, f"kept()[0]?.attempt === {attempt}")
        await page.clock.run_for(longest_ms // 2 - MOMENT_MS - 10)
        assert await page.evaluate("sent") == attempt
        await page.clock.run_for(longest_ms // 2 + MOMENT_MS + 20)
        assert await page.evaluate("sent") == attempt + 1
    got = server.results()
    assert [one["attempt"] for one in got] == list(range(1, len(got) + 1))
    assert len({(one["id"], one["age_ms"], one["join_ms"]) for one in got}) == 1


@pytest.mark.parametrize(
    ("answer", "dropped"),
    [
        *((status, 0) for status in (204, 400, 403, 413)),
        *((status, 1) for status in (200, 404, 405, 500)),
        ((302, {"Location": "/login"}), 1),
        (302, 1),
    ],
    ids=str,
)
async def test_not_tried_again(context: BrowserContext, server: Plain, answer: Answer, dropped: int) -> None:
    """Only 204 says "stored"; joinwatch itself counts what it refuses, and other answers are not its own."""
    server.answers = [answer]
    server.pages["/login"] = "<p>Log in first</p>"
    await context.clock.install()
    page = await visit(context, server)
    await fail(page)
    await server.delivered()
    await settled(page)
    await page.clock.run_for(1_000_000)
    assert await page.evaluate("[sent, waiting().length]") == [1, 0]
    await fail(page)
    await page.clock.run_for(MOMENT_MS)
    await server.delivered(2)
    first, second = server.results()
    assert (first["dropped"], second["dropped"], second["attempt"]) == (0, dropped, 1)
    await true(page, "!('joinwatch:dropped' in localStorage)")
