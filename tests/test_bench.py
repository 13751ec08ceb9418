"""The bench runs, believes no rate without its work, and leaves nothing running."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report, sightings
from bench.observing import Cost, Look, Observing
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


def observing(*costs: tuple[float, int, int]) -> Observing:
    """What was measured of kinds of traffic: median, peak, and peak after twice as many."""
    made = tuple(
        Cost(f"kind {number}", median_us, median_us * 2, peak, twice)
        for number, (median_us, peak, twice) in enumerate(costs)
    )
    return Observing(
        1000, made, (Look("it", 12.34, 5760, ("float32_rounding",)), Look("the other", 5, 9, ()))
    )


@pytest.mark.parametrize(
    ("seen", "reached", "worst", "growing"),
    [
        pytest.param(observing((3, 100, 100), (25, 100, 100)), True, "25.0 us", [], id="at the bar"),
        pytest.param(observing((3, 100, 100), (25.2, 100, 100)), False, "25.2 us", [], id="slow"),
        pytest.param(observing((3, 1000, 1050)), True, "3.0 us", [], id="as much memory as it may"),
        pytest.param(observing((3, 1000, 1051), (2, 9, 9)), True, "3.0 us", ["kind 0"], id="grows"),
        pytest.param(observing((3, 1000, 2000)), True, "3.0 us", ["kind 0"], id="not bounded"),
    ],
)
def test_the_bars_of_observing(seen: Observing, reached: bool, worst: str, growing: list[str]) -> None:
    found, sentence = report.observing_verdict(seen)
    assert found is reached
    assert worst in sentence
    assert [problem.partition(":")[0] for problem in report.growing(seen)] == growing


def test_the_table_of_observing() -> None:
    lines = report.observing_table(observing((3, 2_000_000, 2_010_000))).splitlines()
    assert [re.split(r"  +", line.strip()) for line in lines[:2]] == [
        ["diagnosis, 1000 signatures", "us/signature", "99 % within", "peak MB", "twice as many"],
        ["kind 0", "3.0", "6.0", "2.00", "+0.5%"],
    ]
    assert lines[2:] == [
        "a look at it, 5760 joins: 12.3 ms, names float32_rounding",
        "a look at the other, 9 joins: 5.0 ms, names nothing",
    ]


def test_the_traffic_is_what_its_title_says() -> None:
    seen = {each.title: list(each.signatures(1000, 2000.0)) for each in sightings.ALL}
    iats = {title: {one.issuance.iat for one in each} for title, each in seen.items()}
    assert all(iat is not None and iat % 128 == 0 for iat in iats["float32 rounding"])
    ahead = [one for one in seen["float32 rounding"] if "time/iat_ahead" in one.issuance.findings]
    assert 0.4 < len(ahead) / 1000 < 0.6
    assert not any(one.issuance.findings for one in seen["honest"])
    swapped = [one for one in seen["shared state"] if one.meeting != one.asked]
    assert 0.25 < len(swapped) / 1000 < 0.35
    assert len({one.issuance.replica for one in seen["64 replicas, float32"]}) == 64
    assert len({one.issuance.replica for one in seen["100000 replica names"]}) > 900
    assert len({one.token for one in seen["repeated tokens"]}) == 7
    assert len({one.token for one in seen["honest"]}) == 1000


def test_a_short_run(tmp_path: Path) -> None:
    require("wrk")
    command = [sys.executable, "-m", "bench", "--quick", "--rounds", "1", "--seconds", "1", "--no-bar"]
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
    costs = re.findall(
        r"^(\S.*?)  +([\d.]+)  +([\d.]+)  +([\d.]+)  +([-+][\d.]+)%$", ended.stdout, re.MULTILINE
    )
    assert [title for title, *_ in costs] == [each.title for each in sightings.ALL]
    assert all(0.0 < float(median) <= float(slowest) for _, median, slowest, *_ in costs)
    assert all(float(megabytes) < 20.0 for *_, megabytes, _ in costs)
    assert re.search(r"observing a signature takes at most [\d.]+ us in the median", ended.stdout)
    looks = re.findall(
        r"^a look at 64 replicas, (\w+), \d+ joins: [\d.]+ ms, names (.*)$", ended.stdout, re.MULTILINE
    )
    assert [title for title, _ in looks] == ["honest", "float32"]
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
