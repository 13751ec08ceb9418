"""A loopback server for hand-written pages, and a Chromium for them: what the script asks for is kept as it came."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from proxy.web.page_script import BUILT
from tests.support.app import token
from tests.support.real import require
from tests.support.tokens import NOW

from .browser import QUIET

_T = TypeVar("_T")

ARGUMENTS: Final = (
    *QUIET,
    "--host-resolver-rules=MAP pages.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
"""What Chromium is started with: nothing but loopback can be reached, once more under a name that is not secure."""

TAG: Final = '<script src="/join-results.js"></script>'

OPEN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After, Join-Receipt",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""As joinwatch answers."""

PRELUDE: Final = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Page</title><script>
window.log = [];
const show = (value) =>
  typeof value === "function" ? `function ${value.name}/${value.length}`
  : value instanceof Error || value instanceof DOMException ? `${value.name}: ${value.message}`
  : value === undefined ? "undefined"
  : value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? `bytes ${value.byteLength}`
  : Array.isArray(value) ? value.map(show)
  : value === Object(value) && !Object.keys(value).length ? Object.prototype.toString.call(value)
  : value;
const say = (...values) => void log.push(values.map(show));
addEventListener("unhandledrejection", (event) => say("unhandledrejection", event.reason));
addEventListener("error", (event) => say("error", event.message));
const over = () => void fetch("/done?" + location.pathname, { method: "POST" });
const finished = (work) => void work().catch((error) => say("threw", error)).then(over);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
</script>
"""
"""`say` writes to the page's log, as JSON can carry it; `finished(async () => …)` is the page's work."""


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came; `at` is the event loop's time."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def result(self) -> dict[str, Any]:
        """The join result that it carries."""
        result: dict[str, Any] = json.loads(self.body)
        return result


Answer = int | tuple[int, dict[str, str]] | None
"""Status, also with header fields; None closes the connection without a word."""


@dataclass(slots=True)
class Plain:
    """The running server. It plays the customer's pages, joinwatch and Zoom; what is set here holds from now on."""

    port: int = 0
    pages: dict[str, str | Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(
        default_factory=dict
    )
    """Documents, or handlers, by path."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with each document."""
    answers: list[Answer] = field(default_factory=list)
    """For the deliveries to come, in order; `usual` for those after them."""
    usual: Answer = 204
    got: list[Got] = field(default_factory=list)
    signatures: int = 0

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://127.0.0.1:{self.port}"

    def page(self, html: str, path: str = "/page") -> str:
        """Serve this document; its address."""
        self.pages[path] = html
        return self.url + path

    def deliveries(self) -> list[Got]:
        """The requests to /join-results so far: every one, whatever its method."""
        return [one for one in self.got if one.path.endswith("/join-results")]

    def results(self) -> list[dict[str, Any]]:
        """The join results that came so far."""
        return [one.result for one in self.deliveries() if one.method == "POST"]

    def outcomes(self) -> list[str]:
        """What they say in the end, by their ids."""
        return list({one["id"]: str(one["outcome"]) for one in self.results()}.values())

    async def delivered(self, count: int = 1, timeout_s: float = 10.0) -> list[Got]:
        """The deliveries, as soon as there are so many."""
        what = f"{count} deliveries"
        return await until(lambda: got if len(got := self.deliveries()) >= count else None, what, timeout_s)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        fields = {name.lower(): value for name, value in request.headers.items()}
        at = asyncio.get_running_loop().time()
        got = Got(request.method, request.path_qs, fields, await request.read(), at)
        self.got.append(got)
        page = self.pages.get(request.path)
        if isinstance(page, str):
            return web.Response(text=page, content_type="text/html", headers=self.headers)
        if page is not None:
            return await page(request)
        match request.path.rpartition("/")[2]:
            case "join-results.js":
                return web.Response(body=BUILT, content_type="text/javascript", headers=OPEN)
            case "join-results":
                return self._answer(request)
            case "signature":
                self.signatures += 1
                body = {"signature": signature(self.signatures)}
                return web.json_response(body, headers={**OPEN, "Join-Receipt": f"receipt-{self.signatures}"})
            case "done":
                return web.Response(status=204)
            case "info":
                return web.json_response({"status": True}, headers=OPEN)
            case _:
                return web.Response(status=404, headers=OPEN)

    def _answer(self, request: web.Request) -> web.Response:
        answer = self.answers.pop(0) if self.answers else self.usual
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        return web.Response(status=status, headers={**OPEN, **more})


def signature(number: int) -> str:
    """The signature that goes with `receipt-<number>`."""
    return token(NOW, jti=number)


@asynccontextmanager
async def plain() -> AsyncIterator[Plain]:
    """A server on a port of its own."""
    server = Plain()
    app = web.Application(client_max_size=2**20)
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def plain_chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium without a window, for pages on loopback."""
    path = require("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=list(ARGUMENTS), chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


async def finish(page: Page, server: Plain, url: str) -> list[list[Any]]:
    """Visit a page that says when it is done; its log. Until then nothing of Playwright runs on it."""

    def done() -> int:
        return sum(got.path == f"/done?{urlsplit(url).path}" for got in server.got)

    before = done()
    await page.goto(url, wait_until="commit")
    await until(lambda: done() > before or None, "end of the page's work")
    found: list[list[Any]] = await page.evaluate("log")
    return found


async def until(look: Callable[[], _T | None], what: str, timeout_s: float = 10.0) -> _T:
    """What `look` finds, asked every 20 ms."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while (found := look()) is None:
        assert loop.time() < deadline, f"no {what} within {timeout_s:g} s"
        await asyncio.sleep(0.02)
    return found
