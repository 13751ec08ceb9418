"""The command: runs all faulty and honest worlds in several processes and prints what was measured."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final, TypeVar

from .cases import RATES, Case, all_cases
from .honest import Verdict, plan_of, plans, run_honest
from .report import Measured, as_text, write
from .run import Outcome, run_case

_T = TypeVar("_T")

TICK_S: Final = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """0: everything named in time and nothing wrong; 1: otherwise; 2: wrong use."""
    options = _options(argv)
    cases = [case for case in all_cases() if options.only in case.id]
    if options.world is not None:
        worlds, cases = [options.world], []
    else:
        worlds = [] if options.only else plans(options.honest)
    began = time.monotonic()
    with ProcessPoolExecutor(options.jobs) as pool:
        try:
            faulty = _faulty(pool, cases, options.seed)
            honest = _honest(pool, worlds, options.seed)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            return 130
    measured = Measured(options.seed, faulty, honest)
    text = as_text(measured)
    print(text)
    print(f"took {time.monotonic() - began:.0f} s", file=sys.stderr)
    if options.write is not None:
        write(options.write, text)
    return 1 if measured.missed() or measured.wrong() or measured.false() else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator",
        description="Measures the diagnosis against a made-up world of faulty and honest endpoints.",
    )
    parser.add_argument(
        "--honest", type=int, default=1_000_000, metavar="N", help="honest signatures (1,000,000)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of all chance (1)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes (all cores)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the figures into this page as well")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only faulty worlds whose name contains it"
    )
    parser.add_argument("--world", type=int, metavar="W", help="only this honest world")
    return parser.parse_args(argv)


def _faulty(pool: ProcessPoolExecutor, cases: Sequence[Case], seed: int) -> list[tuple[Case, Outcome]]:
    index_of = {case.id: index for index, case in enumerate(all_cases())}
    longest_first = sorted(cases, key=lambda case: -RATES[case.rate])
    jobs = [(index_of[case.id], seed) for case in longest_first]
    outcomes = _spread(pool, _run_case, jobs, "faulty worlds", lambda outcome: bool(outcome.wrong))
    by_id = {outcome.case: outcome for outcome in outcomes}
    return [(case, by_id[case.id]) for case in cases]


def _honest(pool: ProcessPoolExecutor, worlds: Sequence[int], seed: int) -> list[Verdict]:
    jobs = [(world, seed) for world in sorted(worlds, key=lambda world: -plan_of(world).signatures)]
    verdicts = _spread(pool, _run_honest, jobs, "honest worlds", lambda verdict: bool(verdict.false))
    return sorted(verdicts, key=lambda verdict: verdict.world)


def _run_case(index: int, seed: int) -> Outcome:
    return run_case(all_cases()[index], seed)


def _run_honest(world: int, seed: int) -> Verdict:
    return run_honest(world, seed)


def _spread(
    pool: ProcessPoolExecutor,
    work: Callable[[int, int], _T],
    jobs: Iterable[tuple[int, int]],
    what: str,
    bad: Callable[[_T], bool],
) -> list[_T]:
    """Every job's result, and progress on standard error."""
    futures = [pool.submit(work, *job) for job in jobs]
    results: list[_T] = []
    said_at = time.monotonic()
    for future in as_completed(futures):
        results.append(future.result())
        if time.monotonic() - said_at >= (0.5 if sys.stderr.isatty() else TICK_S) or len(results) == len(
            futures
        ):
            said_at = time.monotonic()
            line = f"{what}: {len(results)} of {len(futures)}, {sum(map(bad, results))} with a wrong cause"
            print(
                f"\r{line}" if sys.stderr.isatty() else line,
                end="" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
            )
    if sys.stderr.isatty() and futures:
        print(file=sys.stderr)
    return results


if __name__ == "__main__":
    sys.exit(main())
