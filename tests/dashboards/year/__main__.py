"""The command: a year of honest traffic, every fault and outages of ours, through the real rules."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TypeVar

from tests.simulator.spread import processes

from .faults import KINDS, Kind, Told, tell
from .honest import PLANS, STEP_S, YEAR, Plan
from .judge import Judged, judge_honest
from .late import OUTAGES, Outage, Redelivered, redelivered
from .promtool import alerts
from .report import PARTS, faults_text, honest_text, late_text, never_told, write

_T = TypeVar("_T")


def main(argv: Sequence[str] | None = None) -> int:
    """0: nobody was paged for nothing and every fault was told; 1: otherwise; 2: wrong use."""
    options = _options(argv)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    failed = False
    for part in options.parts or PARTS:
        began = time.monotonic()
        if part == "honest":
            years = _honest(options)
            text = honest_text(years, options.scrapes * STEP_S / 86400, seed=options.seed, today=today)
            failed |= any(alerts()[each.alert] == "page" for year in years.values() for each in year.raised)
        elif part == "faults":
            told = _faults(options)
            text = faults_text(told, seeds=options.seeds, today=today)
            failed |= bool(never_told(told))
            for fault in never_told(told):
                print(f"never told: {fault}", file=sys.stderr)
        else:
            found = _late(options)
            text = late_text(found, seeds=options.seeds, today=today)
            failed |= any("JoinwatchJoinsRefused" in run.raised for runs in found.values() for run in runs)
        print(text, f"\ntook {time.monotonic() - began:.0f} s", flush=True)
        if options.write is not None:
            write(options.write, part, text)
    return int(failed)


def _honest(options: argparse.Namespace) -> Mapping[Plan, Judged]:
    wanted = [plan for plan in PLANS if options.only in plan.id]
    with processes(options.jobs) as pool:
        years = pool.map(judge_honest, wanted, repeat(options.seed), repeat(options.scrapes))
        return dict(_said(zip(wanted, years, strict=True)))


def _faults(options: argparse.Namespace) -> Mapping[tuple[Kind, str], Sequence[Told]]:
    wanted = [
        (kind, rate) for kind in KINDS for rate in kind.pacings if options.only in f"{kind.id} at {rate}"
    ]
    seeds = range(options.seed, options.seed + options.seeds)
    with processes(options.jobs) as pool:
        kinds, pacings = [kind for kind, _ in wanted], [kind.pacings[rate] for kind, rate in wanted]
        runs = pool.map(tell, kinds, pacings, repeat(seeds))
        return dict(_said(zip(wanted, runs, strict=True)))


def _late(options: argparse.Namespace) -> Mapping[Outage, Sequence[Redelivered]]:
    wanted = [outage for outage in OUTAGES if options.only in outage.id]
    seeds = range(options.seed, options.seed + options.seeds)
    with processes(options.jobs) as pool:
        runs = pool.map(redelivered, wanted, repeat(seeds))
        return dict(_said(zip(wanted, runs, strict=True)))


def _said(each: Iterable[_T]) -> Iterable[_T]:
    for number, one in enumerate(each, 1):
        print(f"{number} done", file=sys.stderr)
        yield one


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.dashboards.year",
        description="What the alerts make of honest traffic, of faults, and of results that come late.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of all chance, the first (1)")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="runs of a fault or outage (20)")
    parser.add_argument("--scrapes", type=int, default=YEAR, metavar="N", help="of 15 s (a year)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only what has this in its name")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes (all cores)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this page as well")
    options = parser.parse_args(argv)
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no such part: {part}; there are {', '.join(PARTS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
