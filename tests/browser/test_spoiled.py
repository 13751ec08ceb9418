"""A signature that the page spoils on its way to the SDK: local errors, silence, and what the row says about it."""

from __future__ import annotations

import pytest

from tests.support.joinwatch import Joinwatch

from .stage.browser import pass_time
from .stage.ledger import Expected, rows, same
from .stage.pages import WAYS, View, Way
from .stage.play import Run, Stage, alike

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def join(run: Run) -> None:
    """Press the button and wait for the failure; where the SDK tells none, let two minutes pass."""
    await run.press()
    if run.way == SILENT:
        await run.until(
            "seen.some(({what, values}) => what === 'onMeetingStatus' && values[0].data.meetingStatus === 1)"
        )
        await pass_time(run.page, 125_000)
    else:
        await run.ended()


SILENT = Way(View.CLIENT, "6.2.0")
"""Says nothing to the page about a signature that it cannot read."""


@pytest.mark.parametrize("way", [WAYS[1], WAYS[2]], ids=str)
async def test_in_quotes(stage: Stage, watch: Joinwatch, way: Way) -> None:
    async with alike(stage, watch, way, join, spoil="quotes") as run:
        failure = await run.failure()
        (row,) = await rows(watch, 1)
    changes = (("signature_intact", 0),)
    assert same(row, Expected("invalid_signature", "3712", failure, changes=changes).of(run))


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_without_its_dots(stage: Stage, watch: Joinwatch, way: Way) -> None:
    async with alike(stage, watch, way, join, spoil="no dots") as run:
        changes = (("signature_intact", 0), ("meeting_matches", None))
        if way == SILENT:
            expected = Expected("no_result", None, {}, "assumed", changes)
        elif way.version == "6.2.0":
            failure = await run.failure()
            assert failure["thrown"] == "TypeError"
            error = {"name": "TypeError", "message": failure["message"]}
            expected = Expected("other_failure", "local", error, "assumed", (*changes, ("step", None)))
        else:
            expected = Expected("invalid_signature", "3712", await run.failure(), changes=changes)
        (row,) = await rows(watch, 1)
    assert same(row, expected.of(run))


@pytest.mark.parametrize("way", [WAYS[1]], ids=str)
async def test_another_one(stage: Stage, watch: Joinwatch, way: Way) -> None:
    # A page cannot keep its browser from writing down that a request was refused.
    noise = ("error: Failed to load resource: the server responded with a status of 400 (Bad Request)",)

    async def play(run: Run) -> None:
        await join(run)
        if run.pages is stage.watched:
            await run.complained(noise[0])

    async with alike(stage, watch, way, play, noise=noise, spoil="not a token") as run:
        (rejected,) = await watch.logged("join.rejected")
        await watch.terminate()
    assert (rejected["reason"], rejected["origin"]) == ("no_receipt", run.pages.origin)
    assert watch.ledger_rows() == []
