"""Whatever a page or an SDK does: with the tag on it the page writes the very log that it writes without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page

from .stage.plain import OPEN, PRELUDE, TAG, Plain, finish, plain, plain_chromium, signature, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


Log = list[list[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """A page: `work` is the body of an async function, `sdk` that of the join function of what stands for the SDK."""

    name: str
    work: str
    sdk: str = "return null;"
    reported: str = "joined"
    """The outcomes that are delivered where the tag is there, once the page is left."""

    def __str__(self) -> str:
        return self.name


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all."""
    async with plain_chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tabs(browser: Browser) -> tuple[Page, Page]:
    """One for the page without the tag, one for the page with it. Each test has an origin of its own."""
    context = await browser.new_context()
    return await context.new_page(), await context.new_page()


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[Plain]:
    """Pages, replies and joinwatch, of one origin."""
    async with plain() as found:
        yield found


async def both(tabs: tuple[Page, Page], server: Plain, html: str) -> tuple[Log, Log]:
    """The logs of the page without and with the tag at `{tag}`."""
    without = server.page(PRELUDE + html.replace("{tag}", ""), "/without")
    with_tag = server.page(PRELUDE + html.replace("{tag}", TAG), "/with")
    return await asyncio.gather(finish(tabs[0], server, without), finish(tabs[1], server, with_tag))


async def same_with_the_tag(
    tabs: tuple[Page, Page], server: Plain, html: str, reported: str = "", times: int = 1
) -> None:
    """Compare the logs, and the outcomes that are delivered once the page is left."""
    without, found = await both(tabs, server, html)
    assert found == without
    assert found, "the page has said nothing"
    await tabs[1].goto("about:blank")
    outcomes = sorted(reported.split() * times)
    # One that is told as no_result first is told again by the end.
    await until(lambda: sorted(server.outcomes()) == outcomes or None, f"{outcomes}: {server.outcomes()}", 3)


def _page(case: Case, kinds: dict[str, str]) -> str:
    """One page, on which each kind of SDK has its turn."""
    each = "".join(
        f"""say("{kind}"); await (async () => {{
            let sdk;
            const join = function join(options) {{ {case.sdk} }};
            {make}
            {case.work}
        }})().catch((error) => say("threw", error));"""
        for kind, make in kinds.items()
    )
    return (
        f"""{{tag}}<script>const kept = new TypeError("own"); finished(async () => {{ {each} }});</script>"""
    )


_TOKEN: Final = signature(1)
_JOIN: Final = f"""
    const options = {{
        signature: "{_TOKEN}", meetingNumber: 98765432101, userName: "A Person",
        success(value) {{ say("success", this === options, [...arguments]); return "from success"; }},
        error(value) {{ say("error", this === options, [...arguments]); return "from error"; }},
    }};
    say("returned", ZoomMtg.join(options));
"""

_CLIENTS: Final = {
    "plain": "sdk = { join };",
    "proxy": """sdk = new Proxy({ init() {} }, {
        get: (target, name) => name === "join" ? join : target[name],
        set: (target, name, value) => { target[name] = value; return true; },
    });""",
    "prototype": "class Zoom {} Zoom.prototype.join = join; sdk = new Zoom();",
    "getter": 'sdk = Object.defineProperty({}, "join", { get: () => join, enumerable: true });',
    "frozen": "sdk = Object.freeze({ join });",
}

CLIENTS: Final = {kind: f"{make} window.ZoomMtg = sdk;" for kind, make in _CLIENTS.items()}

_REPORTED: Final = len(CLIENTS) - 1
"""No function can stand in for one of a frozen object."""

