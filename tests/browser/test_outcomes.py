"""Whatever Zoom answers: one row about the join, and the SDK does as without the script. Both views and versions."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.joinwatch import Joinwatch

from .stage.browser import pass_time
from .stage.ledger import Expected, asked_when_zoom_was, rows, same
from .stage.pages import WAYS, View, Way
from .stage.play import Run, Stage, alike, join, opened
from .stage.zoom import Behaviour

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Case:
    """An answer of Zoom; `codes`: of the client view, of the component view.

    `compared`: with a page without the script. Answers that differ in their text only need that but once.
    """

    behaviour: Behaviour
    codes: tuple[int, int]
    outcome: str = "other_failure"
    compared: bool = False


CASES = (
    Case(Behaviour.REFUSE, (3712, 3712), "invalid_signature", compared=True),
    Case(Behaviour.WRONG_KEY, (3704, 3704)),
    Case(Behaviour.EXPIRED, (3705, 3705), "signature_expired"),
    Case(Behaviour.RESET, (1, -3000), compared=True),
    Case(Behaviour.HTTP_500, (1, -3000)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.behaviour))
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_join_that_fails(stage: Stage, watch: Joinwatch, way: Way, case: Case) -> None:
    stage.zoom.behaviour = case.behaviour
    stage.zoom.asked.clear()
    page = alike(stage, watch, way, join) if case.compared else opened(stage, stage.watched, watch, way)
    async with page as run:
        if not case.compared:
            await join(run)
        failure = await run.failure()
        asked = await run.asked()
        (row,) = await rows(watch, 1)
    assert failure["errorCode"] == case.codes[way.view is View.COMPONENT]
    assert same(row, Expected(case.outcome, str(failure["errorCode"]), failure).of(run))
    assert asked_when_zoom_was(row, asked[-1])
    assert 0 < row["join_ms"] < 10_000


async def never_answered(run: Run) -> None:
    """Press the button, and let two minutes pass once Zoom is asked."""
    await run.press()
    await run.asked()
    await pass_time(run.page, 125_000)


@pytest.mark.parametrize("way", [way for way in WAYS if way.version == "6.2.0"], ids=str)
async def test_no_answer_where_the_sdk_gives_up(stage: Stage, watch: Joinwatch, way: Way) -> None:
    stage.zoom.behaviour = Behaviour.SILENT
    async with alike(stage, watch, way, never_answered) as run:
        failure = await run.failure()
        (asked,) = await run.asked()
        (row,) = await rows(watch, 1)
    assert failure["errorCode"] == (1 if way.view is View.CLIENT else -3000)
    assert same(row, Expected("other_failure", str(failure["errorCode"]), failure).of(run))
    assert asked_when_zoom_was(row, asked)
    assert 29_000 < row["join_ms"] < 32_000


@pytest.mark.parametrize("way", [way for way in WAYS if way.version == "2.8.0"], ids=str)
async def test_no_answer_where_the_sdk_waits_for_ever(stage: Stage, watch: Joinwatch, way: Way) -> None:
    stage.zoom.behaviour = Behaviour.SILENT
    async with alike(stage, watch, way, never_answered) as run:
        (row,) = await rows(watch, 1)
    # A request that has not ended is in no resource timing.
    assert same(row, Expected("no_result", None, {}, "assumed").of(run))
    assert row["join_ms"] is None


async def html(run: Run) -> None:
    """Press the button, and let two minutes pass once the browser has the answer."""
    await run.press()
    asked = "performance.getEntriesByType('resource').some(({name}) => name.includes('/wc/info'))"
    await run.until(asked)
    await pass_time(run.page, 125_000)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_html_instead_of_json(stage: Stage, watch: Joinwatch, way: Way) -> None:
    stage.zoom.behaviour = Behaviour.HTML
    async with alike(stage, watch, way, html) as run:
        (asked,) = await run.asked()
        if way == Way(View.COMPONENT, "6.2.0"):
            expected = Expected("no_result", None, {})
        else:
            # Chromium does not let a script element have HTML of another origin: for 2.8.0 the request failed.
            failure = await run.failure()
            expected = Expected("other_failure", str(failure["errorCode"]), failure)
        (row,) = await rows(watch, 1)
    assert same(row, expected.of(run))
    assert asked_when_zoom_was(row, asked)
