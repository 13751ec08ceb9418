"""How results reach joinwatch: requests as they come at a server, or rows in the ledger of a real joinwatch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.app import ENVIRONMENT, NATIVE
from tests.support.child import running
from tests.support.joinwatch import Joinwatch, joinwatch, sample
from tests.support.real import require

from .stage.plain import ARGUMENTS, PRELUDE, TAG, Answer, Plain, plain, plain_chromium, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CONFIG: Final = NATIVE + '[results]\nrate_limit = "6000/1m"\n'

_MOMENT_MS: Final = 100
"""The script waits a moment before it reports, for what may still be told."""

_PAGE: Final = (
    PRELUDE
    + """<script>
    // The script keeps the fetch that it finds.
    const native = fetch;
    let sent = 0;
    window.fetch = (...given) => (String(given[0]).endsWith("/join-results") && sent++, native(...given));
</script>{tag}<script>
    const joins = [];
    window.ZoomMtg = { join: (options) => void joins.push(options) };
    // Signatures of the same second for the same meeting would be the same.
    const sign = async (url, number = 0) => {
        const body = JSON.stringify({ meetingNumber: String(98765432101 + number), role: 0 });
        const headers = { "Content-Type": "application/json" };
        return (await (await fetch(url, { method: "POST", headers, body })).json()).signature;
    };
    const start = (signature, more) => ZoomMtg.join({
        signature, meetingNumber: "98765432101", success() {}, error() {}, ...more,
    });
    const refused = { method: "join", status: false, errorCode: 3712, errorMessage: "Signature is invalid." };
    const waiting = () => Object.keys(localStorage).filter((name) => name.startsWith("joinwatch:result:"));
    const kept = () => waiting().map((name) => JSON.parse(localStorage[name]));
    const age = (kind, hours) => {
        for (const area of [localStorage, sessionStorage])
        for (const name of Object.keys(area).filter((name) => name.startsWith("joinwatch:" + kind))) {
            const value = JSON.parse(area[name]);
            area[name] = JSON.stringify({ ...value, wall: value.wall - hours * 3600e3 });
        }
    };
</script>"""
)


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
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh profile."""
    found = await browser.new_context()
    yield found
    await found.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[Plain]:
    """Pages, and a server that plays joinwatch."""
    async with plain() as found:
        yield found


async def visit(context: BrowserContext, server: Plain, to: Joinwatch | None = None) -> Page:
    """A tab with the page: its results go to the server, or to a joinwatch."""
    page = await context.new_page()
    tag = TAG if to is None else f'<script src="{to.public}/join-results.js"></script>'
    await page.goto(server.page(_PAGE.replace("{tag}", tag)))
    return page


async def sign(page: Page, url: str = "/signature", count: int = 1) -> None:
    """Ask for signatures, one after the other: `signatures` of the page."""
    each = "while (count--) signatures.push(await sign(url, count));"
    await page.evaluate(f"async ([url, count]) => {{ window.signatures = []; {each} }}", [url, count])


async def fail(page: Page) -> None:
    """A join with the first signature that is refused at once."""
    await sign(page)
    await page.evaluate("{ start(signatures[0]); joins.at(-1).error(refused); }")


async def rows(ledger: Joinwatch, since: int, count: int = 1) -> list[dict[str, Any]]:
    """The ledger's rows after the first `since`, as soon as there are so many."""
    return await until(
        lambda: r if len(r := ledger.ledger_rows()[since:]) >= count else None, f"{count} rows"
    )


async def true(page: Page, expression: str) -> None:
    """Wait for it, also where the page's clock stands."""
    async with asyncio.timeout(10):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.02)


async def settled(page: Page) -> None:
    """The page has seen the answers of all that it has sent."""
    await page.evaluate("native('/nothing')")
    await page.evaluate("native('/nothing').then(() => new Promise((done) => queueMicrotask(done)))")


@pytest.mark.parametrize(
    ("answer", "earliest_ms", "latest_ms"),
    [
        (None, 1000, 2000),
        (429, 1000, 2000),
        (503, 1000, 2000),
        ((429, {"Retry-After": "7"}), 7000, 7000),
        ((503, {"Retry-After": "400"}), 400_000, 400_000),
        ((503, {"Retry-After": "0"}), 1000, 2000),
        ((503, {"Retry-After": "-5"}), 1000, 2000),
        ((503, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}), 1000, 2000),
    ],
    ids=str,
)
async def test_tried_again(
    context: BrowserContext, server: Plain, answer: Answer, earliest_ms: int, latest_ms: int
) -> None:
    server.answers = [answer]
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await fail(page)
    await page.clock.run_for(_MOMENT_MS)
    await true(page, "waiting().length === 1")
    await page.clock.run_for(earliest_ms - _MOMENT_MS - 10)
    assert await page.evaluate("sent") == 1
    await page.clock.run_for(latest_ms - earliest_ms + _MOMENT_MS + 20)
    first, second = [got.result for got in await server.delivered(2)]
    assert (first.pop("attempt"), second.pop("attempt")) == (1, 2)
    assert first == second
    await true(page, "waiting().length === 0")
    await page.clock.run_for(900_000)
    assert await page.evaluate("sent") == 2