CLIENT_CASES: Final = (
    Case("no argument", "say(ZoomMtg.join())", "say(this === sdk, arguments.length); return 7;", "no_result"),
    Case(
        "one to three arguments",
        "ZoomMtg.join({}); ZoomMtg.join({}, 2); ZoomMtg.join({}, undefined, () => 3);",
        "say(this === sdk, arguments.length, [...arguments].slice(1));",
        "no_result no_result no_result",
    ),
    Case(
        "a string instead of options",
        "for (const one of ['text', 5]) say(ZoomMtg.join(one));",
        "say(arguments.length, [...arguments]);",
        "no_result no_result",
    ),
    Case("null", "say(ZoomMtg.join(null));", "say(arguments.length, [...arguments]);", "no_result"),
    Case(
        "join for another",
        "ZoomMtg.join.call(undefined, {}); const { join: alone } = ZoomMtg; alone({}); alone.call(8, {});",
        "say(this === undefined, this === window, typeof this);",
        "no_result no_result no_result",
    ),
    Case("success as a method", _JOIN, "say(options.success({ method: 'join' })); return kept;"),
    Case("success alone", _JOIN, "const { success } = options; say(success());"),
    Case("success for another", _JOIN, "say(options.success.call(7, 1, 2));"),
    Case("an error with two arguments", _JOIN, "say(options.error({ errorCode: 1 }, true));", "failed"),
    Case("an error that is no object", _JOIN, "say(options.error('text'), options.error());", "failed"),
    Case("both, and twice", _JOIN, "options.error({}); options.success(1); options.success(2);", "failed"),
    Case("later", _JOIN + "await pause(30);", "setTimeout(() => options.success(1), 10);"),
    Case(
        "a callback that throws",
        "try { ZoomMtg.join({ error() { throw kept; } }); } catch (error) { say(error === kept); }",
        "options.error({});",
        "failed",
    ),
    Case(
        "join throws",
        "try { ZoomMtg.join({}); } catch (error) { say(error === kept, error); }",
        "throw kept;",
        "failed",
    ),
    Case(
        "what the SDK sets",
        _JOIN + "say(Object.keys(options), options.sdkKey, 'userName' in options, options.meetingNumber);",
        """options.sdkKey = "set"; delete options.userName; options.meetingNumber = "9";
        say(Object.keys(options), "userName" in options, options.sdkKey); options.success();""",
    ),
    Case(
        "what a callback is called",
        _JOIN,
        "say(options.success.name, options.success.length, options.error.length); options.success();",
    ),
    Case(
        "frozen options",
        "const options = Object.freeze({ success: () => say('success') }); ZoomMtg.join(options);",
        "say(Object.keys(options), Reflect.set(options, 'x', 1), Object.isFrozen(options)); options.success();",
        # No function can stand in for one that cannot change.
        "no_result",
    ),
    Case(
        "sealed options",
        "const options = Object.seal({ success: () => say('success') }); ZoomMtg.join(options);",
        "say(Object.keys(options), Reflect.set(options, 'x', 1), Object.isSealed(options)); options.success();",
    ),
    Case(
        "options with getters",
        f"""class Options {{
            #signature = "{_TOKEN}";
            get signature() {{ return this.#signature; }}
            get success() {{ return (...given) => say("success", ...given); }}
        }}
        ZoomMtg.join(new Options());""",
        "say(options.signature.length, Object.keys(options), options.constructor.name); options.success(1);",
    ),
    Case(
        "callbacks that use private fields",
        "class Options { #left = 2; error() { say(--this.#left); } } ZoomMtg.join(new Options());",
        "options.error({});",
        "failed",
    ),
    Case(
        "callbacks that the SDK adds",
        "ZoomMtg.join({ signature: 'x' });",
        "say('success' in options); options.success = () => say('own'); options.success();",
    ),
    Case(
        "names of Object's own",
        "ZoomMtg.join({});",
        "say(options.toString(), options.constructor === Object, options.valueOf().a);",
        "no_result",
    ),
)


@pytest.mark.parametrize("case", CLIENT_CASES, ids=str)
async def test_client_view(tabs: tuple[Page, Page], server: Plain, case: Case) -> None:
    await same_with_the_tag(tabs, server, _page(case, CLIENTS), case.reported, _REPORTED)


COMPONENTS: Final = {
    "own property": "sdk = { join, on() {} }; window.ZoomMtgEmbedded = { createClient: () => sdk };",
    "prototype": """class Client { on() {} } Client.prototype.join = join;
        sdk = new Client(); window.ZoomMtgEmbedded = { createClient: () => sdk };""",
    "singleton of a class": """sdk = { join, on() {} };
        window.ZoomMtgEmbedded = class { static #one = sdk; static createClient() { return this.#one; } };""",
    "frozen client": "sdk = Object.freeze({ join, on() {} }); window.ZoomMtgEmbedded = { createClient: () => sdk };",
    "frozen namespace": """sdk = { join, on() {} };
        window.ZoomMtgEmbedded = Object.freeze({ createClient: () => sdk });""",
}

_REPORTED_CLIENTS: Final = len(COMPONENTS) - 2
_CLIENT: Final = "const client = ZoomMtgEmbedded.createClient();"

