"""The commands of docker-compose.yml with the real programs, from Debian: they start so, and are found to be well."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ..support.child import Child, running
from ..support.real import require
from ..support.servers import unused_port
from .project import ROOT, mounted, whole


@dataclass(frozen=True, slots=True)
class Program:
    """A service whose program Debian has too; `port` is the one it has in its container."""

    service: str
    debian: str
    port: int


PROGRAMS: Final = (
    Program("prometheus", "prometheus", 9090),
    Program("alertmanager", "prometheus-alertmanager", 9093),
)


@asynccontextmanager
async def started(program: Program, port: int, folder: Path) -> AsyncIterator[Child]:
    """The service's own command; only where things lie and the port are others."""
    service = whole().services[program.service]
    places = {place: str(folder) for place in mounted(service, "volume")}
    places |= {place: mount["source"] for place, mount in mounted(service, "bind").items()}
    command = [
        next((word.replace(place, own) for place, own in places.items() if f"={place}" in word), word)
        for word in service["command"]
    ]
    listen = f"--web.listen-address=127.0.0.1:{port}"
    async with running(require(program.debian), *command, listen, env={}, cwd=folder) as child:
        yield child


async def is_well(program: Program, port: int) -> bool:
    """What the service's health check says."""
    kind, name, *arguments = whole().services[program.service]["healthcheck"]["test"]
    assert kind == "CMD"
    moved = [word.replace(f":{program.port}", f":{port}") for word in arguments]
    assert moved != arguments
    process = await asyncio.create_subprocess_exec(
        require(name), *moved, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await asyncio.wait_for(process.wait(), 20) == 0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.service)
async def test_it_starts_and_is_well_until_it_ends(program: Program, tmp_path: Path) -> None:
    port = unused_port()
    async with started(program, port, tmp_path) as child:
        async with asyncio.timeout(30):
            while not await is_well(program, port):
                await asyncio.sleep(0.1)
        assert await child.stop() == 0
    assert not await is_well(program, port)


def test_haproxy_takes_its_configuration() -> None:
    command = (require("haproxy"), "-c", "-f", ROOT / "deploy" / "haproxy.cfg")
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    # The names are Docker's: here nobody knows them, and it starts all the same.
    warnings = [line for line in done.stderr.splitlines() if "[WARNING]" in line]
    assert [line for line in warnings if "could not resolve address" not in line] == []
