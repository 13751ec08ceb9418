"""What the page fetches: replies, bodies, errors and promises are the same with the tag and without it."""

from __future__ import annotations

from typing import Any, Final

import pytest
from aiohttp import web
from playwright.async_api import Page

from ..stage.pairs import same_with_the_tag
from ..stage.plain import OPEN, Plain, signature

pytestmark = pytest.mark.asyncio(loop_scope="package")

_TOKEN: Final = signature(1)


async def _slow(request: web.Request) -> web.StreamResponse:
    reply = web.StreamResponse(headers={**OPEN, "Join-Receipt": "receipt-1"})
    await reply.prepare(request)
    for piece in (b'{"signature": "', _TOKEN.encode(), b'"}'):
        await reply.write(piece)
    return reply


async def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut(request: web.Request) -> web.StreamResponse:
    headers = {**OPEN, "Join-Receipt": "receipt-1", "Content-Length": "5000"}
    reply = web.StreamResponse(headers=headers)
    await reply.prepare(request)
    await reply.write(b'{"signature": "')
    return await _reset(request)


def _fixed(body: str, kind: str = "application/json", **more: str) -> Any:
    async def serve(request: web.Request) -> web.StreamResponse:
        echo = (await request.text()) if request.method == "POST" else ""
        return web.Response(text=body + echo, content_type=kind, headers={**OPEN, **more})

    return serve


_WITH_RECEIPT: Final = {"Join-Receipt": "receipt-1"}
REPLIES: Final[dict[str, Any]] = {
    "/json": _fixed(f'{{"signature": "{_TOKEN}"}}', **_WITH_RECEIPT),
    "/echo": _fixed("sent: ", "text/plain", **_WITH_RECEIPT),
    "/html": _fixed(f"<p>{_TOKEN}</p>", "text/html", **_WITH_RECEIPT),
    "/plain": _fixed('{"signature": "none"}'),
    "/slow": _slow,
    "/reset": _reset,
    "/cut": _cut,
}

FETCHES: Final = {
    "all ways to read": """for (const url of ["/json", "/plain", "/slow"])
        for (const way of ["text", "json", "arrayBuffer", "bytes"])
        { const reply = await fetch(url); say(reply.bodyUsed, way, await reply[way](), reply.bodyUsed); }""",
    "blob, form": """say((await (await fetch("/json")).blob()).size);
        await (await fetch("/json")).formData().catch((error) => say(error));""",
    "a stream": """const reader = (await fetch("/slow")).body.getReader(); let size = 0;
        for (let piece; !(piece = await reader.read()).done;) size += piece.value.length;
        say(size);""",
    "a byte stream": """const reader = (await fetch("/json")).body.getReader({ mode: "byob" });
        say((await reader.read(new Uint8Array(20))).value.length);""",
    "cancelled": """const reply = await fetch("/slow"); await reply.body.cancel(); say(reply.bodyUsed);
        await reply.text().catch((error) => say(error));""",
    "clones": """const reply = await fetch("/json"), other = reply.clone();
        say(await other.text(), await reply.text()); try { reply.clone(); } catch (error) { say(error); }""",
    "read twice": """const reply = await fetch("/json"); await reply.text();
        await reply.text().catch((error) => say(error));""",
    "what a reply is": """const reply = await fetch("/json");
        say(reply.url, reply.status, reply.type, reply.redirected);
        say([...reply.headers.keys()], reply instanceof Response);""",
    "fails, handled": """await fetch("/reset").catch((error) => say(error)); await pause(30);""",
    "fails, not handled": """say(); fetch("/reset"); await pause(100);""",
    "no address": """await fetch().catch((error) => say(error));
        await fetch("http://[").catch((error) => say(error));""",
    "cut short": """const reply = await fetch("/cut"); say(reply.status);
        await reply.text().catch((error) => say(error)); await pause(30);""",
    "aborted": """const control = new AbortController(), work = fetch("/json", { signal: control.signal });
        control.abort("reason"); await work.catch((error) => say(error)); await pause(30);""",
    "aborted in the body": """const control = new AbortController();
        const reply = await fetch("/json", { signal: control.signal }); control.abort();
        await reply.text().then(() => say("read"), (error) => say(error.name)); await pause(30);""",
    "a Request": """const request = new Request("/echo", { method: "POST", body: "hello" });
        say(await (await fetch(request)).text(), request.bodyUsed);""",
    "a Request with options": """const reply = await fetch(new Request("/echo"), { method: "POST", body: "more" });
        say(await reply.text());""",
    "for another": """say(fetch.name, fetch.length, Object.keys(window).includes("fetch"));
        for (const self of [undefined, window, self])
        say(await (await fetch.call(self, "/plain")).text());
        try { await fetch.call({}, "/plain"); } catch (error) { say(error); }""",
    "no-cors": """const reply = await fetch("/json", { mode: "no-cors" }); say(reply.type, await reply.text());""",
}


