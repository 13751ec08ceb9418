"""python -m bench.observing COUNT: what the diagnosis costs of each signature, in CPU time and memory, as JSON."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from proxy.domain.causes import diagnose
from proxy.domain.diagnosis.windows import (
    JOIN_SLOT_S,
    JOINS_PER_SLOT,
    JOINS_WINDOW_S,
    BackendWindow,
)

from . import sightings
from .children import output
from .sightings import Traffic

COUNT: Final = 200_000
QUICK: Final = 20_000
SECONDS: Final = 5000.0
"""Of the traffic's own time, for `count` signatures: every window is full well before."""

LIMIT_S: Final = 600.0
LOOKS: Final = 5
FULL: Final = 50_000
"""Signatures that fill the windows of all replicas."""

JOINS: Final = int(4 * JOINS_PER_SLOT * JOINS_WINDOW_S / JOIN_SLOT_S)
"""Twice as many as a window keeps at most."""

_ROOT: Final = Path(__file__).parents[1]
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one kind of traffic: CPU time per signature, and the peak of memory after so many and after twice as many."""

    title: str
    median_us: float
    slowest_us: float
    """99 of 100 take less."""
    peak_bytes: int
    peak_bytes_twice: int

    @property
    def growth(self) -> float:
        """0 where twice the signatures need no more memory."""
        return (self.peak_bytes_twice - self.peak_bytes) / self.peak_bytes


@dataclass(frozen=True, slots=True)
class Look:
    """A whole diagnosis of one full window: of 64 replicas, and as many joins as it keeps."""

    title: str
    milliseconds: float
    joins: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observing:
    """What was measured."""

    count: int
    costs: tuple[Cost, ...]
    looks: tuple[Look, ...]


def run(count: int, core: int) -> Observing:
    """Measure in a process of its own, on one core. Raises BenchError."""
    command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "bench.observing", str(count)]
    told = json.loads(output("bench.observing", command, limit_s=LIMIT_S, cwd=_ROOT))
    return Observing(
        told["count"],
        tuple(Cost(**cost) for cost in told["costs"]),
        tuple(Look(**look | {"named": tuple(look["named"])}) for look in told["looks"]),
    )


def measure(count: int) -> Observing:
    """Everything, in this process."""
    looks = tuple(_look(each, count) for each in (sightings.HONEST_PODS, sightings.FLOAT32_PODS))
    return Observing(count, tuple(_cost(each, count) for each in sightings.ALL), looks)


def _cost(traffic: Traffic, count: int) -> Cost:
    taken = sorted(_nanoseconds(traffic, count))
    once, twice = _peaks(traffic, count)
    return Cost(traffic.title, median(taken) / 1e3, taken[len(taken) * 99 // 100] / 1e3, once, twice)


def _nanoseconds(traffic: Traffic, count: int) -> Iterator[int]:
    """Of each call, without what reading the clock takes."""
    clock, take = time.perf_counter_ns, BackendWindow().signature
    overhead = _overhead()
    arriving = traffic.signatures(count, SECONDS)
    while batch := list(islice(arriving, _BATCH)):
        for seen in batch:
            began = clock()
            take(seen)
            yield clock() - began - overhead


def _overhead() -> int:
    clock = time.perf_counter_ns
    taken = []
    for _ in range(10_000):
        began = clock()
        taken.append(clock() - began)
    return int(median(taken))


def _peaks(traffic: Traffic, count: int) -> tuple[int, int]:
    """The peaks of memory after `count` and after twice as many, in bytes."""
    peaks = []
    tracemalloc.start()
    try:
        window = BackendWindow()
        arriving = traffic.signatures(2 * count, 2 * SECONDS)
        for _ in range(2):
            for seen in islice(arriving, count):
                window.signature(seen)
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    return peaks[0], peaks[1]


def _look(traffic: Traffic, count: int) -> Look:
    window = BackendWindow()
    for seen in traffic.signatures(min(count, FULL), SECONDS):
        window.signature(seen)
    now = sightings.BEGIN + SECONDS
    for join in traffic.joins(JOINS, JOINS_WINDOW_S, now - JOINS_WINDOW_S):
        window.join(join)
    taken = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        found = diagnose({"java": window}, now)
        taken.append(time.perf_counter() - began)
    named = tuple(suspicion.cause.value for suspicion in found["java"])
    return Look(traffic.title, median(taken) * 1e3, len(window.joins), named)


if __name__ == "__main__":
    json.dump(asdict(measure(int(sys.argv[1]))), sys.stdout)
