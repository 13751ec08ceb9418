"""The real joinwatch as a child process: its listeners, its log lines, its metrics page and its ledger."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from .child import Child, running

LogLine = dict[str, Any]
Key = tuple[str, frozenset[tuple[str, str]]]
"""A sample's name and labels."""

Samples = dict[Key, float]

_REPOSITORY = Path(__file__).parents[2]
_LEDGER_FILE = "joinwatch.db"


def sample(name: str, **labels: str) -> Key:
    """The key of one sample in Samples."""
    return name, frozenset(labels.items())


@dataclass(frozen=True, slots=True)
class Joinwatch:
    """A running joinwatch; `public` and `admin` are its listeners' URLs, without a slash at the end."""

    public: str
    admin: str
    folder: Path
    child: Child

    def logs(self, event: str | None = None) -> list[LogLine]:
        """The log lines so far, in order: all of them, or those of one event."""
        lines: list[LogLine] = [json.loads(line) for line in self.child.out]
        return [line for line in lines if event in {None, line["event"]}]

    async def logged(self, event: str, count: int = 1, timeout_s: float = 10.0) -> list[LogLine]:
        """The lines of one event as soon as there are `count` of them: a line may come after its reply."""

        def look() -> list[LogLine] | None:
            lines = self.logs(event)
            return lines if len(lines) >= count else None

        return await self.child.until(look, f"{count} log lines {event!r}", timeout_s)

    async def metrics(self) -> Samples:
        """Every sample of the metrics page."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.admin}/metrics") as reply:
            reply.raise_for_status()
            page = await reply.text()
        found = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        return {(each.name, frozenset(each.labels.items())): each.value for each in found}

    def ledger_rows(self, table: str = "joins") -> list[dict[str, Any]]:
        """The rows of one table of the ledger, oldest first, read beside the running process."""
        with closing(sqlite3.connect(f"file:{self.folder / _LEDGER_FILE}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')
            return [dict(row) for row in rows]

    async def terminate(self, timeout_s: float = 15.0) -> int:
        """SIGTERM; the exit code once it has drained."""
        return await self.child.stop(signal.SIGTERM, timeout_s)

    async def kill(self) -> None:
        """SIGKILL: no draining, no last words."""
        await self.child.stop(signal.SIGKILL)


@asynccontextmanager
async def joinwatch(
    folder: Path, config: str = "", env: Mapping[str, str] | None = None, *, with_ledger: bool = True
) -> AsyncIterator[Joinwatch]:
    """`joinwatch serve` on free ports, with the given TOML text and a SQLite ledger in `folder`.

    Called again with the same folder, it starts on the same ledger. `env` wins over the defaults given here.
    It serves before its ledger is open; `with_ledger` waits for that too.
    """
    file = folder / "joinwatch.toml"
    file.write_text(config, encoding="utf-8")
    defaults = {
        "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:0",
        "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:0",
        "JOINWATCH_LEDGER__URL": f"sqlite:///{folder / _LEDGER_FILE}",
        "PYTHONPATH": str(_REPOSITORY),
    }
    command = (sys.executable, "-m", "proxy", "serve", "--config", str(file))
    async with running(*command, env={**defaults, **(env or {})}, cwd=folder) as child:
        urls = await child.until(
            lambda: _listening(child.out), 'log lines "listening" for both listeners', 30.0
        )
        watch = Joinwatch(urls["public"], urls["admin"], folder, child)
        if with_ledger:
            await watch.logged("ledger.available")
        yield watch


def _listening(lines: list[str]) -> dict[str, str] | None:
    events: list[LogLine] = [json.loads(line) for line in lines if line.startswith("{")]
    urls = {line["listener"]: line["url"] for line in events if line["event"] == "listening"}
    return urls if urls.keys() >= {"public", "admin"} else None