COMPONENT_CASES: Final = (
    Case(
        "arguments",
        _CLIENT + "for (const given of [[], [{}], [{}, 2], [{}, 2, 3]]) say(await client.join(...given));",
        "say(this === sdk, [...arguments]); return Promise.resolve(arguments.length);",
        "joined joined joined joined",
    ),
    Case(
        "the same options",
        _CLIENT + "const options = { signature: 'x' }; window.mine = options; await client.join(options);",
        "say(options === mine, Object.keys(options)); return Promise.resolve('');",
    ),
    Case(
        "resolves with an object",
        _CLIENT + "say((await client.join({})) === kept, client.join({}) instanceof Promise);",
        "return Promise.resolve(kept);",
        "joined joined",
    ),
    Case(
        "rejects, handled",
        _CLIENT + "await client.join({}).catch((error) => say(error === kept)); await pause(30);",
        "return Promise.reject(kept);",
        "failed",
    ),
    Case(
        "rejects, not handled",
        _CLIENT + "say(); client.join({}); await pause(30);",
        "return Promise.reject(kept);",
        "failed",
    ),
    Case(
        "rejects, half handled",
        _CLIENT
        + "const one = client.join({}); one.then(say); one.finally(() => say('over')); await pause(30);",
        "return Promise.reject(undefined);",
        "failed",
    ),
    Case(
        "throws",
        _CLIENT + "try { client.join({}); } catch (error) { say(error === kept); }",
        "throw kept;",
        "failed",
    ),
    Case(
        "a thenable",
        _CLIENT + "say(client.join({}) === window.given, await window.given);",
        "return (window.given = { then(done) { say('then'); done(5); } });",
        "no_result",
    ),
    Case("no promise", _CLIENT + "say(client.join({}), client.join.name);", "return 5;", "no_result"),
    Case(
        "a promise of another class",
        _CLIENT + "const one = client.join({}); say(one.constructor.name); await one;",
        "return new (class Mine extends Promise {})((done) => done(1));",
    ),
    Case(
        "never settles",
        _CLIENT + "say(typeof client.join({}).then);",
        "return new Promise(() => {});",
        "no_result",
    ),
    Case(
        "asked for again",
        "const { createClient } = ZoomMtgEmbedded;"
        + _CLIENT
        + "say(client === ZoomMtgEmbedded.createClient(), createClient.length);",
        reported="",
    ),
)


@pytest.mark.parametrize("case", COMPONENT_CASES, ids=str)
async def test_component_view(tabs: tuple[Page, Page], server: Plain, case: Case) -> None:
    await same_with_the_tag(tabs, server, _page(case, COMPONENTS), case.reported, _REPORTED_CLIENTS)


_SDK: Final = """{ join(options) { say("sdk", this === window.kept); options.success("fine"); } }"""
_USE: Final = "finished(async () => { ZoomMtg.join({ success: (...given) => say(...given) }); })"

ARRIVALS: Final = {
    "before the tag": (f"<script>ZoomMtg = kept = {_SDK};</script>{{tag}}<script>{_USE}</script>", "joined"),
    "after the tag": (f"{{tag}}<script>window.ZoomMtg = kept = {_SDK}; {_USE}</script>", "joined"),
    "by var": (f"{{tag}}<script>var ZoomMtg = kept = {_SDK}; {_USE}</script>", "joined"),
    "by Object.assign": (
        f"{{tag}}<script>kept = {_SDK}; Object.assign(window, {{ ZoomMtg: kept }}); {_USE}</script>",
        "joined",
    ),
    "twice, join only then": (
        f"{{tag}}<script>ZoomMtg = {{ init() {{}} }}; ZoomMtg = kept = {_SDK}; {_USE}</script>",
        "joined",
    ),
    "join set later": (
        f"{{tag}}<script>ZoomMtg = kept = {{}}; kept.join = ({_SDK}).join; {_USE}</script>",
        "joined",
    ),
    "late": (
        f"{{tag}}<script>setTimeout(() => {{ ZoomMtg = kept = {_SDK}; {_USE} }}, 500)</script>",
        "joined",
    ),
    "kept by the page, not read again": (
        f"{{tag}}<script>const zoom = kept = {_SDK}; ZoomMtg = zoom; {_USE.replace('ZoomMtg', 'zoom')}</script>",
        "joined",
    ),
    "tag twice": (f"{{tag}}{{tag}}<script>ZoomMtg = kept = {_SDK}; {_USE}</script>{{tag}}", "joined"),
    "in a module": (
        f"{{tag}}<script type=module>window.ZoomMtg = window.kept = {_SDK}; {_USE}</script>",
        "joined",
    ),
    "deleted": (
        f"""{{tag}}<script>ZoomMtg = kept = {_SDK}; say(delete window.ZoomMtg, typeof ZoomMtg, "ZoomMtg" in window);
            window.ZoomMtg = kept; {_USE}</script>""",
        "joined",
    ),
    "defined as a property": (
        f"""{{tag}}<script>kept = {_SDK}; Object.defineProperty(window, "ZoomMtg", {{ value: kept, writable: false }});
            say(Object.getOwnPropertyDescriptor(window, "ZoomMtg").writable); {_USE}</script>""",
        "",
    ),
    "as let": (f"{{tag}}<script>let ZoomMtg = kept = {_SDK}; {_USE}</script>", ""),
    "not what it should be": (
        """{tag}<script>for (const one of [null, 5, "text", { join: 1 }, { get join() { throw 1; } }, () => 2])
            { window.ZoomMtg = one; say(window.ZoomMtg === one); } finished(async () => {});</script>""",
        "",
    ),
    "element of our name": (
        f'<p id="joinResults"></p>{{tag}}<script>ZoomMtg = kept = {_SDK}; {_USE}</script>',
        "joined",
    ),
    "in a frame": (
        f"""<iframe srcdoc='{{tag}}'></iframe>{{tag}}<script>ZoomMtg = kept = {_SDK}; {_USE}</script>""",
        "joined",
    ),
}


