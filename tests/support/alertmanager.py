"""A real Alertmanager as a child process, on dashboards/alertmanager.yml, and the receiver that its webhooks reach."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from .child import Child, running
from .real import require

SHIPPED: Final = Path(__file__).parents[2] / "dashboards" / "alertmanager.yml"
RECEIVERS: Final = ("page", "ticket")


@dataclass(frozen=True, slots=True)
class Told:
    """One notification as it was delivered, at epoch seconds `at`; `status` is firing or resolved."""

    at: float
    receiver: str
    status: str
    group: Mapping[str, str]
    alerts: tuple[Mapping[str, Any], ...]

    @property
    def summaries(self) -> list[str]:
        """What whoever is called reads."""
        return [each["annotations"]["summary"] for each in self.alerts]


@dataclass(slots=True)
class Receiver:
    """Takes webhooks (version 4); `url` of a receiver's name is where Alertmanager sends."""

    base: str = ""
    told: list[Told] = field(default_factory=list)

    def url(self, name: str) -> str:
        """Where the notifications for this receiver go."""
        return f"{self.base}/{name}"

    def of(self, name: str, status: str | None = None) -> list[Told]:
        """What was delivered to this receiver, in order."""
        return [each for each in self.told if each.receiver == name and status in {None, each.status}]

    async def take(self, request: web.Request) -> web.Response:
        """One notification."""
        body = await request.json()
        assert body["version"] == "4"
        assert body["receiver"] == request.match_info["name"]
        assert body["truncatedAlerts"] == 0
        told = Told(time.time(), body["receiver"], body["status"], body["groupLabels"], tuple(body["alerts"]))
        self.told.append(told)
        return web.Response()


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running Alertmanager; `url` has no slash at its end."""

    url: str
    child: Child

    async def alerts(self) -> list[dict[str, Any]]:
        """Every alert that it holds and that is not over, silenced and inhibited ones too."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/api/v2/alerts") as reply:
            reply.raise_for_status()
            found: list[dict[str, Any]] = await reply.json()
        return found


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    taking = Receiver()
    app = web.Application()
    app.router.add_post("/{name}", taking.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        taking.base = f"http://{host}:{port}"
        yield taking
    finally:
        await runner.cleanup()


@asynccontextmanager
async def alertmanager(folder: Path, taking: Receiver) -> AsyncIterator[Alertmanager]:
    """Alertmanager as it is shipped, but for a webhook in each of its receivers."""
    config = folder / "alertmanager.yml"
    config.write_text(with_webhooks(SHIPPED.read_text(encoding="utf-8"), taking), encoding="utf-8")
    arguments = (
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager-data'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    )
    async with running(require("prometheus-alertmanager"), *arguments, env={}, cwd=folder) as child:
        address = (await child.match(r'msg="Listening on" address=(\S+)'))[1]
        yield Alertmanager(f"http://{address}", child)


def with_webhooks(shipped: str, taking: Receiver) -> str:
    """The configuration with one line more below the name of each receiver, and nothing else changed."""
    changed = shipped
    added = []
    for name in RECEIVERS:
        line = f"    webhook_configs: [{{url: '{taking.url(name)}'}}]"
        changed, found = re.subn(rf"(?m)^  - name: {name}$", rf"\g<0>\n{line}", changed)
        assert found == 1, f"alertmanager.yml: the receiver {name} is there {found} times"
        added.append(f"+ {line}")
    difference = difflib.ndiff(shipped.splitlines(), changed.splitlines())
    assert [line for line in difference if not line.startswith("  ")] == added
    return changed
