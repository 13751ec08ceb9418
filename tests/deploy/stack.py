"""The profile `replicas` without containers: joinwatch and HAProxy, as docker-compose.yml and deploy/haproxy.cfg say.

Only addresses, ports and the places of files are others.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from ..support.child import Child, running
from ..support.real import require
from ..support.servers import unused_port
from .project import ROOT, whole

NAMES: Final = ("a", "b", "c")


@dataclass(slots=True)
class Replica:
    """One joinwatch on ports that it keeps; started, killed and started again."""

    name: str
    folder: Path
    config: Path
    env: Mapping[str, str]
    public: int = field(default_factory=unused_port)
    admin: int = field(default_factory=unused_port)
    child: Child | None = None

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Child]:
        """Until it ends by itself or the context does."""
        folder = self.folder / self.name
        folder.mkdir(exist_ok=True)
        env = {
            **self.env,
            "PYTHONPATH": str(ROOT),
            "JOINWATCH_LISTEN__PUBLIC": f"127.0.0.1:{self.public}",
            "JOINWATCH_LISTEN__ADMIN": f"127.0.0.1:{self.admin}",
        }
        command = (sys.executable, "-m", "proxy", "serve", "--config", str(self.config))
        async with running(*command, env=env, cwd=folder) as child:
            await child.match('"listener":"admin"')
            self.child = child
            try:
                yield child
            finally:
                await child.stop(signal.SIGKILL)  # whoever wants to see it drain stops it before

    @property
    def running(self) -> Child:
        """The process."""
        assert self.child is not None
        return self.child


def environment(service: str, secrets: Path, **others: str) -> dict[str, str]:
    """What docker-compose.yml gives a replica; its secrets are elsewhere, and its balancer is on loopback."""
    given: Mapping[str, str] = whole().services[service]["environment"]
    env = {
        key: value.replace("/run/secrets", str(secrets)) for key, value in given.items() if "ZOOM" not in key
    }
    return env | {"JOINWATCH_PROXIES__TRUSTED": "127.0.0.0/8"} | others


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running HAProxy."""

    url: str
    health: str
    child: Child

    async def says(self, server: str, state: str, count: int = 1) -> None:
        """Wait until its log has so often that a server is UP or DOWN."""
        said = f"Server joinwatch/{server} is {state}"

        def look() -> bool | None:
            lines = [*self.child.out, *self.child.err]
            return True if sum(said in line for line in lines) >= count else None

        await self.child.until(look, f"{said!r} {count} times", 15.0)

    async def is_well(self) -> bool:
        """What the container's health check asks."""
        async with aiohttp.ClientSession() as http, http.get(self.health) as reply:
            return reply.status == 200


def rewritten(text: str, public: int, health: int, replicas: list[Replica]) -> str:
    """deploy/haproxy.cfg for these ports. AssertionError where it has not what is replaced."""
    changes = {
        "bind :4000\n": f"bind 127.0.0.1:{public}\n",
        "bind 127.0.0.1:4002\n": f"bind 127.0.0.1:{health}\n",
    }
    for replica in replicas:
        here = f"server {replica.name} 127.0.0.1:{replica.public} port {replica.admin}\n"
        changes[f"server {replica.name} joinwatch-{replica.name}:4000\n"] = here
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def balancer(folder: Path, replicas: list[Replica]) -> AsyncIterator[Balancer]:
    """HAProxy in front of them, once it is well."""
    public, health = unused_port(), unused_port()
    shipped = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
    config = folder / "haproxy.cfg"
    config.write_text(rewritten(shipped, public, health, replicas), encoding="utf-8")
    # As the image starts it: a master with a worker, in the foreground.
    command = (require("haproxy"), "-W", "-db", "-f", str(config))
    async with running(*command, env={}, cwd=folder) as child:
        front = Balancer(f"http://127.0.0.1:{public}", f"http://127.0.0.1:{health}/health", child)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    if await front.is_well():
                        break
                await asyncio.sleep(0.05)
        yield front


@asynccontextmanager
async def stack(folder: Path, replicas: list[Replica]) -> AsyncIterator[Balancer]:
    """All of it."""
    async with AsyncExitStack() as everything:
        for replica in replicas:
            await everything.enter_async_context(replica.started())
        yield await everything.enter_async_context(balancer(folder, replicas))