@pytest.mark.parametrize("value", ["99999999", "Infinity", "1e300"])
async def test_an_absurd_retry_after_does_not_make_it_try_at_once(
    context: BrowserContext, server: Plain, value: str
) -> None:
    server.usual = (503, {"Retry-After": value})
    page = await visit(context, server)
    await fail(page)
    await true(page, "waiting().length === 1")
    await asyncio.sleep(0.3)
    assert len(server.deliveries()) == 1


async def test_each_time_it_waits_twice_as_long(context: BrowserContext, server: Plain) -> None:
    server.usual = 503
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await fail(page)
    await page.clock.run_for(_MOMENT_MS)
    for attempt, longest_ms in enumerate(
        [2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000], 1
    ):
        await true(page, f"kept()[0]?.attempt === {attempt}")
        await page.clock.run_for(longest_ms // 2 - _MOMENT_MS - 10)
        assert await page.evaluate("sent") == attempt
        await page.clock.run_for(longest_ms // 2 + _MOMENT_MS + 20)
        assert await page.evaluate("sent") == attempt + 1
    got = server.results()
    assert [one["attempt"] for one in got] == list(range(1, len(got) + 1))
    assert len({(one["id"], one["age_ms"], one["join_ms"]) for one in got}) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 500, 502])
async def test_not_tried_again(context: BrowserContext, server: Plain, status: int) -> None:
    server.usual = status
    await context.clock.install()
    page = await visit(context, server)
    await fail(page)
    await server.delivered()
    await settled(page)
    await page.clock.run_for(1_000_000)
    assert await page.evaluate("[sent, waiting().length]") == [1, 0]


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


