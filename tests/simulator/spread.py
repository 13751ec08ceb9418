"""Runs many worlds in several processes, the same way each time, with progress on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from typing import Final, TypeVar

from .cases import RATES, Case, all_cases
from .honest import Verdict, plan_of, run_honest
from .run import Outcome, run_case

_T = TypeVar("_T")

TICK_S: Final = 10.0
"""How often progress is said where standard error is no terminal."""

_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "TZ": "Europe/Berlin"}


@contextmanager
def processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes all hash alike, so that a seed always gives the same, and live in a zone with DST."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_faulty(pool: ProcessPoolExecutor, cases: Sequence[Case], seed: int) -> list[tuple[Case, Outcome]]:
    """Every case with its outcome, in the order of the cases."""
    longest_first = sorted(cases, key=lambda case: -RATES[case.rate])
    playing = [play_case(pool, case, seed) for case in longest_first]
    outcomes = _gathered(playing, "faulty worlds", lambda outcome: bool(outcome.wrong))
    by_id = {outcome.case: outcome for outcome in outcomes}
    return [(case, by_id[case.id]) for case in cases]


def run_honest_worlds(pool: ProcessPoolExecutor, worlds: Sequence[int], seed: int) -> list[Verdict]:
    """What was named in each of these honest worlds, in their order."""
    longest_first = sorted(worlds, key=lambda world: -plan_of(world).signatures)
    playing = [pool.submit(run_honest, world, seed) for world in longest_first]
    verdicts = _gathered(playing, "honest worlds", lambda verdict: bool(verdict.false))
    return sorted(verdicts, key=lambda verdict: verdict.world)


def play_case(pool: ProcessPoolExecutor, case: Case, seed: int) -> Future[Outcome]:
    """Have a case played."""
    return pool.submit(_run_case, _numbers()[case.id], seed)


@cache
def _numbers() -> dict[str, int]:
    """The place of each case among all: what a fault does cannot be sent to another process."""
    return {case.id: number for number, case in enumerate(all_cases())}


def _run_case(number: int, seed: int) -> Outcome:
    return run_case(all_cases()[number], seed)


def _gathered(playing: Sequence[Future[_T]], what: str, bad: Callable[[_T], bool]) -> list[_T]:
    """The results as they come, and progress on standard error."""
    results: list[_T] = []
    terminal = sys.stderr.isatty()
    said_at = time.monotonic()
    for future in as_completed(playing):
        results.append(future.result())
        done = len(results) == len(playing)
        if time.monotonic() - said_at >= (0.5 if terminal else TICK_S) or (terminal and done):
            said_at = time.monotonic()
            line = f"{what}: {len(results)} of {len(playing)}, {sum(map(bad, results))} with a wrong cause"
            print(
                f"\r{line}" if terminal else line, end="" if terminal and not done else "\n", file=sys.stderr
            )
    return results
