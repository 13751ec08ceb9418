"""python -m bench.page_script: what the script costs a page in a real browser, against the same page without it."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any, Final

import brotli  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import Browser, Error, Page, sync_playwright

from .children import BenchError
from .page_world import AGAIN, VARIANTS, WITH, WITHOUT, joinwatch, serving
from .world import ROOT, Joinwatch

OK: Final = 0
NOT_MEASURED: Final = 2

SCRIPT: Final = ROOT / "proxy" / "web" / "static" / "join-results.js"
TIMES: Final = 50
"""Signatures fetched, and joins, on each page."""

ROUNDS: Final = 20
"""1000 joins with the script."""

LIMIT_S: Final = 60.0
"""After this no further round begins: a slow machine measures less."""

TRACED: Final = 12

_ACCEPTED: Final = 'joinwatch_join_results_received_total{reason="new",result="accepted"}'
_ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The script in bytes, as it is and as it is sent."""

    raw: int
    gzip: int
    br: int


def sizes(script: bytes) -> Sizes:
    """As the server codes it."""
    compressed = brotli.compress(script, mode=brotli.MODE_TEXT)
    return Sizes(len(script), len(gzip.compress(script, mtime=0)), len(compressed))


def told(found: Sizes) -> str:
    """Sizes in words."""
    return f"{found.raw} bytes, {found.gzip} with gzip, {found.br} with brotli"


# What is measured: title, and the decimals that mean something
MEASURES: Final = {
    "cold": ("page load, nothing cached, ms", 1),
    "warm": ("page load, all cached, ms", 1),
    "fetch": ("fetching a signature, ms", 2),
    "first_join": ("join -> the SDK, first on a page, us", 0),
    "join": ("join -> the SDK, next ones, us", 0),
    "first_error": ("error -> the page, first on a page, us", 0),
    "error": ("error -> the page, next ones, us", 0),
}

Visit = Mapping[str, float]
"""A figure for each of MEASURES."""


def main() -> int:
    """Measure and tell."""
    arguments = _parser().parse_args()
    size = told(sizes(SCRIPT.read_bytes()))
    if arguments.sizes:
        print(size)
        return OK
    try:
        rounds, evaluating, about = measure(arguments.rounds)
    except (BenchError, Error) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return NOT_MEASURED
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return NOT_MEASURED
    print(about)
    print(f"the script: {size}")
    print(table(rounds))
    for kind, taken in evaluating.items():
        low, middle, high = quartiles(taken)
        spread = f"half of {len(taken)} loads {low:.1f} to {high:.1f}"
        print(f"compiling and running it, {kind}: {middle:.1f} ms of CPU time ({spread})")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.page_script",
        description="Open a page with and without the script in Chromium, in turns, and compare: its load, fetching a"
        " signature, calling join. A real joinwatch on loopback serves the script and takes the results.",
        epilog="Exit codes: 0 fine; 2 nothing was measured.",
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help=f"default {ROUNDS}; at most a minute"
    )
    parser.add_argument("--sizes", action="store_true", help="only print how large the script is")
    return parser


# Telling


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """A quarter of the values is below the first, half below the second, a quarter above the third."""
    if len(values) < 2:
        return (values[0],) * 3
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high


