"""The command: runs all faulty and honest worlds in several processes and prints what was measured."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .cases import all_cases
from .honest import plans
from .report import Measured, as_text, write
from .spread import processes, run_faulty, run_honest_worlds


def main(argv: Sequence[str] | None = None) -> int:
    """0: everything named in time and nothing wrong; 1: otherwise; 2: wrong use."""
    options = _options(argv)
    cases = [case for case in all_cases() if options.only in case.id]
    if options.world is not None:
        worlds, cases = [options.world], []
    else:
        worlds = [] if options.only else plans(options.honest)
    began = time.monotonic()
    with processes(options.jobs) as pool:
        try:
            faulty = run_faulty(pool, cases, options.seed)
            honest = run_honest_worlds(pool, worlds, options.seed)
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


if __name__ == "__main__":
    sys.exit(main())
