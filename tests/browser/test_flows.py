"""What people and pages do: Retry, two pages, two backends, leaving at once, joinwatch away and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.joinwatch import Joinwatch, joinwatch
from tests.support.servers import unused_port

from .stage.ledger import CONFIG, ENVIRONMENT, Expected, asked_when_zoom_was, rows, same
from .stage.meeting import Meeting
from .stage.pages import WAYS, View, Way
from .stage.play import Run, Stage, alike, join, opened
from .stage.zoom import Behaviour

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENT, COMPONENT = Way(View.CLIENT, "6.2.0"), Way(View.COMPONENT, "6.2.0")
OLD_CLIENT, OLD_COMPONENT = Way(View.CLIENT, "2.8.0"), Way(View.COMPONENT, "2.8.0")

_FAILED_TWICE = """
    seen.filter(({what, values}) => what === "connection-change" && values[0].state === "Fail").length === 2
        && seen.some(({what}) => what === "unhandledrejection")
"""
# The dialog covers the page with transitions; a person's patience is not what is tested.
_RETRY = "[...document.querySelectorAll('button')].find(({innerText}) => innerText.trim() === 'Retry')"


@pytest.fixture(autouse=True)
def refusing(stage: Stage) -> None:
    """Zoom refuses, unless a test says otherwise."""
    stage.zoom.behaviour = Behaviour.REFUSE
    stage.zoom.asked.clear()


async def refused(run: Run) -> Expected:
    """What the row of a refused join has."""
    return Expected("invalid_signature", "3712", await run.failure())


# Retry


async def retry(run: Run) -> None:
    """Press Retry in the SDK's own dialog."""
    await run.until(f"Boolean({_RETRY})")
    await run.page.evaluate(f"{_RETRY}.click()")


@pytest.mark.parametrize("way", [COMPONENT, OLD_COMPONENT], ids=str)
async def test_retry_in_the_component_view_is_a_join_of_its_own(
    stage: Stage, watch: Joinwatch, way: Way
) -> None:
    async def play(run: Run) -> None:
        await join(run)
        if run.pages is stage.watched:
            await watch.logged("join.reported")  # nobody presses Retry within a twentieth of a second
        await retry(run)
        await run.until(_FAILED_TWICE)

    async with alike(stage, watch, way, play) as run:
        expected = await refused(run)
        asked = await run.asked(2)
        first, second = await rows(watch, 2)
    assert same(first, expected.of(run))
    # Of the second there is no promise, only the event.
    error = {"reason": "Signature is invalid.", "errorCode": 3712}
    again = Expected(expected.outcome, expected.code, error, changes=(("step", None),))
    assert same(second, again.of(run))
    assert asked_when_zoom_was(first, asked[0])
    assert asked_when_zoom_was(second, asked[1])
    assert (first["receipt_id"], second["result_id"]) == (second["receipt_id"], second["result_id"])
    assert first["result_id"] != second["result_id"]


@pytest.mark.parametrize("way", [COMPONENT, OLD_COMPONENT], ids=str)
async def test_a_retry_that_succeeds_is_told_by_the_event_alone(
    stage: Stage, watch: Joinwatch, way: Way
) -> None:
    """As with a rounded iat: refused at first, and a little later the very same signature is good."""
    async with opened(stage, stage.watched, watch, way) as run:
        await join(run)
        await watch.logged("join.reported")
        stage.zoom.behaviour, stage.zoom.meetings.meeting = Behaviour.ACCEPT, Meeting.JOINED
        await retry(run)
        await run.until("seen.some((one) => JSON.stringify(one).includes('\"Connected\"'))")
        first, second = await rows(watch, 2)
    assert (first["outcome"], second["outcome"]) == ("invalid_signature", "joined")
    assert first["receipt_id"] == second["receipt_id"]
    assert second["age_ms"] > first["age_ms"]


@pytest.mark.parametrize("way", [CLIENT, OLD_CLIENT], ids=str)
async def test_retry_in_the_client_view_reloads_the_page(stage: Stage, watch: Joinwatch, way: Way) -> None:
    async def play(run: Run) -> None:
        await join(run)
        errors.append(await run.failure())
        await retry(run)
        await run.until("typeof seen !== 'undefined' && seen.length === 0")

    errors: list[dict[str, object]] = []
    async with alike(stage, watch, way, play) as run:
        (row,) = await rows(watch, 1)
    assert same(row, Expected("invalid_signature", "3712", errors[0]).of(run))


# Two pages


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_fetched_on_one_page_joined_on_the_next(stage: Stage, watch: Joinwatch, way: Way) -> None:
    async def play(run: Run) -> None:
        await run.press()
        await run.page.wait_for_url(f"**/{way.view}.html?*")
        await run.ended()

    async with alike(stage, watch, way, play, first=True) as run:
        (asked,) = await run.asked()
        expected = await refused(run)
        (row,) = await rows(watch, 1)
    changes = (("age_clock", "wall"),)
    assert same(row, Expected(expected.outcome, expected.code, expected.error, changes=changes).of(run))
    assert asked_when_zoom_was(row, asked)


@pytest.mark.parametrize("way", [CLIENT, OLD_COMPONENT], ids=str)
async def test_joined_in_a_new_tab_that_knows_nothing_of_the_first(
    stage: Stage, watch: Joinwatch, way: Way
) -> None:
    async with opened(stage, stage.watched, watch, way, first=True, tab="new") as run:
        async with run.visit.context.expect_page() as opening:
            await run.press()
        run.page = await opening.value
        await run.until("typeof seen !== 'undefined'")
        await run.ended()
        (asked,) = await run.asked()
        expected = await refused(run)
        (row,) = await rows(watch, 1)
    changes = (("age_clock", "wall"),)
    assert same(row, Expected(expected.outcome, expected.code, expected.error, changes=changes).of(run))
    assert asked_when_zoom_was(row, asked)


