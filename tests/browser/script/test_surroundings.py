"""Policies, frames, prefixes and other origins: the script works there and makes no noise."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.support.joinwatch import Joinwatch

from ..stage.browser import Visit
from ..stage.plain import PRELUDE, Plain, finish, signature, until
from ..stage.refusing import refusing, signature_for_any_page, tag_of

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def row_of(ledger: Joinwatch, since: int) -> dict[str, Any]:
    await until(lambda: len(ledger.ledger_rows()) > since or None, "row")
    (row,) = ledger.ledger_rows()[since:]
    return row


async def test_under_the_strictest_policy(person: Visit, server: Plain, ledger: Joinwatch) -> None:
    since = len(ledger.ledger_rows())
    server.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-x'; connect-src {ledger.public} 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Referrer-Policy": "no-referrer",
    }
    html = refusing(tag_of(ledger.public), f"say(crossOriginIsolated); await join('{ledger.public}/');")
    html = html.replace('<link rel="icon" href="data:,">', "").replace("<script", '<script nonce="x"')
    page = await person.context.new_page()
    assert (await finish(page, server, server.page(html)))[-1] == ["error", 3712]
    row = await row_of(ledger, since)
    assert (row["outcome"], row["age_clock"], row["attempt"]) == ("invalid_signature", "monotonic", 1)


async def test_replies_of_other_origins_make_no_noise(person: Visit, server: Plain, other: Plain) -> None:
    async def hidden(request: web.Request) -> web.StreamResponse:
        headers = {"Access-Control-Allow-Origin": "*", "Join-Receipt": "receipt-hidden"}
        return web.json_response({"signature": signature(7)}, headers=headers)

    other.pages["/hidden"] = hidden
    work = f"""for (const name of ["signature", "hidden", "none"]) {{
            const url = "{other.url}/" + name;
            say(name, (await fetch(url)).headers.get("join-receipt"));
            await fetch(url, {{ mode: "no-cors" }});
            const xhr = new XMLHttpRequest(); xhr.open("GET", url); xhr.send();
            await new Promise((resolve) => (xhr.onload = resolve));
            say(name, xhr.status);
        }}"""
    other.pages["/none"] = "<p>no receipt</p>"
    other.headers = {"Access-Control-Allow-Origin": "*"}
    found = await finish(
        await person.context.new_page(), server, server.page(refusing(tag_of(other.url), work))
    )
    assert [entry[:2] for entry in found if entry[1] != 200] == [
        ["signature", "receipt-1"],
        ["hidden", None],
        ["none", None],
    ]
    assert other.deliveries() == []


async def test_in_a_frame_without_storage(person: Visit, server: Plain, other: Plain) -> None:
    other.pages["/signature"] = signature_for_any_page
    work = f"""try {{ say(localStorage.length); }} catch (error) {{ say(error.name); }}
        await join("{other.url}/signature"); parent.postMessage(log, "*");"""
    server.pages["/frame"] = refusing(tag_of(other.url), work + "await new Promise(() => {});")
    outer = """<iframe sandbox="allow-scripts" src="/frame"></iframe><script>
        finished(async () => say(...(await new Promise((done) => addEventListener("message", done))).data));</script>"""
    found = await finish(await person.context.new_page(), server, server.page(PRELUDE + outer))
    assert found == [[["SecurityError"], ["error", 3712]]]
    await other.delivered()
    assert other.results()[0]["receipt"] == "receipt-1"
    assert other.deliveries()[0].headers["origin"] == "null"


async def test_on_a_page_that_is_not_secure(person: Visit, server: Plain, other: Plain) -> None:
    other.pages["/signature"] = signature_for_any_page
    work = f"say(isSecureContext, typeof crypto.subtle); await join('{other.url}/signature');"
    server.page(refusing(tag_of(other.url), work))
    url = f"http://pages.test:{server.port}/page"
    found = await finish(await person.context.new_page(), server, url)
    assert found == [[False, "undefined"], ["error", 3712]]
    await other.delivered()
    assert other.results()[0]["receipt"] == "receipt-1"
    assert other.deliveries()[0].headers["origin"] == f"http://pages.test:{server.port}"


async def test_behind_a_path_prefix(person: Visit, server: Plain, ledger: Joinwatch) -> None:
    since = len(ledger.ledger_rows())

    async def proxy(request: web.Request) -> web.StreamResponse:
        to = ledger.public + request.path.removeprefix("/zoom")
        headers = {
            name: value for name, value in request.headers.items() if name in ("Content-Type", "Origin")
        }
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, to, data=await request.read(), headers=headers) as reply,
        ):
            kept = {
                name: value
                for name, value in reply.headers.items()
                if name in ("Content-Type", "Join-Receipt")
            }
            return web.Response(status=reply.status, body=await reply.read(), headers=kept)

    for path in ("/zoom/join-results.js", "/zoom/join-results", "/zoom/"):
        server.pages[path] = proxy
    server.page(
        refusing(
            '<base href="/elsewhere/"><script src="/zoom/join-results.js?v=1#x"></script>',
            "await join('/zoom/');",
        )
    )
    await finish(await person.context.new_page(), server, server.url + "/page")
    row = await row_of(ledger, since)
    assert (row["outcome"], row["origin"]) == ("invalid_signature", server.url)
    assert [got.path for got in server.deliveries()] == ["/zoom/join-results"]
