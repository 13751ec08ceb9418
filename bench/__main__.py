"""python -m bench: run the benchmarks and print the table."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NoReturn

import aiohttp

from . import observing, report, wrk
from .children import BenchError
from .world import ROOT, Case, Cores, Round, world

OK: Final = 0
BELOW: Final = 1
NOT_MEASURED: Final = 2

_IN_MEMORY: Final = {"tmpfs", "ramfs"}


def main() -> int:
    """Measure and tell; the exit codes are in the help."""
    arguments = _parser().parse_args()
    count = arguments.rounds or (2 if arguments.quick else 5)
    seconds = arguments.seconds or (1 if arguments.quick else 4)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        _require("wrk", "wrk")
        _require("taskset", "util-linux")
        arguments.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder.resolve()) as folder:
            cores = Cores.choose()
            _describe(Path(folder), cores, count, seconds)
            with world(Path(folder), cores) as cases:
                rounds = _measure(cases, count, seconds)
        _progress("observing …")
        seen = observing.run(observing.QUICK if arguments.quick else observing.COUNT, cores.server)
        _progress("")
    except BenchError as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return NOT_MEASURED
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return NOT_MEASURED
    fine = [_tell(cases, rounds, no_bar=arguments.no_bar), _tell_observing(seen, no_bar=arguments.no_bar)]
    return OK if all(fine) else BELOW


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Load joinwatch and an empty aiohttp handler in turns, each on one core, and compare;"
        " then feed a diagnosis alone, and tell its time per signature and its memory.",
        epilog="Exit codes: 0 fine; 1 issuing or observing misses its bar, memory grows, or an answer was wrong;"
        " 2 nothing was measured.",
    )
    parser.add_argument("--quick", action="store_true", help="two rounds of one second: does it work at all?")
    parser.add_argument("--rounds", type=_between(1, 20), metavar="N", help="rounds of all cases (default 5)")
    parser.add_argument("--seconds", type=_between(1, 60), metavar="S", help="per case and round (default 4)")
    parser.add_argument("--no-bar", action="store_true", help="only print: what is slow does not exit with 1")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "var",
        help="where ledger and logs are written meanwhile: on a real disk (default: var/ of the repository)",
    )
    return parser


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {least} to {most}")
        return value

    return number


def _require(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise BenchError(f"{program} is not installed (Debian: apt-get install {package})")


def _terminated(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _describe(folder: Path, cores: Cores, count: int, seconds: int) -> None:
    """The conditions, without which no figure means anything."""
    system, sync_ms = _file_system(folder), _sync_ms(folder)
    print(
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}, {os.cpu_count()} cores,"
        f" load average {os.getloadavg()[0]:.1f}; {count} rounds of {seconds} s, {wrk.CONNECTIONS} connections\n"
        f"servers in turns on core {cores.server}, backend on {cores.backend},"
        f" wrk on {', '.join(map(str, cores.load))}; ledger on {system}, 4 KiB and fsync in {sync_ms:.2f} ms"
    )
    if system in _IN_MEMORY:
        print(f"note: {system} is memory: durable 204s cost nothing there (--folder)")


def _file_system(folder: Path) -> str:
    """The type of the file system that the folder is on (proc(5): mountinfo)."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == number:
            return after.split()[0]
    return "an unknown file system"


def _sync_ms(folder: Path) -> float:
    """What the disk takes for one small durable write: the median of 50."""
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken) * 1000


def _measure(cases: Sequence[Case], count: int, seconds: int) -> dict[str, list[Round]]:
    """All cases in turn, `count` times over, so that a slow minute of the machine meets all of them.

    Round 0 warms up and is not kept; a single round goes without.
    """
    rounds: dict[str, list[Round]] = {case.key: [] for case in cases}
    for number in range(0 if count > 1 else 1, count + 1):
        for case in cases:
            what = f"round {number} of {count}" if number else "warming up"
            _progress(f"{what}: {case.title} …")
            done = case.measure(seconds if number else 1, number)
            if number:
                rounds[case.key].append(done)
    _progress("")
    return rounds


def _progress(text: str) -> None:
    """The line being worked on, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


def _tell(cases: Sequence[Case], rounds: dict[str, list[Round]], *, no_bar: bool) -> bool:
    print(report.table(cases, rounds))
    found = report.problems(cases, rounds)
    for problem in found:
        print(f"WRONG: {problem}")
    answered = sum(one.load.requests for one in rounds["results"])
    wrong = sum(one.load.wrong + one.load.failed for one in rounds["results"])
    print(f"join results: {answered} answered, {wrong} with anything but 204")
    reached, sentence = report.verdict(rounds)
    print(sentence if reached else f"TOO SLOW: {sentence}")
    return not found and (reached or no_bar)


def _tell_observing(seen: observing.Observing, *, no_bar: bool) -> bool:
    print(report.observing_table(seen))
    found = report.growing(seen)
    for problem in found:
        print(f"WRONG: {problem}")
    reached, sentence = report.observing_verdict(seen)
    print(sentence if reached else f"TOO SLOW: {sentence}")
    return not found and (reached or no_bar)


if __name__ == "__main__":
    sys.exit(main())
