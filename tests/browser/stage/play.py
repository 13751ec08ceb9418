"""The same visit on a page with the script and on one without: what both saw, and what Zoom was asked, is equal."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Error, Page

from tests.support.joinwatch import Joinwatch

from .browser import Visit, chromium, visit
from .pages import Pages, View, Way, customers_pages
from .sdk import installed
from .zoom import Asked, Zoom, zoom_us

_DEADLINE_S: Final = 40.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One browser and one Zoom; `watched` are the pages that have the tag, `plain` the same without it."""

    browser: Browser
    zoom: Zoom
    plain: Pages
    watched: Pages


@asynccontextmanager
async def staged(folder: Path, tls: ssl.SSLContext) -> AsyncIterator[Stage]:
    """The stage for one test module."""
    sdk = await asyncio.to_thread(installed)
    (folder / "bundles").mkdir()
    async with AsyncExitStack() as stack:
        zoom = await stack.enter_async_context(zoom_us(sdk, tls))
        plain = await stack.enter_async_context(customers_pages(sdk, folder / "bundles"))
        watched = await stack.enter_async_context(customers_pages(sdk, folder / "bundles"))
        yield Stage(await stack.enter_async_context(chromium(zoom)), zoom, plain, watched)


@dataclass(slots=True)
class Run:
    """One person's visit to one page."""

    stage: Stage
    pages: Pages
    way: Way
    visit: Visit
    page: Page
    signatures: list[str] = field(default_factory=list)

    async def press(self) -> None:
        """Press the page's own button, which may lie below what the SDK has put over it."""
        await self.page.dispatch_event("#join", "click")

    async def asked(self, count: int = 1) -> list[Asked]:
        """What Zoom was asked by this page, as soon as that was so often."""
        return await self.stage.zoom.until_asked(count, self.pages.origin)

    async def until(self, script: str) -> Any:
        """What a script finds as soon as that is something. Not Playwright's own way, which a strict CSP forbids."""
        async with asyncio.timeout(_DEADLINE_S):
            while True:
                try:
                    if found := await self.page.evaluate(script):
                        return found
                except Error as error:
                    if "context was destroyed" not in error.message:  # the page goes elsewhere
                        raise
                await asyncio.sleep(0.02)

    async def ended(self, times: int = 1) -> None:
        """Wait until the SDK has told the page so often that the join failed."""
        what = "join error" if self.way.view is View.CLIENT else "join rejected"
        await self.until(f"seen.filter(({{what}}) => what === '{what}').length >= {times}")

    async def told(self) -> list[dict[str, Any]]:
        """All that the page was told, but for the times in it."""
        seen: list[dict[str, Any]] = json.loads(
            json.dumps(await self.page.evaluate("seen")), object_hook=_timeless
        )
        return seen

    async def failure(self) -> dict[str, Any]:
        """The SDK's own error object as the page got it first."""
        ends = [one for one in await self.told() if one["what"] in {"join error", "join rejected"}]
        failure: dict[str, Any] = ends[0]["values"][0]
        return failure

    async def complained(self, text: str) -> None:
        """Wait until this is among the complaints."""
        async with asyncio.timeout(_DEADLINE_S):
            while text not in self.complaints():
                await asyncio.sleep(0.02)

    def complaints(self) -> list[str]:
        """What the console and the browser complained about, on all pages."""
        said = [line for line in self.visit.console if line.startswith(("warning", "error"))]
        return sorted(self._neutral(line) for line in said + self.visit.errors)

    def questions(self) -> list[tuple[str, dict[str, Any]]]:
        """What Zoom was asked, comparable: without the times in signatures and the ports in addresses."""
        return [(one.method, self._comparable(one)) for one in self.stage.zoom.asked_by(self.pages.origin)]

    def _comparable(self, asked: Asked) -> dict[str, Any]:
        params: dict[str, Any] = dict(asked.params)
        for name in ("sdkUrl", "sdkOrigin"):
            # In a waiting room 6.2.0 asks once more, with "undefined" for these.
            if params.get(name, "undefined") != "undefined":
                params[name] = self._neutral(base64.urlsafe_b64decode(params[name] + "==").decode())
        if params["signature"].startswith("ey") and params["signature"].count(".") == 2:
            times = {"iat", "exp", "tokenExp"}
            params["signature"] = {key: value for key, value in asked.claims().items() if key not in times}
        return {
            key: self._neutral(value) if isinstance(value, str) else value for key, value in params.items()
        }

    def _neutral(self, text: str) -> str:
        text = text.replace(self.pages.origin, "ORIGIN")
        return re.sub(r"ey[\w-]+\.ey[\w-]+\.[\w-]+|(?<=:)\d+(?=[:)])", "…", text)


def _timeless(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in {"time", "timeStr"}}


async def join(run: Run) -> None:
    """Press the button and wait for the failure."""
    await run.press()
    await run.ended()


Play = Callable[[Run], Awaitable[None]]
"""What the person does, up to the end of what the page is to see."""


@asynccontextmanager
async def opened(
    stage: Stage, pages: Pages, watch: Joinwatch, way: Way, *, routes: str = "/", **settings: Any
) -> AsyncIterator[Run]:
    """One visit; `routes` are joinwatch's, comma separated, and the page joins with the first one's signature."""
    endpoints = ",".join(watch.public + route for route in routes.split(","))
    if pages is stage.watched:
        pages.tag = f'<script src="{watch.public}/join-results.js"></script>'
    async with visit(stage.browser) as one:
        page = await one.open(pages.url(way, endpoints, **settings))
        yield Run(stage, pages, way, one, page)


@asynccontextmanager
async def alike(
    stage: Stage, watch: Joinwatch, way: Way, play: Play, *, noise: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[Run]:
    """Play on both pages at once and compare; gives the visit with the script, which is still on its page.

    `noise` is what the script alone makes the browser write on the console.
    """
    stage.zoom.asked.clear()
    async with (
        opened(stage, stage.plain, watch, way, **settings) as without,
        opened(stage, stage.watched, watch, way, **settings) as with_script,
    ):
        await asyncio.gather(play(without), play(with_script))
        assert await with_script.told() == await without.told()
        assert with_script.questions() == without.questions()
        assert with_script.complaints() == sorted([*without.complaints(), *noise])
        await without.visit.context.close()
        yield with_script
