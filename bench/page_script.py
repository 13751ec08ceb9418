"""python -m bench.page_script: what the script costs a page in a real browser, against the same page without it."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any, Final

import brotli  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import Browser, Error, Page, sync_playwright

from . import backend
from .children import BenchError, running
from .world import CONFIG, LEDGER, ROOT, Joinwatch

OK: Final = 0
NOT_MEASURED: Final = 2

SCRIPT: Final = ROOT / "proxy" / "web" / "static" / "join-results.js"
TIMES: Final = 25
"""Signatures fetched, and joins, on each page."""

ROUNDS: Final = 40
"""1000 joins with the script."""

TRACED: Final = 20

_SCRIPTLESS: Final = "without"
_VARIANTS: Final = (_SCRIPTLESS, "with", "again")
"""The same page without the script, with it, and without it once more: how far two of the same lie apart."""

_ACCEPTED: Final = 'joinwatch_join_results_received_total{reason="new",result="accepted"}'
_ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_PAGE: Final = """\
<!doctype html>
<html>
<head>
<meta charset="utf-8" />
<title>Meeting</title>
<link rel="icon" href="data:," />
<link rel="stylesheet" href="page.css" />
{tag}<script src="page.js"></script>
</head>
<body><h1>Meeting</h1><button>Join</button></body>
</html>
"""
_STYLE: Final = "body { font: 16px sans-serif; margin: 2em } button { padding: 1em }\n"
_PAGE_SCRIPT: Final = """\
// Stands in for the SDK: notes when it is called, and refuses the join a moment later.
let entered, refused;
const failure = { method: "join", status: false, result: "Signature is invalid.", errorCode: 3712, errorMessage: "" };
window.ZoomMtg = {
  join(options) {
    entered = performance.now();
    setTimeout(() => { refused = performance.now(); options.error({ ...failure }); });
  },
};

async function fetched(url, times) {
  const body = JSON.stringify({ meetingNumber: "98765432101", role: 0 });
  const taken = [];
  let signature;
  for (let time = 0; time < times; time++) {
    const began = performance.now();
    const reply = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    ({ signature } = await reply.json());
    taken.push(performance.now() - began);
    if (!signature) throw new Error(`no signature: ${reply.status}`);
  }
  return { signature, taken };
}

