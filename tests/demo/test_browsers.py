"""What browsers do: each fate is told, stored and counted as it should be, by a real joinwatch on a driven clock."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from proxy.demo.browsers import SILENCE_S, Browser
from proxy.demo.configuration import LEDGER
from proxy.demo.visits import LONG_OFFLINE_S, MEETINGS, NOT_STARTED, Again, Fate, Visit, visits
from proxy.demo.world import World

from ..support.demo_world import counters, drive, ledger_counts

VISIT = replace(
    next(islice(visits(1, 1.0), 0, None)),
    backend="honest",
    meeting=MEETINGS[0],
    view="client",
    sdk="6.2.0",
    skew_s=0.0,
    thinks_s=4.0,
    takes_s=2.0,
    fate=Fate.NONE,
    fate_s=1.0,
    again=(),
)

Row = dict[str, Any]


def lived(folder: Path, visit: Visit) -> tuple[list[Row], dict[tuple[str, ...], float]]:
    """The rows of the ledger after one visit, and the metrics; the browser's own counts agree."""

    async def story(made: World) -> dict[tuple[str, ...], float]:
        await Browser(visit, made.web, random.Random(1)).live()
        assert await made.disagreements() == []
        made_counts = Counter(made.tally.told)
        made_counts.update({(name, "late"): count for (name, _), count in made.tally.late.items()})
        assert +made_counts == ledger_counts(folder)
        return await counters(made)

    metrics = drive(story, folder)
    with closing(sqlite3.connect(folder / LEDGER)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM joins ORDER BY received_at")], metrics


def received(metrics: dict[tuple[str, ...], float]) -> dict[str, float]:
    """The deliveries by what they were."""
    name = "joinwatch_join_results_received_total"
    return {key[1]: value for key, value in metrics.items() if key[0] == name and value}


@pytest.mark.parametrize(
    ("changes", "outcome", "deliveries", "expected"),
    [
        pytest.param(
            {}, "joined", {"new": 1}, {"age_ms": 4000.0, "join_ms": 2000.0, "attempt": 1}, id="joins"
        ),
        pytest.param(
            {"fate": Fate.CLOSES, "fate_s": 0.5},
            "no_result",
            {"new": 1},
            {"age_ms": 4000.0, "join_ms": None},
            id="closes the tab",
        ),
        pytest.param(
            {"fate": Fate.SILENCE, "fate_s": 150.0},
            "joined",
            {"new": 1, "resolved": 1},
            {"age_ms": 4000.0, "join_ms": 150_000.0, "late": 0},
            id="hears nothing for long",
        ),
        pytest.param(
            {"fate": Fate.OFFLINE, "fate_s": 60.0},
            "joined",
            {"new": 1},
            {"attempt": 2, "late": 0},
            id="goes offline",
        ),
        pytest.param(
            {"fate": Fate.OFFLINE, "fate_s": LONG_OFFLINE_S},
            "joined",
            {"late": 1},
            {"attempt": 2, "late": 1},
            id="goes offline for long",
        ),
        pytest.param(
            {"fate": Fate.UNHEARD, "fate_s": 5.0},
            "joined",
            {"new": 1, "same_id": 1},
            {"attempt": 1},
            id="does not hear the answer",
        ),
        pytest.param(
            {"fate": Fate.SLEEPS, "fate_s": 90.0},
            "joined",
            {"new": 1},
            {"age_ms": 4000.0, "suspended": 1, "token_age_s": None},
            id="sleeps",
        ),
        pytest.param(
            {"fate": Fate.CROSSES, "fate_s": 1.5, "skew_s": 300.0},
            "joined",
            {"new": 1},
            {"age_ms": 5500.0, "age_clock": "wall", "suspended": 0},
            id="crosses pages, its clock wrong",
        ),
        pytest.param(
            {"fate": Fate.CORRECTED, "fate_s": 1.5, "skew_s": 300.0},
            "joined",
            {"new": 1},
            {"age_ms": None, "token_age_s": None},
            id="crosses pages, its clock set back",
        ),
        pytest.param(
            {"fate": Fate.CORRECTED, "fate_s": 1.5, "skew_s": -300.0},
            "joined",
            {"new": 1},
            {"age_ms": 305_500.0, "token_age_s": None},
            id="crosses pages, its clock set forward",
        ),
        pytest.param(
            {"meeting": NOT_STARTED},
            "other_failure",
            {"new": 1},
            {"code": "3008", "age_ms": 4000.0},
            id="comes too early",
        ),
        pytest.param(
            {"backend": "legacy", "view": "component"},
            "other_failure",
            {"new": 1},
            {"code": "local", "view": "component"},
            id="the SDK cannot read it",
        ),
        pytest.param(
            {"backend": "legacy", "sdk": "6.2.0"},
            "no_result",
            {"new": 1},
            {},
            id="the SDK says nothing of it",
        ),
        pytest.param(
            {"backend": "legacy", "sdk": "2.8.0"},
            "invalid_signature",
            {"new": 1},
            {"code": "3712", "sdk_version": "2.8.0"},
            id="an old SDK asks Zoom",
        ),
    ],
)
def test_one_join(
    tmp_path: Path, changes: dict[str, Any], outcome: str, deliveries: dict[str, float], expected: Row
) -> None:
    rows, metrics = lived(tmp_path, replace(VISIT, **changes))
    [row] = rows
    assert row["outcome"] == outcome
    assert {name: row[name] for name in expected} == expected
    assert received(metrics) == deliveries


def test_who_leaves_before_joining_tells_nothing(tmp_path: Path) -> None:
    rows, metrics = lived(tmp_path, replace(VISIT, fate=Fate.LEAVES))
    assert rows == []
    assert metrics["joinwatch_signatures_total", "honest", "issued"] == 1


def test_who_is_refused_tries_again_with_the_same_signature_or_another(tmp_path: Path) -> None:
    again = (Again(11.0, reload=False), Again(12.0, reload=True), Again(13.0, reload=False))
    rows, metrics = lived(tmp_path, replace(VISIT, backend="wrong_secret", again=again))
    assert [row["code"] for row in rows] == ["3712"] * 4
    assert len({row["result_id"] for row in rows}) == 4
    receipts = [row["receipt_id"] for row in rows]
    assert receipts[0] == receipts[1] != receipts[2] == receipts[3]
    assert [row["age_ms"] for row in rows] == [4000.0, 17_000.0, 4000.0, 19_000.0]
    assert metrics["joinwatch_signatures_total", "wrong_secret", "issued"] == 2


def test_a_fast_clock_heals_for_who_waits(tmp_path: Path) -> None:
    again = (Again(11.0, reload=False), Again(11.0, reload=False), Again(11.0, reload=False))
    rows, _ = lived(tmp_path, replace(VISIT, backend="fast_clock", thinks_s=1.0, again=again))
    assert [row["outcome"] for row in rows] == ["invalid_signature", "invalid_signature", "joined"]


def test_who_waits_goes_home_at_the_end(tmp_path: Path) -> None:
    async def story(made: World) -> None:
        browser = Browser(replace(VISIT, thinks_s=1e6), made.web, random.Random(1))
        task = asyncio.create_task(browser.live())
        await asyncio.sleep(SILENCE_S)
        made.stop()
        await task
        assert made.tally.signatures == {"honest": 1}
        assert made.tally.joins() == 0

    drive(story, tmp_path)


def test_what_it_sends_is_what_the_page_script_sends(tmp_path: Path) -> None:
    """The fields of README's body, all of them."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    body = json.loads(readme.partition("```json body\n")[2].partition("```")[0])

    async def story(made: World) -> None:
        browser = Browser(VISIT, made.web, random.Random(1))
        signature = await browser._ask()
        assert signature is not None
        told = browser._told(signature, 1.0, crosses=False, slept=False)
        assert {*told.fields, "attempt"} == body.keys()

    drive(story, tmp_path)
