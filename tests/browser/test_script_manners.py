"""What leaves the page and what stays in it: nothing personal, no noise, no cookie, under every policy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from tests.support.app import ENVIRONMENT, NATIVE
from tests.support.joinwatch import Joinwatch, joinwatch
from tests.support.secrets import KEY, PASSCODE, ZAK

from .stage.browser import Visit, visit
from .stage.plain import OPEN, PRELUDE, TAG, Plain, finish, plain, plain_chromium, signature, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CONFIG: Final = NATIVE + '[results]\nrate_limit = "6000/1m"\n'

PERSONAL: Final = {
    "userName": "Ann-Märie O'Neill Smith",
    "userEmail": "ann.smith@mail.example",
    "passWord": PASSCODE,
    "signature": signature(1),
    "meetingNumber": "98765432101",
    "zak": ZAK,
    "tk": "test-registrant-token-not-real",
    "sdkKey": KEY,
    "customerKey": "customer seventeen",
}
"""What a page passes to join."""

_JOIN: Final = """
    window.ZoomMtg = { join(options) { options.error(window.failure(options)); } };
    const join = async (endpoint, more) => {
        const asked = { method: "POST", body: JSON.stringify({ meetingNumber: "98765432101", role: 0 }),
            headers: { "Content-Type": "application/json" } };
        const { signature } = await (await fetch(endpoint, asked)).json();
        const error = ({ errorCode }) => say("error", errorCode);
        ZoomMtg.join({ signature, meetingNumber: "98765432101", error, ...more });
    };
    window.failure = () => ({ method: "join", status: false, errorCode: 3712 });
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all."""
    async with plain_chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Joinwatch]:
    """One real joinwatch for all; tests look at the rows that they have added."""
    async with joinwatch(tmp_path_factory.mktemp("joinwatch"), _CONFIG, ENVIRONMENT) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def person(browser: Browser) -> AsyncIterator[Visit]:
    """A fresh profile; a page must have said nothing on its console, and no error."""
    async with visit(browser) as found:
        yield found
        assert (found.console, found.errors) == ([], [])


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[Plain]:
    """Pages, and what plays joinwatch for those of the same origin."""
    async with plain() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def other() -> AsyncIterator[Plain]:
    """What plays joinwatch on an origin of its own."""
    async with plain() as found:
        yield found


def _tag(base: str, more: str = "") -> str:
    return f'<script src="{base}/join-results.js" {more}></script>'


def _page(tag: str, work: str) -> str:
    return f"{PRELUDE}{tag}<script>{_JOIN} finished(async () => {{ {work} }});</script>"


async def _row(ledger: Joinwatch, since: int) -> dict[str, Any]:
    await until(lambda: len(ledger.ledger_rows()) > since or None, "row")
    (row,) = ledger.ledger_rows()[since:]
    return row


SPELLINGS: Final[dict[str, Any]] = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    "URL-encoded": lambda text: quote(text, safe=""),
    "form-encoded": lambda text: quote(text, safe="").replace("%20", "+"),
    "as JSON": lambda text: json.dumps(text)[1:-1],
    "in quotes": lambda text: f'"{text}",',
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_nothing_that_is_personal_leaves_or_is_stored(
    person: Visit, server: Plain, spelling: str
) -> None:
    told = {name: SPELLINGS[spelling](value) for name, value in PERSONAL.items()}
    server.usual = 503  # So that results are stored too.
    work = f"""
        const options = {json.dumps(PERSONAL)}, told = {json.dumps(told)};
        const texts = Object.values(told).map((text) => `It was ${{text}} here.`);
        const fields = ["type", "method", "result", "reason", "errorMessage", "name", "message"];
        for (const text of [...texts, texts.join(" ")])
            {{ window.failure = () => Object.fromEntries(fields.map((name) => [name, text]));
               await join("/signature", {{ ...options, signature: options.signature }}); }}
        await pause(50);
        window.stored = JSON.stringify([{{ ...localStorage }}, {{ ...sessionStorage }}]);"""
    page = await person.context.new_page()
    await finish(page, server, server.page(_page(TAG, work)))
    await server.delivered(len(PERSONAL) + 1)
    stored = await page.evaluate("window.stored")
    person.console.clear()  # Of the answers with 503 the browser itself complains.
    sent = " ".join(got.path + str(got.headers) + got.body.decode() for got in server.deliveries())
    assert "It was [removed] here." in sent
    assert "joinwatch:result:" in stored
    leaked = {
        name
        for name, text in told.items()
        if text in sent or text in stored or json.dumps(text)[1:-1] in sent
    }
    assert leaked == set()


@pytest.mark.parametrize(
    "failure",
    [
        "{ result: 98765432101 }",
        "{ errorCode: 98765432101 }",
        "{ status: 98765432101, reason: '987 6543 2101', message: '987-6543-2101' }",
        "new Error('Li was not admitted')",
        "'98765432101'",
        "98765432101",
        "{ errorMessage: 'x'.repeat(190) + ' 98765432101' }",
        "{ result: { userName: 'Li' }, reason: ['Li'], errorMessage: new String('Li') }",
    ],
)
async def test_numbers_and_short_names_do_not_leave(person: Visit, server: Plain, failure: str) -> None:
    work = f"""window.failure = () => ({failure});
        await join("/signature", {{ userName: "Li", error() {{}} }}); say(1);"""
    await finish(await person.context.new_page(), server, server.page(_page(TAG, work)))
    await server.delivered()
    body = json.dumps(server.results()[0]["error"])
    assert not [text for text in ("98765", "2101", "Li ", 'Li"') if text in body], body


@pytest.mark.parametrize("same_origin", [True, False], ids=["same origin", "other origin"])
@pytest.mark.parametrize("leaving", [False, True], ids=["page stays", "page goes"])
async def test_requests_carry_what_they_need_and_no_more(
    person: Visit, server: Plain, other: Plain, same_origin: bool, leaving: bool
) -> None:
    to = server if same_origin else other
    for one in (server, other):
        await person.context.add_cookies(
            [{"name": "session", "value": "test-session-not-real", "url": one.url}]
        )
    page = await person.context.new_page()
    end = "dispatchEvent(new PageTransitionEvent('pagehide'));" if leaving else ""
    html = _page(_tag(to.url), f"await join('{to.url}/signature'); {end}")
    to.pages["/signature"] = _signature_for_any_page
    await finish(page, server, f"{server.page(html)}?zak=test-zak-not-real#passcode")
    await to.delivered()
    (got,) = to.deliveries()
    assert (got.method, got.path) == ("POST", "/join-results")
    assert got.headers["content-type"] == "text/plain;charset=UTF-8"
    assert got.headers["origin"] == server.url
    assert not {"cookie", "authorization", "referer"} & set(got.headers)
    assert set(got.result) == {
        *(
            "receipt",
            "id",
            "outcome",
            "error",
            "age_ms",
            "asked",
            "age_clock",
            "join_ms",
            "step",
            "suspended",
        ),
        *("signature_intact", "meeting_matches", "view", "sdk_version", "attempt", "dropped"),
    }


async def _signature_for_any_page(request: web.Request) -> web.StreamResponse:
    more = {"Access-Control-Allow-Headers": "content-type", "Join-Receipt": "receipt-1"}
    return web.json_response({"signature": signature(1)}, headers={**OPEN, **more})


async def test_under_the_strictest_policy(person: Visit, server: Plain, ledger: Joinwatch) -> None:
    since = len(ledger.ledger_rows())
    server.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-x'; connect-src {ledger.public} 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Referrer-Policy": "no-referrer",
    }
    html = _page(_tag(ledger.public), f"say(crossOriginIsolated); await join('{ledger.public}/');")
    html = html.replace('<link rel="icon" href="data:,">', "").replace("<script", '<script nonce="x"')
    page = await person.context.new_page()
    assert (await finish(page, server, server.page(html)))[-1] == ["error", 3712]
    row = await _row(ledger, since)
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
    found = await finish(await person.context.new_page(), server, server.page(_page(_tag(other.url), work)))
    assert [entry[:2] for entry in found if entry[1] != 200] == [
        ["signature", "receipt-1"],
        ["hidden", None],
        ["none", None],
    ]
    assert other.deliveries() == []


async def test_in_a_frame_without_storage(person: Visit, server: Plain, other: Plain) -> None:
    other.pages["/signature"] = _signature_for_any_page
    work = f"""try {{ say(localStorage.length); }} catch (error) {{ say(error.name); }}
        await join("{other.url}/signature"); parent.postMessage(log, "*");"""
    server.pages["/frame"] = _page(_tag(other.url), work + "await new Promise(() => {});")
    outer = """<iframe sandbox="allow-scripts" src="/frame"></iframe><script>
        finished(async () => say(...(await new Promise((done) => addEventListener("message", done))).data));</script>"""
    found = await finish(await person.context.new_page(), server, server.page(PRELUDE + outer))
    assert found == [[["SecurityError"], ["error", 3712]]]
    await other.delivered()
    assert other.results()[0]["receipt"] == "receipt-1"
    assert other.deliveries()[0].headers["origin"] == "null"


async def test_on_a_page_that_is_not_secure(person: Visit, server: Plain, other: Plain) -> None:
    other.pages["/signature"] = _signature_for_any_page
    work = f"say(isSecureContext, typeof crypto.subtle); await join('{other.url}/signature');"
    server.page(_page(_tag(other.url), work))
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
        _page(
            '<base href="/elsewhere/"><script src="/zoom/join-results.js?v=1#x"></script>',
            "await join('/zoom/');",
        )
    )
    await finish(await person.context.new_page(), server, server.url + "/page")
    row = await _row(ledger, since)
    assert (row["outcome"], row["origin"]) == ("invalid_signature", server.url)
    assert [got.path for got in server.deliveries()] == ["/zoom/join-results"]


async def test_a_receipt_that_the_server_rendered(person: Visit, server: Plain) -> None:
    work = f"""ZoomMtg.join({{ signature: "{signature(9)}", error() {{}} }}); await join("/signature");"""
    page = await person.context.new_page()
    await finish(page, server, server.page(_page(_tag("", 'data-receipt="receipt-rendered"'), work)))
    await server.delivered(2)
    found = [(one["receipt"], one["age_ms"] is None, one["signature_intact"]) for one in server.results()]
    assert sorted(found) == [("receipt-1", False, True), ("receipt-rendered", True, None)]


async def test_what_the_page_hands_in_by_itself(person: Visit, server: Plain) -> None:
    work = f"""
        const given = {{ receipt: "receipt-by-hand", signature: "{signature(9)}" }};
        const reply = await fetch("/signature");
        say(joinResults.watchSignature(given) === given, joinResults.watchSignature(reply) === reply, reply.bodyUsed);
        const client = joinResults.watchJoin({{ on() {{}}, join: async () => "" }});
        say(joinResults.watchJoin(client) === client, await client.join({{ signature: given.signature }}));
        const zoom = joinResults.watchJoin({{ join: ({{ success }}) => success() }});
        zoom.join({{ signature: (await reply.json()).signature, success() {{}} }});
        for (const odd of [undefined, null, 5, "text", {{}}, {{ receipt: 1 }}])
            say(Object.is(joinResults.watchSignature(odd), odd), Object.is(joinResults.watchJoin(odd), odd));"""
    page = await person.context.new_page()
    found = await finish(page, server, server.page(_page(TAG, work)))
    assert found == [[True, True, False], [True, ""], *[[True, True]] * 6]
    await server.delivered(2)
    assert sorted((one["receipt"], one["outcome"], one["view"]) for one in server.results()) == [
        ("receipt-1", "joined", "client"),
        ("receipt-by-hand", "joined", "component"),
    ]


async def test_it_leaves_three_names_in_the_page(person: Visit, server: Plain) -> None:
    page = await person.context.new_page()
    work = "say(...Object.keys(window).filter((name) => !names.has(name)));"
    html = PRELUDE + f"<script>const names = new Set(Object.keys(window));</script>{TAG}"
    html += f"<script>finished(async () => {{ {work} }});</script>"
    assert await finish(page, server, server.page(html)) == [["joinResults", "ZoomMtg", "ZoomMtgEmbedded"]]
    assert await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