@pytest.mark.parametrize("name", ARRIVALS)
async def test_however_the_sdk_arrives(tabs: tuple[Page, Page], server: Plain, name: str) -> None:
    html, reported = ARRIVALS[name]
    await same_with_the_tag(tabs, server, html, reported)


BREAKING: Final = {
    "random numbers": "[[crypto, 'getRandomValues']]",
    "performance.now": "[[performance, 'now', undefined]]",
    "performance": "[[window, 'performance', undefined]]",
    "PerformanceObserver": "[[window, 'PerformanceObserver', undefined]]",
    "Map": "[[Map.prototype, 'get'], [Map.prototype, 'set'], [Map.prototype, 'has'], [Map.prototype, 'delete']]",
    "Set": "[[Set.prototype, 'add'], [Set.prototype, 'has'], [Set.prototype, 'delete'], [Set.prototype, 'forEach']]",
    "WeakMap": "[[WeakMap.prototype, 'get']]",
    "WeakMap's other half": "[[WeakMap.prototype, 'set']]",
    "storage": "[[window, 'localStorage', undefined], [window, 'sessionStorage', null]]",
    "full storage": "[[Storage.prototype, 'setItem']]",
    "fetch": "[[window, 'fetch']]",
    "fetch gives nothing": "[[window, 'fetch', () => undefined]]",
    "JSON": "[[JSON, 'stringify'], [JSON, 'parse']]",
    "clearTimeout": "[[window, 'clearTimeout']]",
    "setTimeout": "[[window, 'setTimeout']]",
    "events": "[[window, 'addEventListener']]",
    "Object.prototype": "['get', 'set', 'has', 'value'].map((name) => [Object.prototype, name, () => 'polluted'])",
}

_BREAK: Final = """<script>
    const { defineProperty, deleteProperty } = Reflect, wait = setTimeout, parts = () => %s, undo = [];
    const breakIt = () => { for (const [object, name, ...value] of parts()) {
        const now = Object.entries(Object.getOwnPropertyDescriptors(object)).find(([one]) => one === name)?.[1];
        undo.push(() => now ? defineProperty(object, name, now) : deleteProperty(object, name));
        broken.push([object, name, value.length ? value[0] : () => { throw "broken"; }]);
    } for (const [object, name, value] of broken)
        defineProperty(object, name, { __proto__: null, value, configurable: true, writable: true }); };
    const broken = [];
    %s
</script>{tag}<script>
    %s
    (async () => {
        window.ZoomMtg = { join(options) { options.success(1); options.error(2); return 3; } };
        window.ZoomMtgEmbedded = { createClient: () => ({ on() {}, join: () => Promise.reject(4) }) };
        say(ZoomMtg.join({ success: (one) => say("success", one), error: (one) => say("error", one) }));
        await ZoomMtgEmbedded.createClient().join({}).catch((error) => say("rejected", error));
        await new Promise((resolve) => wait.call(window, resolve, 30));
    })().catch((error) => say("threw", error)).then(() => { for (const one of undo) one(); finished(async () => {}); });
</script>"""


@pytest.mark.parametrize("when", ["before the tag", "after the tag"])
@pytest.mark.parametrize("what", BREAKING)
async def test_joins_go_on_where_what_we_need_is_broken(
    tabs: tuple[Page, Page], server: Plain, what: str, when: str
) -> None:
    at = ("breakIt();", "") if when == "before the tag" else ("", "breakIt();")
    html = _BREAK % (BREAKING[what], *at)
    without, found = await both(tabs, server, html)
    assert without == found == [["success", 1], ["error", 2], [3], ["rejected", 4]]


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
