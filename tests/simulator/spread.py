"""Runs many worlds in several processes, the same way each time, with progress on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
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
    index_of = {case.id: index for index, case in enumerate(all_cases())}
    longest_first = sorted(cases, key=lambda case: -RATES[case.rate])
    jobs = [(index_of[case.id], seed) for case in longest_first]
    outcomes = _spread(pool, _run_case, jobs, "faulty worlds", lambda outcome: bool(outcome.wrong))
    by_id = {outcome.case: outcome for outcome in outcomes}
    return [(case, by_id[case.id]) for case in cases]


def run_honest_worlds(pool: ProcessPoolExecutor, worlds: Sequence[int], seed: int) -> list[Verdict]:
    """What was named in each of these honest worlds, in their order."""
    jobs = [(world, seed) for world in sorted(worlds, key=lambda world: -plan_of(world).signatures)]
    verdicts = _spread(pool, run_honest, jobs, "honest worlds", lambda verdict: bool(verdict.false))
    return sorted(verdicts, key=lambda verdict: verdict.world)


def _run_case(index: int, seed: int) -> Outcome:
    return run_case(all_cases()[index], seed)


def _spread(
    pool: ProcessPoolExecutor,
    work: Callable[[int, int], _T],
    jobs: Iterable[tuple[int, int]],
    what: str,
    bad: Callable[[_T], bool],
) -> list[_T]:
    futures = [pool.submit(work, *job) for job in jobs]
    results: list[_T] = []
    terminal = sys.stderr.isatty()
    said_at = time.monotonic()
    for future in as_completed(futures):
        results.append(future.result())
        done = len(results) == len(futures)
        if time.monotonic() - said_at >= (0.5 if terminal else TICK_S) or (terminal and done):
            said_at = time.monotonic()
            line = f"{what}: {len(results)} of {len(futures)}, {sum(map(bad, results))} with a wrong cause"
            print(
                f"\r{line}" if terminal else line, end="" if terminal and not done else "\n", file=sys.stderr
            )
    return results
