"""The bench runs, believes no rate without its work, and leaves nothing running."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.world import Case, Round
from bench.wrk import Load

from .support.child import running
from .support.real import require

ROOT = Path(__file__).parents[1]


def rounds(rates: dict[str, list[float]]) -> dict[str, list[Round]]:
    """Rounds of a second each, on a core that is wholly busy."""
    return {
        key: [Round(Load(int(rate), 1.0, wrong=0, other_status=0, failed=0), cpu_s=1.0) for rate in each]
        for key, each in rates.items()
    }


@pytest.mark.parametrize(
    ("empty", "issuing", "reached", "ratio"),
    [
        ([10000, 10000, 10000], [3000, 3000, 3000], True, 0.30),
        ([10000, 10000, 10000], [2990, 2990, 2990], False, 0.30),
        # A slow minute slows both of a round; the median of the rounds' ratios does not notice.
        ([10000, 2000, 10000], [3500, 700, 3500], True, 0.35),
        # One round that was lucky does not count.
        ([10000, 10000, 10000], [2000, 9000, 2000], False, 0.20),
    ],
    ids=["at_the_bar", "below", "slow_minute", "lucky_round"],
)
def test_the_bar(empty: list[float], issuing: list[float], reached: bool, ratio: float) -> None:
    found, sentence = report.verdict(rounds({"empty": empty, "issuing": issuing}))
    assert found is reached
    assert f"reaches {ratio:.2f} " in sentence


def test_the_table() -> None:
    measured = rounds({"empty": [8000, 10000, 9000], "issuing": [2000, 4000, 3000]})
    cases = [Case(key, f"the {key} one", lambda _seconds, _number: measured["empty"][0]) for key in measured]
    _, *lines = [re.split(r"  +", line.strip()) for line in report.table(cases, measured).splitlines()]
    assert lines == [
        ["the empty one", "9000", "(8000-10000)", "1.00", "111", "1.00", "100%"],
        ["the issuing one", "3000", "(2000-4000)", "0.33", "333", "0.33", "100%"],
    ]


def test_a_short_run(tmp_path: Path) -> None:
    require("wrk")
    command = [sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "1", "--no-bar"]
    ended = subprocess.run(
        [*command, "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert "WRONG" not in ended.stdout
    answered = re.search(
        r"^join results: (\d+) answered, 0 with anything but 204$", ended.stdout, re.MULTILINE
    )
    assert answered
    assert int(answered[1]) > 0
    assert re.search(r"issuing reaches 0\.\d\d of the empty handler's rate", ended.stdout)
    assert list(tmp_path.iterdir()) == []


async def test_ended_early_it_leaves_nothing(tmp_path: Path) -> None:
    require("wrk")
    command = (sys.executable, "-m", "bench", "--rounds", "20", "--seconds", "60", "--folder", str(tmp_path))
    async with running(*command, env={}, cwd=ROOT) as child:
        async with asyncio.timeout(30):
            while not list(tmp_path.glob("*/joinwatch.out")):
                await asyncio.sleep(0.02)
        assert await child.stop(timeout_s=30) == 2
    assert list(tmp_path.iterdir()) == []
    assert processes_in(tmp_path) == []


def processes_in(folder: Path) -> list[str]:
    """The ids of those whose working folder is, or was, in this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(str(folder)):  # noqa: PTH115  # it may be gone
                found.append(process.name)
        except OSError:
            continue
    return found
