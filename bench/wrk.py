"""One run of wrk: how many requests were answered, how fast, and how many wrongly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .children import BenchError, output

SCRIPT: Final = Path(__file__).with_name("load.lua")
THREADS: Final = 2
CONNECTIONS: Final = 64
GRACE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw. `wrong`: answers with another status; `failed`: requests without an answer."""

    requests: int
    seconds: float
    wrong: int
    other_status: int
    failed: int

    @property
    def rate(self) -> float:
        """Requests answered per second."""
        return self.requests / self.seconds


def run(url: str, *, seconds: int, cores: Sequence[int], status: int, load: Sequence[str]) -> Load:
    """Load a URL for so many seconds; `load` are the arguments of load.lua after the status."""
    command = [
        *("taskset", "--cpu-list", ",".join(map(str, cores))),
        *("wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"),
        *("-s", str(SCRIPT), url, "--", str(status), *load),
    ]
    out = output(f"wrk at {url}", command, limit_s=seconds + GRACE_S)
    try:
        told = json.loads(out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise BenchError(f"wrk at {url} told no figures: {out[-2000:]}") from None
    return Load(
        requests=told["requests"],
        seconds=told["duration_us"] / 1e6,
        wrong=told["wrong"],
        other_status=told["other_status"],
        failed=told["failed"],
    )
