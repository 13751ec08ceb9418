"""The real Chromium, driven by Playwright: what it is started with, and what its pages say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.real import require

from .zoom import Zoom

QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Nothing of Chromium's own goes out."""

_ARGUMENTS: Final = (
    *QUIET,
    "--ignore-certificate-errors",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@dataclass(slots=True)
class Visit:
    """One person's browser profile; `console` and `errors` are what all its pages said."""

    context: BrowserContext
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def open(self, url: str) -> Page:
        """A new tab at this address, as soon as its document is there."""
        page = await self.context.new_page()
        await page.goto(url, wait_until="domcontentloaded")
        return page


@asynccontextmanager
async def chromium(zoom: Zoom) -> AsyncIterator[Browser]:
    """Debian's Chromium without a window, in which zoom.us is the given server and the internet is not there."""
    path = require("chromium")
    async with async_playwright() as playwright:
        arguments = [*_ARGUMENTS, f"--host-resolver-rules={zoom.resolver_rules()}"]
        browser = await playwright.chromium.launch(
            executable_path=path, args=arguments, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(browser: Browser, **options: Any) -> AsyncIterator[Visit]:
    """A fresh profile: no storage, no cache."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    found = Visit(context)
    context.on("console", lambda message: found.console.append(f"{message.type}: {message.text}"))
    context.on("weberror", lambda error: found.errors.append(str(error.error)))
    try:
        yield found
    finally:
        await context.close()


async def pass_time(page: Page, ms: float) -> None:
    """Let this page's clock (timers, timeouts, `performance.now()`) run so far at once, and stop it there."""
    session = await page.context.new_cdp_session(page)
    passed = asyncio.Event()
    session.on("Emulation.virtualTimeBudgetExpired", lambda _: passed.set())
    await session.send("Emulation.setVirtualTimePolicy", {"policy": "advance", "budget": ms})
    async with asyncio.timeout(30):
        await passed.wait()
