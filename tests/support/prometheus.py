"""A real Prometheus as a child process, on a copy of dashboards/prometheus; its answers as values."""

from __future__ import annotations

import filecmp
import json
import math
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from .child import Child, running
from .polling import until
from .real import require

SHIPPED: Final = Path(__file__).parents[2] / "dashboards" / "prometheus"
TARGETS: Final = ("targets/joinwatch.yml", "targets/alertmanager.yml")
"""All that differs from what is shipped: where things are."""


class QueryError(Exception):
    """Prometheus did not take a query; the message is its own."""


@dataclass(frozen=True, slots=True)
class Series:
    """One element of a result: its labels, and its value at the time of asking."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is pending or firing; `since`: epoch seconds of the evaluation that found it first."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    since: float

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as Prometheus has loaded it; `alerting` or recording. `problem`: why its last evaluation failed."""

    name: str
    alerting: bool
    query: str
    health: str
    problem: str


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus; `url` has no slash at its end."""

    url: str
    child: Child

    async def query(self, expression: str, at: float | None = None) -> list[Series]:
        """The elements of an instant query, now or at a time. Raises QueryError."""
        asked = {"query": expression} | ({} if at is None else {"time": f"{at:.3f}"})
        found = await self._api("query", asked)
        if found["resultType"] == "scalar":
            return [Series({}, float(found["result"][1]))]
        return [Series(each["metric"], float(each["value"][1])) for each in found["result"]]

    async def query_range(self, expression: str, begin: float, end: float, step_s: float) -> list[Series]:
        """The elements of a range query, each with its last value that is a number. Raises QueryError."""
        asked = {"query": expression, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
        found = await self._api("query_range", asked)
        return [Series(each["metric"], _last_number(each["values"])) for each in found["result"]]

    async def alerts(self) -> list[Alert]:
        """Every alert that is pending or firing."""
        found = await self._api("alerts")
        return [
            Alert(
                each["labels"],
                each["annotations"],
                each["state"],
                datetime.fromisoformat(each["activeAt"]).timestamp(),
            )
            for each in found["alerts"]
        ]

    async def rules(self) -> list[Rule]:
        """Every rule, as it was loaded and with what became of its last evaluation."""
        found = await self._api("rules")
        return [
            Rule(
                each["name"],
                each["type"] == "alerting",
                each["query"],
                each["health"],
                each.get("lastError", ""),
            )
            for group in found["groups"]
            for each in group["rules"]
        ]

    async def _api(self, what: str, asked: Mapping[str, str] | None = None) -> Any:
        url = f"{self.url}/api/v1/{what}"
        method = "GET" if asked is None else "POST"
        async with aiohttp.ClientSession() as http, http.request(method, url, data=asked) as reply:
            told = await reply.json()
        if told["status"] != "success":
            raise QueryError(f"{told.get('error')} ({asked})")
        return told["data"]


@asynccontextmanager
async def prometheus(
    folder: Path, watched: Iterable[str], alertmanager: str | None = None, history: str = ""
) -> AsyncIterator[Prometheus]:
    """Prometheus as it is shipped, watching these admin listeners; `history`: samples in OpenMetrics' format.

    It is ready to be asked when this returns; it scrapes for the first time within 15 s.
    """
    program, config, data = require("prometheus"), folder / "prometheus", folder / "prometheus-data"
    shutil.copytree(SHIPPED, config, ignore=shutil.ignore_patterns("tests"))
    _write_targets(config / TARGETS[0], watched)
    _write_targets(config / TARGETS[1], [] if alertmanager is None else [alertmanager])
    assert _differing(config) <= set(TARGETS)
    if history:
        _backfill(data, history)
    arguments = (
        f"--config.file={config / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--web.listen-address=127.0.0.1:0",
    )
    async with running(program, *arguments, env={}, cwd=folder) as child:
        address = (await child.match(r'msg="Listening on" address=(\S+)'))[1]
        await child.match("Server is ready to receive web requests")
        yield Prometheus(f"http://{address}", child)


async def scraped(server: Prometheus, watched: Sequence[str], within_s: float = 40.0) -> None:
    """Wait until every one of these admin listeners was scraped, and well."""

    async def look() -> bool | None:
        up = await server.query('up{job="joinwatch"} == 1')
        return True if len(up) == len(watched) else None

    await until(look, "scrape of every joinwatch", within_s)


def _last_number(values: Sequence[tuple[float, str]]) -> float:
    numbers = [number for _, value in values if not math.isnan(number := float(value))]
    return numbers[-1] if numbers else math.nan


def instance(url: str) -> str:
    """What the label `instance` says of a target."""
    return urlsplit(url).netloc


def _write_targets(file: Path, urls: Iterable[str]) -> None:
    # JSON is YAML too.
    file.write_text(json.dumps([{"targets": [instance(url) for url in urls]}]), encoding="utf-8")


def _differing(config: Path) -> set[str]:
    """The files that are not as they are shipped."""
    shipped = [file for file in SHIPPED.rglob("*.yml") if "tests" not in file.parts[len(SHIPPED.parts) :]]
    names = [str(file.relative_to(SHIPPED)) for file in shipped]
    _, differing, missing = filecmp.cmpfiles(SHIPPED, config, names, shallow=False)
    return {*differing, *missing}


def _backfill(data: Path, history: str) -> None:
    data.mkdir()
    samples = data.with_suffix(".openmetrics")
    samples.write_text(history, encoding="utf-8")
    command = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(samples), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
