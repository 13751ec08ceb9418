"""The diagnosis against a made-up world: a small, seeded part of what `python -m tests.simulator` measures."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import tests.simulator
from proxy.domain.diagnosis.base import Cause
from tests.simulator.cases import Case, Replicas, all_cases
from tests.simulator.endpoints import Asked, Endpoint, floored
from tests.simulator.faults import PAIR, STRANGER, Tells
from tests.simulator.honest import plan_of
from tests.simulator.report import BEGIN, END, write
from tests.simulator.run import Outcome, in_time
from tests.simulator.spread import play_case, processes, run_honest_worlds
from tests.simulator.tokens import float32, java_round
from tests.simulator.zoom import Attempt, Zoom

SEED = 7
PAGE = Path(__file__).parents[2] / "docs" / "diagnosis.md"
MAY_IMPORT = {
    "proxy.domain.attribution",
    "proxy.domain.causes",
    "proxy.domain.credentials",
    "proxy.domain.diagnosis.base",
    "proxy.domain.diagnosis.sightings",
    "proxy.domain.diagnosis.windows",
    "proxy.domain.join_result",
    "proxy.domain.ports",
    "proxy.domain.receipt",
    "proxy.domain.request_facts",
    "proxy.domain.secret",
    "proxy.services.backend_clocks",
    "proxy.services.evidence",
    "proxy.services.observer",
    "proxy.services.traffic",
    "proxy.telemetry.fail_open",
    "proxy.telemetry.logs",
    "proxy.telemetry.metrics",
    "proxy.telemetry.outcomes",
}
"""The product's own path, and the names of causes: nothing that decides."""


def _chosen() -> list[Case]:
    """Every fault once, at a traffic that is quick to play; of some also one of two replicas."""
    chosen: dict[tuple[Cause, str], Case] = {}
    for case in all_cases():
        fault = case.fault
        alone = case.replicas is Replicas.ONE or fault.cause is Cause.REPLICA_SPECIFIC
        slow = case.rate == "1/min" or "1/min" not in fault.rates
        if alone and slow and case.tells is not Tells.NOBODY and case.margin in (0, 30, 60):
            chosen[fault.cause, fault.name] = case
    by_id = {case.id: case for case in all_cases()}
    mixed = (
        replace(case, replicas=replicas)
        for (cause, _), case in {
            cause: ((cause, name), case) for (cause, name), case in chosen.items()
        }.values()
        for replicas in (Replicas.APART, Replicas.HIDDEN)
        if case.fault.mixes and cause in (Cause.FLOAT32_ROUNDING, Cause.WRONG_SECRET, Cause.MILLISECONDS)
    )
    return [*chosen.values(), *(case for case in mixed if case.id in by_id)]


def _worlds(signatures: int, how_many: int) -> list[int]:
    return [world for world in range(64) if plan_of(world).signatures == signatures][:how_many]


CASES = _chosen()
WORLDS = [*_worlds(12_000, 1), *_worlds(2500, 2), *_worlds(240, 14)]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes to play in."""
    with processes(4) as pool:
        yield pool


@pytest.fixture(scope="module")
def playing(pool: ProcessPoolExecutor) -> dict[str, Future[Outcome]]:
    """All cases, being played."""
    return {case.id: play_case(pool, case, SEED) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_fault_is_named_in_time_and_nothing_else_is(
    case: Case, playing: dict[str, Future[Outcome]]
) -> None:
    outcome = playing[case.id].result()
    assert outcome.wrong == ()
    assert outcome.named if case.tells is Tells.JOINS else in_time(case, outcome), outcome


def test_nothing_is_named_in_honest_worlds(pool: ProcessPoolExecutor) -> None:
    verdicts = run_honest_worlds(pool, WORLDS, SEED)
    assert [(verdict.world, verdict.false, verdict.told) for verdict in verdicts if verdict.false] == []
    assert sum(verdict.signatures for verdict in verdicts) >= 20_000
    assert sum(verdict.joins for verdict in verdicts) >= 5_000


def test_every_cause_has_a_fault() -> None:
    assert {case.fault.cause for case in all_cases()} == set(Cause)
    assert {case.fault.cause for case in CASES} == set(Cause)


def test_the_simulator_knows_nothing_of_how_causes_are_told() -> None:
    imported = set()
    for file in Path(*tests.simulator.__path__).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    assert {name for name in imported if name.split(".")[0] == "proxy"} <= MAY_IMPORT


@pytest.mark.parametrize(
    ("margin", "inside", "share"),
    [
        (0, True, Fraction(127, 256)),
        (30, True, Fraction(67, 256)),
        (30, False, Fraction(67, 256)),
        (64, True, 0),
    ],
    ids=["no margin", "30 s inside", "30 s after", "64 s"],
)
def test_rounding_is_that_of_java(margin: int, inside: bool, share: Fraction) -> None:
    """Shares as counted with Java 17 over a cycle of 256 s."""
    start = 1_800_000_000 - 1_800_000_000 % 256
    seconds = range(start, start + 256)
    rounded = [java_round(at - margin) if inside else java_round(at) - margin for at in seconds]
    assert Fraction(sum(iat > at for iat, at in zip(rounded, seconds, strict=True)), 256) == share
    assert len({iat % 128 for iat in rounded}) == 1


def test_a_float_ends_where_javas_int_ends() -> None:
    assert java_round(2**31 + 100_000) == 2**31 - 1
    assert float32(16_777_217.0) == 16_777_216.0


def _signed(**changes: Any) -> str:
    def change(claims: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in (claims | changes).items() if value is not None}

    return Endpoint(PAIR, floored(0), change=change).sign(Asked("123", 0), 1_800_000_000_000).token


@pytest.mark.parametrize(
    ("token", "at", "code"),
    [
        (_signed(), 0.0, None),
        (_signed(), -0.5, "3712"),
        (_signed(), 7200.5, "3705"),
        (_signed(appKey=STRANGER.key), 0.0, "3704"),
        (_signed(appKey=None, sdkKey=None), 0.0, "local"),
        (_signed(mn="124"), 0.0, "3706"),
        (_signed(role=1), 0.0, "3712"),
        (_signed(role="0"), 0.0, "3708"),
        (_signed(iat="1800000000"), 0.0, "3712"),
        (_signed(exp=1_800_000_000 + 1800), 0.0, "3712"),
        (_signed()[:-4] + "AAAA", 0.0, "3712"),
        ("no token", 0.0, "local"),
    ],
    ids=[
        "good",
        "iat ahead",
        "expired",
        "unknown key",
        "no key",
        "another meeting",
        "host",
        "role a string",
        "iat a string",
        "lifetime 1800",
        "HMAC",
        "no token",
    ],
)
def test_the_verifier_judges_as_zoom_does(token: str, at: float, code: str | None) -> None:
    zoom = Zoom({PAIR.key: PAIR.secret})
    assert zoom.refuses(Attempt(1_800_000_000 + at, token, "123", owner=False)) == code


def test_the_page_holds_figures_of_every_cause() -> None:
    page = PAGE.read_text(encoding="utf-8")
    figures = page.partition(BEGIN)[2].partition(END)[0]
    assert [cause for cause in Cause if cause not in figures] == []


def test_figures_are_written_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write(page, "new\n")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="needs the lines"):
        write(page, "new\n")