async def test_asked_is_seen_and_age_ends_at_the_request_to_zoom(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    early, late = await page.evaluate("""(async () => {
        const before = performance.now(), signature = await sign("/signature"), after = performance.now();
        await pause(60); start(signature); await pause(60);
        await (await native("/api/v1/wc/info?signature=" + signature, { method: "POST" })).text();
        joins[0].error(refused);
        const zoom = performance.getEntriesByType("resource").find(({ name }) => name.includes("/wc/info")).startTime;
        return [zoom - after, zoom - before];
    })()""")
    await server.delivered()
    (found,) = server.results()
    assert (found["asked"], found["age_clock"], found["suspended"]) == ("seen", "monotonic", False)
    assert early - 1 <= found["age_ms"] <= late + 1
    assert early > 100


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


@pytest.mark.parametrize("by_s", [3600, -3600, 2, 0], ids=lambda by_s: f"{by_s:+d} s")
async def test_clocks_that_differ(context: BrowserContext, server: Plain, by_s: int) -> None:
    await context.clock.install()
    page = await visit(context, server)
    await sign(page)
    await page.evaluate("start(signatures[0])")
    if by_s:
        await page.clock.set_system_time(await page.evaluate(f"Date.now() / 1000 + {by_s}"))
    await page.evaluate("joins[0].error(refused)")
    await server.delivered()
    (found,) = server.results()
    assert found["suspended"] is (by_s != 0)
    assert 0 <= found["age_ms"] < 5000


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


async def test_silence_for_two_minutes_and_then_a_result(context: BrowserContext, server: Plain) -> None:
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await sign(page)
    await page.evaluate("start(signatures[0])")
    await page.clock.run_for(119_900)
    assert await page.evaluate("sent") == 0
    await page.clock.run_for(100 + _MOMENT_MS)
    await server.delivered()
    await page.clock.run_for(600_000)
    await page.evaluate("{ joins[0].success(); joins[0].success(); joins[0].error(refused); }")
    await page.clock.run_for(_MOMENT_MS)
    await server.delivered(2)
    await page.clock.run_for(600_000)
    assert await page.evaluate("sent") == 2
    first, second = server.results()
    assert (first["outcome"], first["join_ms"]) == ("no_result", None)
    assert (second["outcome"], second["id"]) == ("joined", first["id"])
    assert second["join_ms"] == pytest.approx(720_100, abs=50)


async def test_odd_join_speed_levels_cost_no_result(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since, levels = len(ledger.ledger_rows()), [-1, 1.5, 65, 1e9, "8", None, 7]
    page = await visit(context, server, ledger)
    await sign(page, f"{ledger.public}/", len(levels))
    await page.evaluate(
        """(levels) => levels.forEach((level, number) => {
            start(signatures[number]);
            dispatchEvent(new CustomEvent("onJoinSpeed", { detail: { data: { level } } }));
            joins[number].error(refused);
        })""",
        levels,
    )
    found = await rows(ledger, since, len(levels))
    assert sorted(row["step"] or 0 for row in found) == [0] * (len(levels) - 1) + [7]


_LEAVING: Final = {
    "navigation": "{ joins[0].error(refused); location.href = '/left'; }",
    "window.close": "{ joins[0].error(refused); window.close(); }",
    "the page is closed": "joins[0].error(refused)",
    "the browser window is closed": "joins[0].error(refused)",
    "an error callback that reloads": "{ location.reload(); joins[0].error(refused); }",
    "while joining": "0",
}


@pytest.mark.parametrize("how", _LEAVING)
async def test_a_page_that_goes_away(browser: Browser, server: Plain, ledger: Joinwatch, how: str) -> None:
    since = len(ledger.ledger_rows())
    server.pages["/left"] = PRELUDE
    context = await browser.new_context()
    page = await visit(context, server, ledger)
    if how == "window.close":  # A script can close only what a script has opened.
        async with context.expect_page() as opening:
            await page.evaluate("void window.open(location.href)")
        page = await opening.value
        await page.wait_for_load_state()
    await sign(page, f"{ledger.public}/")
    await page.evaluate("start(signatures[0])")
    # What closes the page must not take the answer to this very call with it, nor may the profile close meanwhile.
    work = _LEAVING[how]
    later = "(work) => void setTimeout(work, 20)"
    if "location" in work:
        async with page.expect_navigation():
            await page.evaluate(later, work)
    elif "window" in work:
        async with page.expect_event("close"):
            await page.evaluate(later, work)
    else:
        await page.evaluate("(work) => void eval(work)", work)
    if how in ("the page is closed", "while joining"):
        await page.close()
    elif how == "the browser window is closed":
        await context.close()
    expected = ("no_result", None) if how == "while joining" else ("invalid_signature", "3712")

    def found() -> bool | None:
        # What is told as no_result while the page goes may be told better a moment later.
        told = [(row["outcome"], row["code"], row["origin"]) for row in ledger.ledger_rows()[since:]]
        return told == [(*expected, server.url)] or None

    await until(found, "row as expected")
    await context.close()
    assert len(ledger.ledger_rows()) == since + 1


async def test_a_page_that_comes_back_replaces_its_no_result(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since = len(ledger.ledger_rows())
    resolved = sample("joinwatch_no_result_resolved_total", backend="native")
    before = (await ledger.metrics())[resolved]
    page = await visit(context, server, ledger)
    await sign(page, f"{ledger.public}/")
    await page.evaluate("start(signatures[0])")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    (row,) = await rows(ledger, since)
    assert row["outcome"] == "no_result"
    await page.evaluate("joins[0].success()")
    await until(lambda: ledger.ledger_rows()[since]["outcome"] == "joined" or None, "replaced row")
    assert len(ledger.ledger_rows()) == since + 1
    assert (await ledger.metrics())[resolved] == before + 1
    await true(page, "waiting().length === 0")


async def test_forty_long_results_when_the_page_goes_are_all_delivered_or_kept(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    await sign(page, count=40)
    await page.evaluate("""{
        const long = Object.fromEntries(["type", "method", "result", "reason", "errorMessage", "name", "message"]
            .map((name) => [name, "long words ".repeat(18)]));
        signatures.forEach((one) => start(one));
        joins.forEach((one) => one.error(long));
        dispatchEvent(new PageTransitionEvent("pagehide"));
    }""")
    await page.close()
    server.usual = None
    other = await visit(context, server)
    kept = [one["result"]["receipt"] for one in await other.evaluate("kept()")]
    delivered = {one["receipt"] for one in server.results() if one["attempt"] == 1}
    assert min(len(got.body) for got in server.deliveries()) > 1400
    assert sorted({*kept, *delivered}) == sorted(f"receipt-{number}" for number in range(1, 41))
    assert await other.evaluate("localStorage['joinwatch:dropped']") is None


async def test_more_than_fifty_waiting_and_what_is_dropped_is_told_once(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since, dropped = len(ledger.ledger_rows()), sample("joinwatch_client_dropped_results_total")
    before = (await ledger.metrics())[dropped]
    server.usual = None
    page = await visit(context, server)
    await sign(page, f"{ledger.public}/", 54)
    await page.evaluate(
        "(async () => { for (const one of signatures) { start(one); joins.at(-1).error(refused); await pause(5); } })()"
    )
    await server.delivered(54)
    await true(page, "localStorage['joinwatch:dropped'] === '4'")
    await server.delivered(70)  # Tried again, nothing more is given up.
    assert await page.evaluate("localStorage['joinwatch:dropped']") == "4"
    await page.close()
    page = await visit(context, server, ledger)
    found = await rows(ledger, since, 50)
    await true(page, "waiting().length === 0 && !('joinwatch:dropped' in localStorage)")
    issued = [line["receipt"] for line in await ledger.logged("signature.issued", 54)][-54:]
    assert {row["receipt_id"] for row in found} == set(issued[4:])
    assert min(row["attempt"] for row in found) > 1
    assert (await ledger.metrics())[dropped] == before + 4


async def test_a_result_that_has_waited_for_more_than_two_days_is_dropped(
    context: BrowserContext, server: Plain
) -> None:
    server.usual = None
    page = await visit(context, server)
    await fail(page)
    await true(page, "waiting().length === 1")
    await page.close()
    page = await visit(context, server)
    await page.evaluate("age('result', 49)")
    await page.close()
    server.usual, before = 204, len(server.results())
    page = await visit(context, server)
    await true(page, "localStorage['joinwatch:dropped'] === '1'")
    await fail(page)
    await server.delivered(before + 1)
    (found,) = server.results()[before:]
    assert (found["dropped"], found["attempt"], found["receipt"]) == (1, 1, "receipt-2")
    await true(page, "!('joinwatch:dropped' in localStorage)")


_UNREADABLE: Final = ["not JSON", "null", "7", '{"wall": %d}', '{"wall": %d, "result": null}']


async def test_kept_values_that_cannot_be_read_do_not_stop_the_others(
    context: BrowserContext, server: Plain
) -> None:
    server.usual = None
    page = await visit(context, server)
    await fail(page)
    await true(page, "waiting().length === 1")
    odd = "(text, n) => (localStorage['joinwatch:result:' + n] = text.replace('%d', Date.now() - 9e4))"
    await page.evaluate(f"(all) => all.forEach({odd})", _UNREADABLE)
    await page.close()
    server.usual, before = 204, len(server.results())
    page = await visit(context, server)
    await server.delivered(before + 1)
    assert server.results()[before]["receipt"] == "receipt-1"
    await true(page, "!kept().some(({ result }) => result)")


async def test_two_tabs_that_deliver_the_same_result_are_one_row(
    context: BrowserContext, server: Plain, ledger: Joinwatch
) -> None:
    since = len(ledger.ledger_rows())
    server.usual = None
    page = await visit(context, server)
    await sign(page, f"{ledger.public}/")
    await page.evaluate("{ start(signatures[0]); joins[0].error(refused); }")
    await true(page, "waiting().length === 1")
    await page.close()
    tabs = await asyncio.gather(*(visit(context, server, ledger) for _ in range(2)))
    for tab in tabs:
        await true(tab, "waiting().length === 0")
        await settled(tab)
    (row,) = await rows(ledger, since)
    assert (row["attempt"], row["dropped"], row["outcome"]) == (2, 0, "invalid_signature")


async def test_joinwatch_is_down_and_the_browser_is_killed(server: Plain, tmp_path: Path) -> None:
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        async with joinwatch(tmp_path, _CONFIG, ENVIRONMENT) as watch, _killed(profile) as context:
            page = await visit(context, server, watch)
            await sign(page, f"{watch.public}/")
            await watch.kill()
            await page.evaluate("{ start(signatures[0]); joins[0].error(refused); }")
            await true(page, "waiting().length === 1")
            name = (await page.evaluate("waiting()[0]")).encode()
            # Chromium itself writes storage to the disk only some seconds later.
            await until(lambda: _on_disk(Path(profile), name) or None, "result on disk", 20)
        async with joinwatch(tmp_path, _CONFIG, ENVIRONMENT) as watch, _killed(profile) as context:
            page = await visit(context, server, watch)
            (row,) = await rows(watch, 0)
            assert (row["outcome"], row["code"], row["attempt"] > 1) == ("invalid_signature", "3712", True)
            await true(page, "waiting().length === 0")
            await page.goto(page.url)
            await asyncio.sleep(1.2)
            assert await page.evaluate("sent") == 0
        assert len(watch.ledger_rows()) == 1


@asynccontextmanager
async def _killed(profile: str) -> AsyncIterator[BrowserContext]:
    """A Chromium with this profile, killed at the end."""
    command = (require("chromium"), "--headless", "--no-sandbox", *ARGUMENTS, "--remote-debugging-port=0")
    async with running(*command, f"--user-data-dir={profile}", env={"HOME": profile}) as child:
        found = await child.match(r"DevTools listening on (ws://\S+)")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.connect_over_cdp(found[1])
            yield browser.contexts[0]
            await child.stop(signal.SIGKILL)


def _on_disk(profile: Path, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in profile.glob("*/Local Storage/leveldb/*.log"))