async function joined(signature, times) {
  const calling = [], handing = [];
  for (let time = 0; time < times; time++) {
    // As on a click: nothing else is under way.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => {
      const error = () => { handing.push(performance.now() - refused); resolve(); };
      const options = { signature, meetingNumber: "98765432101", userName: "A Person", passWord: "secret", error };
      const called = performance.now();
      window.ZoomMtg.join(options);
      calling.push(entered - called);
    });
  }
  return { calling, handing };
}
"""


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
        print(f"evaluating it, {kind}: {middle:.2f} ms ({low:.2f} to {high:.2f}), {len(taken)} traced loads")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.page_script",
        description="Open a page with and without the script in Chromium, in turns, and compare: its load, fetching a"
        " signature, calling join. A real joinwatch on loopback serves the script and takes the results.",
        epilog="Exit codes: 0 fine; 2 nothing was measured.",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"default {ROUNDS}: a minute")
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

        more = quartiles([one - other for one, other in zip(of("with"), of(_SCRIPTLESS), strict=True)])
        same = quartiles([one - other for one, other in zip(of("again"), of(_SCRIPTLESS), strict=True)])
        lines.append(
            (
                title,
                f"{median(of(_SCRIPTLESS)):.{digits}f}",
                f"{median(of('with')):.{digits}f}",
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
        _joinwatch(Path(folder), core) as watch,
        _serving(watch.public) as origin,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS, chromium_sandbox=False)
        about = (
            f"Chromium {browser.version}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f};"
            f" {count} rounds, {TIMES} signatures and joins in each"
        )
        _visited(browser, origin, "with", watch)  # Warms up the browser, and is not kept.
        rounds = []
        for number in range(count):
            turn = number % len(_VARIANTS)
            order = (*_VARIANTS[turn:], *_VARIANTS[:turn])
            rounds.append({variant: _visited(browser, origin, variant, watch) for variant in order})
        evaluating = _evaluating(browser, origin, watch.public)
        browser.close()
    return rounds, evaluating, about


def _visited(browser: Browser, origin: str, variant: str, watch: Joinwatch) -> Visit:
    """A fresh profile opens the page twice, fetches signatures and joins."""
    context = browser.new_context()
    page = context.new_page()
    loads = [_load_ms(page, f"{origin}/{variant}") for _ in range(2)]
    hooked = page.evaluate("'joinResults' in window")
    if hooked is not (variant == "with"):
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
        "cold": loads[0],
        "warm": loads[1],
        "fetch": median(fetched["taken"][1:]),  # The first also opens the connection.
        "first_join": calling[0] * 1000,
        # Means: the browser's clock goes in steps of 5 us.
        "join": fmean(calling[1:]) * 1000,
        "first_error": handing[0] * 1000,
        "error": fmean(handing[1:]) * 1000,
    }


def _load_ms(page: Page, url: str) -> float:
    """From the beginning of the navigation to the load event."""
    page.goto("about:blank")
    page.goto(url, wait_until="load")
    found: float = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventStart")
    return found


def _evaluating(browser: Browser, origin: str, public: str) -> dict[str, list[float]]:
    """Compiling and running the script, as the browser traces it, in milliseconds: fetched anew, and cached."""
    taken: dict[str, list[float]] = {"fetched": [], "cached": []}
    for _ in range(TRACED):
        context = browser.new_context()
        page = context.new_page()
        for kind, found in taken.items():
            page.goto("about:blank")
            browser.start_tracing(page=page, categories=["devtools.timeline", "v8"])
            page.goto(f"{origin}/with", wait_until="load")
            events = json.loads(browser.stop_tracing())["traceEvents"]
            if _from_cache(events, public) is not (kind == "cached"):
                raise BenchError(f"the script was not {kind}")
            found.append(sum(each["dur"] for each in _of(events, "EvaluateScript", public)) / 1000)
        context.close()
    return taken


def _from_cache(events: list[dict[str, Any]], public: str) -> bool:
    ids = {each["args"]["data"]["requestId"] for each in _of(events, "ResourceSendRequest", public)}
    told = [each for each in events if each["name"] == "ResourceReceiveResponse"]
    return any(
        each["args"]["data"]["fromCache"] for each in told if each["args"]["data"]["requestId"] in ids
    )


def _of(events: list[dict[str, Any]], name: str, public: str) -> list[dict[str, Any]]:
    """The events of this name about the script."""
    return [
        each
        for each in events
        if each["name"] == name and each["args"]["data"].get("url", "").startswith(f"{public}/join-results")
    ]


# The world


@contextmanager
def _joinwatch(folder: Path, core: int) -> Iterator[Joinwatch]:
    config = folder / "joinwatch.toml"
    config.write_text(CONFIG.format(client_id=backend.CLIENT_ID, port=9, ledger=LEDGER))
    env = {"PYTHONPATH": str(ROOT), "BENCH_SECRET": backend.CLIENT_SECRET}
    command = (sys.executable, "-m", "proxy", "serve", "--config", str(config))
    with running("joinwatch", command, core=core, folder=folder, env=env) as (child, log):
        yield Joinwatch(child, log, folder)


@contextmanager
def _serving(public: str) -> Iterator[str]:
    """The customer's server, in a thread: its origin."""
    tags = {"with": f'<script src="{public}/join-results.js"></script>\n', _SCRIPTLESS: "", "again": ""}
    files = {
        "/page.css": ("text/css", _STYLE),
        "/page.js": ("text/javascript", _PAGE_SCRIPT),
        **{f"/{variant}": ("text/html", _PAGE.format(tag=tag)) for variant, tag in tags.items()},
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802  # its name in http.server
            kind, text = files.get(self.path, ("", ""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", f"{kind or 'text/plain'}; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.send_header("Cache-Control", "no-cache" if kind == "text/html" else "max-age=300")
            # Isolated pages are given a clock of 5 us instead of 100.
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