def table(rounds: Sequence[Mapping[str, Visit]]) -> str:
    """A line per measure: medians, and what was added in each round, half of the rounds within the brackets."""
    lines = [("", "without", "with", "more", "half of rounds", "without, twice")]
    for key, (title, digits) in MEASURES.items():

        def of(variant: str, key: str = key) -> list[float]:
            return [visits[variant][key] for visits in rounds]

        more = quartiles([one - other for one, other in zip(of(WITH), of(WITHOUT), strict=True)])
        same = quartiles([one - other for one, other in zip(of(AGAIN), of(WITHOUT), strict=True)])
        lines.append(
            (
                title,
                f"{median(of(WITHOUT)):.{digits}f}",
                f"{median(of(WITH)):.{digits}f}",
                f"{more[1]:+.{digits}f}",
                f"{more[0]:+.{digits}f} to {more[2]:+.{digits}f}",
                f"{same[0]:+.{digits}f} to {same[2]:+.{digits}f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines
    )


# Measuring


def measure(count: int) -> tuple[list[dict[str, Visit]], dict[str, list[float]], str]:
    """The visits of each round, the evaluation's milliseconds, and the conditions. Raises BenchError."""
    path = shutil.which("chromium")
    if path is None:
        raise BenchError("chromium is not installed (Debian: apt-get install chromium)")
    core = max(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        joinwatch(Path(folder), core) as watch,
        serving(watch.public) as origin,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS, chromium_sandbox=False)
        _visited(browser, origin, WITH, watch)  # Warms up the browser, and is not kept.
        rounds: list[dict[str, Visit]] = []
        orders = list(permutations(VARIANTS))
        end = time.monotonic() + LIMIT_S
        for number in range(count):
            if rounds and time.monotonic() > end:
                break
            # In every order: a page's load also tells of what the browser did before it.
            order = orders[number % len(orders)]
            rounds.append({variant: _visited(browser, origin, variant, watch) for variant in order})
        evaluating = _evaluating(browser, origin, watch.public)
        about = (
            f"Chromium {browser.version}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f};"
            f" {len(rounds)} rounds, {TIMES} signatures and joins on each page"
        )
        browser.close()
    return rounds, evaluating, about


def _visited(browser: Browser, origin: str, variant: str, watch: Joinwatch) -> Visit:
    """A fresh profile opens the page twice, fetches signatures and joins."""
    context = browser.new_context()
    page = context.new_page()
    cold = _load_ms(page, f"{origin}/{variant}")
    page.goto("about:blank")
    warm = _load_ms(page, f"{origin}/{variant}")
    hooked = page.evaluate("'joinResults' in window")
    if hooked is not (variant == WITH):
        raise BenchError(f"the page {variant!r} {'has' if hooked else 'has not'} the script")
    fetched = page.evaluate(f"fetched({json.dumps(watch.public + '/')}, {TIMES})")
    accepted = watch.metric(_ACCEPTED)
    joined = page.evaluate(f"joined({json.dumps(fetched['signature'])}, {TIMES})")
    if hooked:
        # A time without its work would be no time.
        expected = accepted + TIMES
        watch.child.until(lambda: watch.metric(_ACCEPTED) == expected or None, f"{TIMES} join results")
    context.close()
    calling, handing = joined["calling"], joined["handing"]
    return {
        "cold": cold,
        "warm": warm,
        "fetch": median(fetched["taken"][1:]),  # The first also opens the connection.
        "first_join": calling[0] * 1000,
        # Means: the browser's clock goes in steps of 5 us.
        "join": fmean(calling[1:]) * 1000,
        "first_error": handing[0] * 1000,
        "error": fmean(handing[1:]) * 1000,
    }


def _load_ms(page: Page, url: str) -> float:
    """From the beginning of the navigation to the load event."""
    page.goto(url, wait_until="load")
    found: float = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventStart")
    return found


def _evaluating(browser: Browser, origin: str, public: str) -> dict[str, list[float]]:
    """CPU milliseconds of the page's thread to compile and run the script, as the browser traces it."""
    taken: dict[str, list[float]] = {"fetched": [], "cached": []}
    for _ in range(TRACED):
        context = browser.new_context()
        page = context.new_page()
        for _ in range(2):
            page.goto("about:blank")
            browser.start_tracing(page=page, categories=["devtools.timeline", "v8"])
            page.goto(f"{origin}/{WITH}", wait_until="load")
            events = json.loads(browser.stop_tracing())["traceEvents"]
            sent = {each["args"]["data"]["requestId"] for each in _of(events, "ResourceSendRequest", public)}
            received = [
                each["args"]["data"]["fromCache"]
                for each in events
                if each["name"] == "ResourceReceiveResponse" and each["args"]["data"]["requestId"] in sent
            ]
            evaluated = [each["tdur"] for each in _of(events, "EvaluateScript", public)]
            # Rarely a cache is not ready yet, or an event is missing.
            if len(received) == len(evaluated) == 1:
                taken["cached" if received[0] else "fetched"].append(evaluated[0] / 1000)
        context.close()
    if not all(taken.values()):
        raise BenchError("the browser's trace does not have the script, fetched and cached")
    return taken


def _of(events: list[dict[str, Any]], name: str, public: str) -> list[dict[str, Any]]:
    """The events of this name about the script."""
    return [
        each
        for each in events
        if each["name"] == name and each["args"]["data"].get("url", "").startswith(f"{public}/join-results")
    ]


if __name__ == "__main__":
    sys.exit(main())
