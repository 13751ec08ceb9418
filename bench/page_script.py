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
from collections.abc import Callable, Mapping, Sequence
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

LOADS_PER_ROUND: Final = 3

LIMIT_S: Final = 30
"""After it no further round begins: a slow machine measures less."""

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

Taken = Mapping[str, list[float]]
"""The figures of one of MEASURES, for each of VARIANTS, one of each round."""


def main() -> int:
    """Measure and tell."""
    arguments = _parser().parse_args()
    size = told(sizes(SCRIPT.read_bytes()))
    if arguments.sizes:
        print(size)
        return OK
    try:
        taken, evaluating, about = measure(arguments.rounds, arguments.seconds)
    except (BenchError, Error) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return NOT_MEASURED
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return NOT_MEASURED
    print(about)
    print(f"the script: {size}")
    print(table(taken))
    for kind, each in evaluating.items():
        low, middle, high = quartiles(each)
        spread = f"half of {len(each)} loads {low:.1f} to {high:.1f}"
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
        "--rounds",
        type=_positive,
        default=ROUNDS,
        metavar="N",
        help=f"of joins, and {LOADS_PER_ROUND} times as many of loads (default {ROUNDS})",
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=LIMIT_S,
        metavar="S",
        help=f"for loads, and again for joins, also if rounds are left (default {LIMIT_S})",
    )
    parser.add_argument("--sizes", action="store_true", help="only print how large the script is")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


# Telling


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """A quarter of the values is below the first, half below the second, a quarter above the third."""
    if len(values) < 2:
        return (values[0],) * 3
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return low, middle, high


def table(taken: Mapping[str, Taken]) -> str:
    """A line per measure: medians, and what was added in each round, half of the rounds within the brackets."""
    lines = [("", "without", "with", "more", "half of rounds", "without, twice")]
    for key, (title, digits) in MEASURES.items():
        one = taken[key]
        low, middle, high = _more(one[WITH], one[WITHOUT])
        least, _, most = _more(one[AGAIN], one[WITHOUT])
        lines.append(
            (
                title,
                f"{median(one[WITHOUT]):.{digits}f}",
                f"{median(one[WITH]):.{digits}f}",
                f"{middle:+.{digits}f}",
                f"{low:+.{digits}f} to {high:+.{digits}f}",
                f"{least:+.{digits}f} to {most:+.{digits}f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines
    )


def _more(some: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    return quartiles([one - other for one, other in zip(some, others, strict=True)])


# Measuring


def measure(count: int, limit_s: float) -> tuple[Mapping[str, Taken], dict[str, list[float]], str]:
    """The figures, the evaluation's milliseconds, and the conditions. Raises BenchError."""
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
        page = browser.new_context().new_page()
        loads = _rounds(
            LOADS_PER_ROUND * count,
            limit_s,
            lambda variant, number: _loaded(page, origin, variant, number),
        )
        joins = _rounds(count, limit_s, lambda variant, _: _joined(browser, origin, variant, watch))
        evaluating = _evaluating(browser, origin, watch.public)
        about = (
            f"Chromium {browser.version}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f};"
            f" {len(loads['cold'][WITH])} loads each,"
            f" {len(joins['join'][WITH])} pages each with {TIMES} signatures and joins"
        )
        browser.close()
    return {**loads, **joins}, evaluating, about


def _rounds(
    count: int, limit_s: float, once: Callable[[str, int], Mapping[str, float]]
) -> Mapping[str, Taken]:
    """All variants in turn, `count` times over, or until so many seconds have passed."""
    taken: dict[str, dict[str, list[float]]] = {}
    orders = list(permutations(VARIANTS))
    once(WITH, -1)  # Warms up, and is not kept.
    end = time.monotonic() + limit_s
    for number in range(count):
        # In every order: a page also tells of what the browser did before it.
        for variant in orders[number % len(orders)]:
            for key, value in once(variant, number).items():
                taken.setdefault(key, {each: [] for each in VARIANTS})[variant].append(value)
        if time.monotonic() > end:
            break
    return taken


def _loaded(page: Page, origin: str, variant: str, number: int) -> dict[str, float]:
    """From the beginning of the navigation to the load event, in ms."""
    found = {}
    for key, query in (("cold", f"{number}"), ("warm", f"{number}&again")):
        # What `cold` loads is new; what `warm` loads was loaded a moment before.
        for _ in range(1 if key == "cold" else 2):
            page.goto(f"{origin}/{variant}?{variant}{query}", wait_until="load")
        found[key] = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventStart")
    return found


def _joined(browser: Browser, origin: str, variant: str, watch: Joinwatch) -> dict[str, float]:
    """A fresh profile fetches signatures and joins."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{origin}/{variant}", wait_until="load")
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
        "fetch": median(fetched["taken"][1:]),  # The first also opens the connection.
        "first_join": calling[0] * 1000,
        # Means: the browser's clock goes in steps of 5 us.
        "join": fmean(calling[1:]) * 1000,
        "first_error": handing[0] * 1000,
        "error": fmean(handing[1:]) * 1000,
    }


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