def _xhr(setting: str, then: str = "await once();") -> str:
    return f"""const xhr = new XMLHttpRequest(); const seen = [];
        for (const name of ["readystatechange", "loadstart", "load", "error", "abort", "loadend"])
            xhr.addEventListener(name, () => seen.push(name + xhr.readyState));
        const once = () => new Promise((resolve) => xhr.addEventListener("loadend", resolve, {{ once: true }}));
        {setting} {then} say(seen, xhr.status, xhr.getResponseHeader("join-receipt"));"""


XHRS: Final = {
    **{
        f"as {kind or 'text'}": _xhr(
            f'xhr.open("GET", "/{"html" if kind == "document" else "json"}"); xhr.responseType = "{kind}"; xhr.send();',
            "await once(); say(xhr.response?.size, xhr.response, xhr.response === xhr.response);",
        )
        for kind in ("", "text", "json", "arraybuffer", "blob", "document")
    },
    "synchronous": _xhr('xhr.open("GET", "/json", false); xhr.send(); say(xhr.responseText);', ""),
    "with a body": _xhr(
        'xhr.open("POST", "/echo"); xhr.send("hello");', "await once(); say(xhr.responseText);"
    ),
    "aborted": _xhr('xhr.open("GET", "/json"); xhr.send(); xhr.abort();', ""),
    "used again": _xhr(
        'xhr.open("GET", "/json"); xhr.send(); await once(); xhr.open("GET", "/plain"); xhr.send();',
        "await once(); say(xhr.responseText);",
    ),
    "opened over": _xhr('xhr.open("GET", "/slow"); xhr.send(); xhr.open("GET", "/plain"); xhr.send();'),
    "failing": _xhr('xhr.open("GET", "/reset"); xhr.send();'),
    "failing at once": """for (const given of [[], ["GET"], ["CONNECT", "/"], ["GET", "http://["]])
        try { new XMLHttpRequest().open(...given); } catch (error) { say(error); }
        try { XMLHttpRequest.prototype.open.call({}, "GET", "/"); } catch (error) { say(error); }
        say(XMLHttpRequest.prototype.open.name, XMLHttpRequest.prototype.open.length);""",
    "onreadystatechange": """const xhr = new XMLHttpRequest(); xhr.open("GET", "/json"); xhr.send();
        await new Promise((resolve) => { xhr.onreadystatechange = () => xhr.readyState === 4 && resolve(); });
        say(xhr.responseText);""",
}


@pytest.mark.parametrize("name", [*FETCHES, *(f"XHR {name}" for name in XHRS)])
async def test_requests(tabs: tuple[Page, Page], server: Plain, name: str) -> None:
    server.pages |= REPLIES
    work = FETCHES.get(name) or XHRS[name.removeprefix("XHR ")]
    await same_with_the_tag(tabs, server, f"{{tag}}<script>finished(async () => {{ {work} }});</script>")
