"""What is measured: the yardstick, a backend and one joinwatch, each on its core, and the four loads on them."""

from __future__ import annotations

import http.client
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from . import backend, wrk
from .children import BenchError, Child, listening_port, running

ROOT: Final = Path(__file__).parents[1]
LEDGER: Final = "ledger.db"
ASKED: Final = json.dumps({"meetingNumber": "98765432101", "role": 0})
RECEIPTS: Final = 500
"""Fresh ones for each second of load: several joins with one receipt, as in meetings that drop and come back."""

CONFIG: Final = """\
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"

[credentials.bench]
client_id = "{client_id}"
client_secret_env = "BENCH_SECRET"

[backends.native]
kind = "native"
credentials = "bench"

[backends.http]
kind = "http"
url = "http://127.0.0.1:{port}/"
credentials = "bench"

[[routes]]
path = "/"
methods = ["POST"]
backends = {{ native = 1 }}
meeting_from = "json:/meetingNumber"
role_from = "json:/role"

[[routes]]
path = "/forward"
methods = ["POST"]
backends = {{ http = 1 }}
meeting_from = "json:/meetingNumber"
role_from = "json:/role"

[results]
rate_limit = "9999999/1s"
max_attempts = 1000

[ledger]
url = "sqlite:///{ledger}"
"""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core does what. The servers that are measured take turns on one."""

    server: int
    backend: int
    load: tuple[int, ...]

    @classmethod
    def choose(cls) -> Cores:
        """From those that this process may use. Raises BenchError where there is only one."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise BenchError("one core is not enough: the load would slow down what it measures")
        *rest, server = usable
        return cls(server, rest[-1], tuple(rest[:-1]) or tuple(rest))


