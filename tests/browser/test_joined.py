"""Joins that Zoom accepts: the meeting's own servers decide what becomes of them, and what comes later is no join."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.joinwatch import Joinwatch

from .stage.ledger import Expected, rows, same
from .stage.meeting import Meeting
from .stage.pages import WAYS, View, Way
from .stage.play import Run, Stage, opened
from .stage.zoom import Behaviour

pytestmark = pytest.mark.asyncio(loop_scope="module")

_JOINED_STEP = 8
"""The join-speed level "user join success". It may come a moment after the success that it tells of."""


_SUCCESS: dict[tuple[View, str], list[Any]] = {
    (View.CLIENT, "6.2.0"): [],
    (View.CLIENT, "2.8.0"): [
        {"method": "join", "status": True, "errorCode": 0, "errorMessage": None, "result": None}
    ],
    (View.COMPONENT, "6.2.0"): [""],
    (View.COMPONENT, "2.8.0"): [""],
}
"""What the SDK gives to the success callback, or resolves with, on pages without the script."""


async def join(run: Run) -> list[Any]:
    """Press the button; what the SDK says when the person is in the meeting."""
    await run.press()
    success = "seen.find(({what}) => what === 'join success' || what === 'join resolved')"
    values: list[Any] = (await run.until(success))["values"]
    return values


@pytest.mark.parametrize("meeting", [Meeting.JOINED, Meeting.WAITING_ROOM], ids=str)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_join_that_succeeds(stage: Stage, watch: Joinwatch, way: Way, meeting: Meeting) -> None:
    stage.zoom.behaviour, stage.zoom.meetings.meeting = Behaviour.ACCEPT, meeting
    async with opened(stage, stage.watched, watch, way) as run:
        assert await join(run) == _SUCCESS[way.view, way.version]
        (row,) = await rows(watch, 1)
    expected = Expected("joined", None, {}).of(run) | {"step": row["step"]}
    assert same(row, expected)
    assert row["step"] in ([None] if way.version == "2.8.0" else range(1, _JOINED_STEP + 5))
    assert 0 < row["join_ms"] < 10_000


@pytest.mark.parametrize("way", [way for way in WAYS if way.view is View.COMPONENT], ids=str)
async def test_a_connection_that_is_lost_and_found_is_no_join(
    stage: Stage, watch: Joinwatch, way: Way
) -> None:
    stage.zoom.behaviour, stage.zoom.meetings.meeting = Behaviour.ACCEPT, Meeting.JOINED
    stage.zoom.asked.clear()
    async with opened(stage, stage.watched, watch, way) as run:
        await join(run)
        await stage.zoom.meetings.drop()
        await run.asked(2)
        await run.until("seen.filter((one) => JSON.stringify(one).includes('\"Connected\"')).length > 1")
        (row,) = await rows(watch, 1)
    assert row["outcome"] == "joined"


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_locked_meeting_is_no_invalid_signature(stage: Stage, watch: Joinwatch, way: Way) -> None:
    """Client View calls neither callback; its event says no more than that it is over."""
    stage.zoom.behaviour, stage.zoom.meetings.meeting = Behaviour.ACCEPT, Meeting.LOCKED
    stage.zoom.asked.clear()
    async with opened(stage, stage.watched, watch, way) as run:
        await run.press()
        if way.view is View.COMPONENT:
            await run.ended()
            expected = Expected("other_failure", "4006", await run.failure())
        else:
            await run.until("seen.some((one) => JSON.stringify(one).includes('\"meetingStatus\":3'))")
            expected = Expected("no_result", None, {})
        await run.page.close()
        (row,) = await rows(watch, 1)
    assert same(row, expected.of(run) | {"step": row["step"]})
