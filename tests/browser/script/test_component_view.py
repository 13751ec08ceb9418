"""Component View: the client's `join` gives, throws and rejects the same with the tag and without it."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import BrowserContext, Page

from ..stage.joining import sign, visit
from ..stage.pairs import Case, page_of, same_with_the_tag
from ..stage.plain import Plain

pytestmark = pytest.mark.asyncio(loop_scope="package")

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
        _CLIENT + "say(await client.join({})); client.join({}).then((one) => say(one)); await pause(0);",
        "const own = Promise.resolve(5); return { then: (done, fail) => own.then(done, fail) };",
        "joined joined",
    ),
    Case(
        "a thenable that rejects",
        _CLIENT + "try { await client.join({}); } catch (error) { say(error === kept); }"
        "await client.join({}).then(say, (error) => say(error === kept));",
        "const own = Promise.reject(kept); return { then: (done, fail) => own.then(done, fail) };",
        "failed failed",
    ),
    Case(
        "a thenable whose then gives nothing",
        _CLIENT + "say(await client.join({}));",
        "return { then(done) { done(5); } };",
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
    await same_with_the_tag(tabs, server, page_of(case, COMPONENTS), case.reported, _REPORTED_CLIENTS)


_ZONE: Final = "<script>{ const Native = Promise; window.Promise = class Zone extends Native {}; }</script>"
_PAGE: Final = """<script>finished(async () => {
    let end;
    const settle = (how) => new Native((...both) => (end = both[how]));
    const Native = (async () => {})().constructor;
    window.ZoomMtgEmbedded = { createClient: () => ({ on() {}, join: ({ how }) => settle(how) }) };
    const client = ZoomMtgEmbedded.createClient(), kept = new TypeError("own");
    say(client.join({}) instanceof Promise, Native === Promise);
    for (const how of [0, 1]) {
        const one = client.join({ how });
        end(kept);
        await one.then((value) => say("value", value === kept), (error) => say("error", error === kept));
    }
    client.join({ how: 1 });
    end(kept);
    await pause(30);
});</script>"""


@pytest.mark.parametrize("html", [_ZONE + "{tag}", "{tag}" + _ZONE], ids=["before the tag", "after the tag"])
async def test_the_sdk_has_another_promise_than_the_page(
    tabs: tuple[Page, Page], server: Plain, html: str
) -> None:
    """As with zone.js: async functions still give promises of the browser's own."""
    await same_with_the_tag(tabs, server, html + _PAGE, "no_result joined failed failed")


async def test_join_is_called_again_while_the_first_is_open(context: BrowserContext, server: Plain) -> None:
    page = await visit(context, server)
    await sign(page)
    await page.evaluate("""() => {
        const ends = [];
        window.ZoomMtgEmbedded = { createClient: () =>
            ({ on() {}, join: () => new Promise((...both) => ends.push(both)) }) };
        const client = ZoomMtgEmbedded.createClient();
        for (const _ of [1, 2]) client.join({ signature: signatures[0] }).catch(() => {});
        ends[1][1]({ type: "JOIN_MEETING_FAILED", reason: "Duplicated join operation" });
        ends[0][0]("");
    }""")
    await server.delivered(2)
    assert sorted((one["outcome"], one["receipt"]) for one in server.results()) == [
        ("failed", "receipt-1"),
        ("joined", "receipt-1"),
    ]
    assert len({one["id"] for one in server.results()}) == 2