@dataclass(frozen=True, slots=True)
class Round:
    """One case in one round. CPU time is that of the process measured; `problems` make the figures worthless."""

    load: wrk.Load
    cpu_s: float
    problems: tuple[str, ...] = ()

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU time per request."""
        return self.cpu_s / self.load.requests * 1e6

    @property
    def busy(self) -> float:
        """The share of its core that the process had: well below 1, it waited, or others ran there too."""
        return self.cpu_s / self.load.seconds


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    key: str
    title: str
    measure: Callable[[int, int], Round]
    """Seconds and the number of the round -> what was measured."""


class Joinwatch:
    """The joinwatch under load, and what it says about it itself."""

    def __init__(self, child: Child, log: Path, folder: Path) -> None:
        self.child = child
        self._log = log
        self._folder = folder
        urls = child.until(self._listening, 'log lines "listening"')
        child.until(lambda: b'"ledger.available"' in log.read_bytes() or None, "ledger")
        self.public, self._admin = urls["public"], urls["admin"]

    def metric(self, sample: str) -> int:
        """One counter of the metrics page."""
        found = re.search(rf"^{re.escape(sample)} (\S+)$", _get(f"{self._admin}/metrics"), re.MULTILINE)
        if found is None:
            raise BenchError(f"no sample {sample} on the metrics page")
        return int(float(found[1]))

    def forget_log(self) -> None:
        """Empty the log file, which is written by appending."""
        os.truncate(self._log, 0)

    def log_lines(self, event: str, count: int) -> int:
        """How many lines of an event the log file has, given a moment to become `count`."""
        needle = f'"event":"{event}"'.encode()

        def look() -> int | None:
            found = self._log.read_bytes().count(needle)
            return found if found >= count else None

        try:
            return self.child.until(look, "log lines", 3.0)
        except BenchError:
            return self._log.read_bytes().count(needle)

    def ledger_rows(self) -> int:
        """How many results the ledger holds."""
        path = self._folder / LEDGER
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            [count] = connection.execute("SELECT count(*) FROM joins").fetchone()
            return int(count)

    def receipts(self, count: int) -> Iterator[str]:
        """Fresh receipts, one signature each."""
        parts = urlsplit(self.public)
        with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
            for _ in range(count):
                connection.request("POST", "/", ASKED, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                reply.read()
                yield reply.headers["Join-Receipt"]

    def _listening(self) -> dict[str, str] | None:
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.endswith("}")]
        urls = {line["listener"]: line["url"] for line in lines if line["event"] == "listening"}
        return urls if len(urls) == 2 else None


@contextmanager
def world(folder: Path, cores: Cores) -> Iterator[list[Case]]:
    """Start everything in `folder`; end it, by pid, on leaving."""
    python = (sys.executable, "-m")
    env = {"PYTHONPATH": str(ROOT), "BENCH_SECRET": backend.CLIENT_SECRET}
    with ExitStack() as stack:

        def start(name: str, *command: str, core: int) -> tuple[Child, Path]:
            return stack.enter_context(running(name, (*python, *command), core=core, folder=folder, env=env))

        empty, out = start("empty", "bench.empty", core=cores.server)
        empty_url = f"http://127.0.0.1:{listening_port(empty, out)}/"
        behind, out = start("backend", "bench.backend", core=cores.backend)
        port = listening_port(behind, out)
        config = folder / "joinwatch.toml"
        config.write_text(CONFIG.format(client_id=backend.CLIENT_ID, port=port, ledger=LEDGER))
        child, log = start("joinwatch", "proxy", "serve", "--config", str(config), core=cores.server)
        joinwatch = Joinwatch(child, log, folder)
        yield _cases(cores, empty, empty_url, behind, f"http://127.0.0.1:{port}/", joinwatch, folder)


def _cases(
    cores: Cores,
    empty: Child,
    empty_url: str,
    behind: Child,
    backend_url: str,
    watch: Joinwatch,
    folder: Path,
) -> list[Case]:
    def plain(child: Child, url: str) -> Callable[[int, int], Round]:
        return lambda seconds, _number: _loaded(child, url, cores.load, seconds, 200, ("post", ASKED))

    def signatures(path: str, name: str) -> Callable[[int, int], Round]:
        def measure(seconds: int, _number: int) -> Round:
            counter = f'joinwatch_signatures_total{{backend="{name}",outcome="issued"}}'
            return _observed(
                watch,
                counter,
                "signature.issued",
                lambda: plain(watch.child, watch.public + path)(seconds, 0),
            )

        return measure

    def results(seconds: int, number: int) -> Round:
        receipts = folder / "receipts"
        receipts.write_text("".join(f"{receipt}\n" for receipt in watch.receipts(RECEIPTS * seconds)))
        load = ("results", str(receipts), str(number))
        rows = watch.ledger_rows()
        done = _observed(
            watch,
            'joinwatch_join_results_received_total{reason="new",result="accepted"}',
            "join.reported",
            lambda: _loaded(watch.child, f"{watch.public}/join-results", cores.load, seconds, 204, load),
        )
        stored = watch.ledger_rows() - rows
        if stored < done.load.requests - done.load.wrong:
            lost = f"{done.load.requests} results were answered, {stored} are in the ledger"
            return Round(done.load, done.cpu_s, (*done.problems, lost))
        return done

    return [
        Case("empty", "empty aiohttp POST handler", plain(empty, empty_url)),
        Case("issuing", "joinwatch issuing, all observed", signatures("/", "native")),
        Case("backend", "the local backend alone", plain(behind, backend_url)),
        Case("forwarding", "joinwatch forwarding to it", signatures("/forward", "http")),
        Case("results", "join results, durable 204", results),
    ]


def _loaded(
    child: Child, url: str, cores: Sequence[int], seconds: int, status: int, load: Sequence[str]
) -> Round:
    before = child.cpu_s()
    done = wrk.run(url, seconds=seconds, cores=cores, status=status, load=load)
    problems = []
    if done.wrong:
        problems.append(f"{done.wrong} answers were not {status} (one was {done.other_status})")
    if done.failed:
        problems.append(f"{done.failed} requests had no answer")
    if not done.requests:
        raise BenchError(f"{child.name} answered nothing")
    return Round(done, child.cpu_s() - before, tuple(problems))


def _observed(watch: Joinwatch, counter: str, event: str, measure: Callable[[], Round]) -> Round:
    """The round, and whether joinwatch counted and logged all of it: a rate without its work would be no rate."""
    watch.forget_log()
    dropped = "joinwatch_log_lines_dropped_total"
    counted, lost = watch.metric(counter), watch.metric(dropped)
    done = measure()
    counted, lost = watch.metric(counter) - counted, watch.metric(dropped) - lost
    logged = watch.log_lines(event, counted - lost)
    problems = list(done.problems)
    if counted < done.load.requests - done.load.wrong:
        problems.append(f"{done.load.requests} requests were answered, {counted} counted")
    if logged < counted:
        problems.append(f"{counted} were counted, {logged} log lines written")
    return Round(done.load, done.cpu_s, tuple(problems))


def _get(url: str) -> str:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request("GET", parts.path)
        return connection.getresponse().read().decode()
