"""Client View: whatever a page gives to `ZoomMtg.join`, and whatever the SDK does with it, the tag changes nothing."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import BrowserContext, Page

from ..stage.joining import sign, visit
from ..stage.pairs import Case, page_of, same_with_the_tag
from ..stage.plain import Plain, signature

pytestmark = pytest.mark.asyncio(loop_scope="package")

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
        "what a callback is",
        _JOIN,
        "say(typeof options.success, options.success instanceof Function, 'success' in options); options.success();",
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
    await same_with_the_tag(tabs, server, page_of(case, CLIENTS), case.reported, _REPORTED)


async def test_two_joins_at_once_have_their_own_receipts_ages_and_outcomes(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    await page.evaluate("""async () => {
        const one = await sign("/signature"); await pause(300);
        const other = await sign("/signature");
        start(one); start(other, { meetingNumber: "123456789" });
        joins[1].error(refused); await pause(100); joins[0].success();
    }""")
    await server.delivered(2)
    failed, joined = server.results()
    assert (failed["receipt"], failed["outcome"], failed["error"]["errorCode"]) == (
        "receipt-2",
        "failed",
        3712,
    )
    assert (joined["receipt"], joined["outcome"], joined["error"]) == ("receipt-1", "joined", None)
    assert joined["age_ms"] >= 290 > failed["age_ms"]
    assert joined["join_ms"] >= 90 > failed["join_ms"]
    assert (failed["meeting_matches"], joined["meeting_matches"]) == (False, True)
    assert failed["id"] != joined["id"]


async def test_join_is_called_again_while_the_first_is_open(context: BrowserContext, server: Plain) -> None:
    page = await visit(context, server)
    await sign(page)
    await page.evaluate("""{
        start(signatures[0]); start(signatures[0]);
        const data = { meetingStatus: 2 };
        for (const detail of [data, { data }]) dispatchEvent(new CustomEvent("onMeetingStatus", { detail }));
    }""")
    await page.evaluate("pause(100)")
    assert server.deliveries() == []
    await page.evaluate("joins[1].success()")
    await server.delivered()
    await page.goto("about:blank")
    await server.delivered(2)
    joined, open_still = server.results()
    assert [one["outcome"] for one in (joined, open_still)] == ["joined", "no_result"]
    assert joined["receipt"] == open_still["receipt"] == "receipt-1"
    assert joined["id"] != open_still["id"]
