"""Which receipt a join is reported with: that of its own signature, and none where none is known."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext

from ..stage.joining import MOMENT_MS, sign, true, visit
from ..stage.plain import OPEN, Plain, signature

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_two_signatures_asked_at_once_have_their_own_receipts(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    endpoints = ["/signature", "/other/signature", "/signature"]
    await page.evaluate(
        "async (urls) => { signatures = await Promise.all(urls.map((url) => sign(url))); }", endpoints
    )
    await page.evaluate(
        "{ signatures.reverse().forEach((one) => start(one)); joins.forEach((one) => one.success()); }"
    )
    numbers = await page.evaluate("signatures.map((one) => JSON.parse(atob(one.split('.')[1])).jti)")
    await server.delivered(3)
    found = {one["receipt"]: one["signature_intact"] for one in server.results()}
    assert found == {f"receipt-{number}": True for number in numbers}


@pytest.mark.parametrize(
    "change", ["options.signature = signatures[1]", "delete options.signature", "options.meetingNumber = '1'"]
)
async def test_options_used_again_for_something_else(
    context: BrowserContext, server: Plain, change: str
) -> None:
    page = await visit(context, server)
    await sign(page, count=2)
    await page.evaluate(
        f"{{ const options = {{ signature: signatures[0], meetingNumber: 98765432101, error() {{}} }};"
        f"ZoomMtg.join(options); {change}; joins[0].error(refused); }}"
    )
    await server.delivered()
    (found,) = server.results()
    assert (found["receipt"], found["meeting_matches"]) == ("receipt-1", True)


async def test_the_signature_crosses_to_another_page_and_to_another_tab(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    await sign(page)
    signature = await page.evaluate("signatures[0]")
    await page.goto(page.url)
    other = await visit(context, server)
    for tab in (page, other):
        await tab.evaluate("(signature) => { start(signature); joins[0].error(refused); }", signature)
    await server.delivered(2)
    for found in server.results():
        assert (found["receipt"], found["age_clock"], found["signature_intact"]) == (
            "receipt-1",
            "wall",
            True,
        )
        assert 0 < found["age_ms"] < 20_000


async def test_receipts_older_than_two_days_are_not_used(context: BrowserContext, server: Plain) -> None:
    page = await visit(context, server)
    await sign(page, count=2)
    signatures = await page.evaluate("signatures")
    await page.evaluate("age('receipt', 47.9)")
    await page.goto(page.url)
    await page.evaluate("(one) => { start(one); joins[0].success(); }", signatures[0])
    await server.delivered()
    await page.evaluate("age('receipt', 0.2)")
    await page.goto(page.url)
    await page.evaluate("(one) => { start(one); joins[0].success(); }", signatures[1])
    await server.delivered(2)
    assert [one["receipt"] for one in server.results()] == ["receipt-1", None]


async def test_of_many_receipts_the_newest_sixteen_are_kept(context: BrowserContext, server: Plain) -> None:
    page = await visit(context, server)
    await page.evaluate(
        "(async () => { signatures = []; for (let n = 20; n--;) "
        "{ signatures.push(await sign('/signature')); await pause(2); } })()"
    )
    signatures = await page.evaluate("signatures")
    for area in ("sessionStorage", "localStorage"):
        assert (
            await page.evaluate(f"Object.keys({area}).filter((name) => name.includes(':receipt:')).length")
            == 16
        )
    await page.goto(page.url)
    await page.evaluate(
        "(all) => { all.forEach((one) => start(one)); joins.forEach((one) => one.success()); }", signatures
    )
    await server.delivered(20)
    found = sorted(str(one["receipt"]) for one in server.results())
    assert found == sorted(["None"] * 4 + [f"receipt-{number}" for number in range(5, 21)])


async def test_a_reply_with_many_long_strings_keeps_its_signature(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    signature = await page.evaluate("""(async () => {
        const signature = await sign("/signature");
        const links = Array.from({ length: 25 }, (_, n) => `https://pages.test/${n}/${"abc/".repeat(12)}`);
        joinResults.watchSignature({ receipt: "receipt-1", signature: JSON.stringify({ signature, links }) });
        return signature;
    })()""")
    await page.goto(page.url)
    await page.evaluate("(one) => { start(one); joins[0].success(); }", signature)
    await server.delivered()
    assert server.results()[0]["receipt"] == "receipt-1"


_ALTERED: Final[dict[str, tuple[str | None, bool | None]]] = {
    "one": ("receipt-1", True),
    "one + '='": ("receipt-1", False),
    "' ' + one + '\\n'": ("receipt-1", False),
    "'\"' + one + '\"'": ("receipt-1", False),
    "one.replaceAll('.', '%2E')": (None, None),
    "one.slice(0, -1)": (None, None),
    "one.toLowerCase()": (None, None),
}


async def test_a_signature_that_the_page_has_altered(context: BrowserContext, server: Plain) -> None:
    page = await visit(context, server)
    await sign(page)
    await page.evaluate(f"""{{
        const one = signatures[0];
        [{", ".join(_ALTERED)}].forEach((altered, errorCode) => {{
            start(altered); joins.at(-1).error({{ errorCode }});
        }});
    }}""")
    await server.delivered(len(_ALTERED))
    told = {one["error"]["errorCode"]: (one["receipt"], one["signature_intact"]) for one in server.results()}
    assert {altered: told[code] for code, altered in enumerate(_ALTERED)} == _ALTERED


_NUMBERS: Final = {
    "'987 6543 2101'": True,
    "98765432101": True,
    "'98765432102'": False,
    "''": None,
    "undefined": None,
}


async def test_whether_the_meeting_is_the_signed_one(context: BrowserContext, server: Plain) -> None:
    page = await visit(context, server)
    await sign(page)
    await page.evaluate(f"""[{", ".join(_NUMBERS)}].forEach((meetingNumber, errorCode) => {{
        start(signatures[0], {{ meetingNumber }}); joins.at(-1).error({{ errorCode }});
    }})""")
    await server.delivered(len(_NUMBERS))
    told = {one["error"]["errorCode"]: one["meeting_matches"] for one in server.results()}
    assert {number: told[code] for code, number in enumerate(_NUMBERS)} == _NUMBERS


async def test_the_page_joins_before_its_reply_has_ended(context: BrowserContext, server: Plain) -> None:
    """A page may read the signature out of a stream; the script reads the reply to its end."""
    end = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={**OPEN, "Join-Receipt": "receipt-slow"})
        await reply.prepare(request)
        await reply.write(signature(1).encode())
        await end.wait()
        return reply

    server.pages["/slow"] = slow
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await page.evaluate("""async () => {
        const { value } = await (await fetch("/slow")).body.getReader().read();
        start(new TextDecoder().decode(value));
        joins[0].error(refused);
    }""")
    await page.clock.run_for(10)
    assert await page.evaluate("sent") == 0
    end.set()
    await true(page, "Object.keys(localStorage).some((name) => name.startsWith('joinwatch:receipt:'))")
    await page.clock.run_for(MOMENT_MS)
    await server.delivered()
    (found,) = server.results()
    assert (found["receipt"], found["outcome"], found["signature_intact"]) == ("receipt-slow", "failed", True)
