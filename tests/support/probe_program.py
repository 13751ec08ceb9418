"""joinwatch probe as a program: started, waited for, its output searched for secrets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .secrets import found_in

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a probe."""

    code: int
    out: str
    err: str
    took_s: float

    @property
    def found(self) -> dict[str, Any]:
        """What --json printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def causes(self) -> list[str]:
        """The causes that --json printed."""
        return [each["cause"] for each in self.found["causes"]]


async def start(*arguments: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """The program with pipes for its output."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "probe", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], **(env or {})},
    )


async def ended(process: asyncio.subprocess.Process, within_s: float = 30.0) -> Ended:
    """Wait for its end; it is killed if that takes too long."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    assert found_in(out.decode() + err.decode()) == []
    return Ended(process.returncode, out.decode(), err.decode(), time.monotonic() - began)


async def probe(*arguments: str, within_s: float = 30.0) -> Ended:
    """Run it to its end."""
    return await ended(await start(*arguments), within_s)