# The receipt


@pytest.mark.parametrize(
    ("way", "routes", "backend"),
    [(COMPONENT, "/,/two", "one"), (COMPONENT, "/two,/", "two"), (OLD_CLIENT, "/two,/", "two")],
    ids=str,
)
async def test_two_backends_asked_at_once(
    stage: Stage, watch: Joinwatch, way: Way, routes: str, backend: str
) -> None:
    async with opened(stage, stage.watched, watch, way, routes=routes) as run:
        await join(run)
        expected = await refused(run)
        (row,) = await rows(watch, 1)
    changes = (("asked", backend), ("signer", backend), ("route", routes.partition(",")[0]))
    assert same(row, Expected(expected.outcome, expected.code, expected.error, changes=changes).of(run))


@pytest.mark.parametrize("way", [OLD_COMPONENT], ids=str)
async def test_a_signature_by_xmlhttprequest(stage: Stage, watch: Joinwatch, way: Way) -> None:
    async with alike(stage, watch, way, join, by="xhr") as run:
        (asked,) = await run.asked()
        expected = await refused(run)
        (row,) = await rows(watch, 1)
    assert same(row, expected.of(run))
    assert asked_when_zoom_was(row, asked)


_AGE = """
    performance.getEntriesByType("resource").find(({name}) => name.includes("/wc/info")).startTime -
    performance.getEntriesByType("resource").find(({initiatorType}) => initiatorType === "fetch").responseEnd
"""


async def test_the_age_ends_when_zoom_is_asked_not_when_join_is_called(
    stage: Stage, watch: Joinwatch
) -> None:
    async with opened(stage, stage.watched, watch, OLD_CLIENT, preview="yes") as run:
        await run.press()
        await run.page.click("#join-btn")
        await run.ended()
        age_ms = await run.page.evaluate(_AGE)
        expected = await refused(run)
        (row,) = await rows(watch, 1)
    assert same(row, expected.of(run))
    assert abs(row["age_ms"] - age_ms) < 60


# Leaving


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_left_at_the_refusal_itself(stage: Stage, watch: Joinwatch, way: Way) -> None:
    leaving = """note = (what) => {
        if (what === "join error" || what === "join rejected") location.href = "/left.html";
    }"""
    async with opened(stage, stage.watched, watch, way) as run:
        await run.page.evaluate(leaving)
        await run.press()
        await run.page.wait_for_url("**/left.html")
        (row,) = await rows(watch, 1)
    assert (row["outcome"], row["code"], row["attempt"]) == ("invalid_signature", "3712", 1)


@pytest.mark.parametrize("way", [COMPONENT, OLD_CLIENT], ids=str)
async def test_closed_while_joining(stage: Stage, watch: Joinwatch, way: Way) -> None:
    stage.zoom.behaviour = Behaviour.SILENT
    async with opened(stage, stage.watched, watch, way) as run:
        await run.press()
        await run.asked()
        await run.page.close(run_before_unload=True)
        (row,) = await rows(watch, 1)
    assert same(row, Expected("no_result", None, {}, row["age_asked"]).of(run))


# joinwatch away and back


@pytest.mark.parametrize("way", [CLIENT, OLD_COMPONENT], ids=str)
async def test_a_result_waits_for_the_next_page_view(stage: Stage, tmp_path: Path, way: Way) -> None:
    at = {"JOINWATCH_LISTEN__PUBLIC": f"127.0.0.1:{unused_port()}"}
    async with joinwatch(tmp_path, CONFIG, ENVIRONMENT | at) as watch:
        stage.zoom.behaviour = Behaviour.SILENT
        async with opened(stage, stage.watched, watch, way) as run:
            await run.press()
            (asked,) = await run.asked()
            await watch.terminate()
            await run.page.goto(f"{stage.watched.origin}/left.html")
            async with joinwatch(tmp_path, CONFIG, ENVIRONMENT | at) as back:
                await run.page.goto(run.pages.url(way, back.public + "/"))
                (row,) = await rows(back, 1)
    changes = (("attempt", row["attempt"]),)
    assert same(row, Expected("no_result", None, {}, row["age_asked"], changes).of(run))
    assert row["attempt"] >= 2
    assert row["joined_at"] - asked.at < 1.0


async def test_a_result_is_tried_again_while_the_page_is_there(stage: Stage, tmp_path: Path) -> None:
    at = {"JOINWATCH_LISTEN__PUBLIC": f"127.0.0.1:{unused_port()}"}
    async with joinwatch(tmp_path, CONFIG, ENVIRONMENT | at) as watch:
        stage.zoom.behaviour = Behaviour.SILENT
        async with opened(stage, stage.watched, watch, COMPONENT) as run:
            await run.press()
            await run.asked()
            await watch.terminate()
            stage.zoom.give_up()
            await run.ended()
            await run.until("Object.keys(localStorage).some((name) => name.startsWith('joinwatch:result:'))")
            async with joinwatch(tmp_path, CONFIG, ENVIRONMENT | at) as back:
                (row,) = await rows(back, 1)
                failure = await run.failure()
    changes = (("attempt", row["attempt"]),)
    assert same(row, Expected("other_failure", "-3000", failure, changes=changes).of(run))
    assert row["attempt"] >= 2
