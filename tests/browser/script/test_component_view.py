"""Component View: the client's `join` gives, throws and rejects the same with the tag and without it."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Page

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
    await same_with_the_tag(tabs, server, page_of(case, COMPONENTS), case.reported, _REPORTED_CLIENTS)
