"""What a result says: ages, clocks, progress, and no_result before anything else is known."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext

from tests.support.joinwatch import Joinwatch

from ..stage.joining import MOMENT_MS, rows, sign, true, visit
from ..stage.plain import Plain

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_asked_is_seen_and_age_ends_at_the_request_to_zoom(
    context: BrowserContext, server: Plain
) -> None:
    page = await visit(context, server)
    early, late = await page.evaluate("""(async () => {
        const before = performance.now(), signature = await sign("/signature"), after = performance.now();
        await pause(60); start(signature); await pause(60);
        const ask = async () => (await native("/api/v1/wc/info?signature=" + signature, { method: "POST" })).text();
        await ask(); await pause(60); await ask();  // The SDK asks again: the first counts.
        joins[0].error(refused);
        const zoom = performance.getEntriesByType("resource").find(({ name }) => name.includes("/wc/info")).startTime;
        return [zoom - after, zoom - before];
    })()""")
    await server.delivered()
    (found,) = server.results()
    assert (found["asked"], found["age_clock"], found["suspended"]) == ("seen", "monotonic", False)
    assert early - 1 <= found["age_ms"] <= late + 1
    assert early > 100


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


async def test_silence_for_two_minutes_and_then_a_result(context: BrowserContext, server: Plain) -> None:
    await context.clock.install()
    page = await visit(context, server)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1.5"))
    await sign(page)
    await page.evaluate("start(signatures[0])")
    await page.clock.run_for(119_900)
    assert await page.evaluate("sent") == 0
    await page.clock.run_for(100 + MOMENT_MS)
    await server.delivered()
    await page.clock.run_for(600_000)
    await page.evaluate("{ joins[0].success(); joins[0].success(); joins[0].error(refused); }")
    await page.clock.run_for(MOMENT_MS)
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
    assert len({row["receipt_id"] for row in found}) == len(levels)
    assert 7 in [row["step"] for row in found]


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("/zoom-meeting-embedded-6.2.0.min.js", "6.2.0"),
        ("/lib/zoom-meeting-6.2.0.min.js", "6.2.0"),
        ("https://source.zoom.us/6.2.0/lib/av/js_media.min.js", "6.2.0"),
        ("/api/v1/wc/info?meetingNumber=1&cv=2.8.0", "2.8.0"),
        ("/zoom/assets/app-9.8.7.js", None),
        ("/zoom/9.8.7/page.css?cv=9.8.7", None),
        ("/login?to=/zoom&v=9.8.7", None),
    ],
)
async def test_the_version_is_that_of_the_sdks_own_addresses(
    context: BrowserContext, server: Plain, url: str, version: str | None
) -> None:
    page = await visit(context, server)
    await page.evaluate("(url) => native(url, { mode: 'no-cors' }).catch(() => {})", url)
    await true(page, f"performance.getEntriesByType('resource').some(({{ name }}) => name.endsWith('{url}'))")
    await page.evaluate("{ start('none'); joins[0].error(refused); }")
    await server.delivered()
    assert server.results()[0]["sdk_version"] == version
