"""Counters as Prometheus sees them: counts per scrape, lost scrapes, processes that begin anew, replicas."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

JOB = "joinwatch"

TAKEN, FAILED, ABSENT = 0, 1, 2
"""What became of a scrape: it was taken; the target did not answer (up is 0); nobody scraped."""

Key = tuple[str, str]
"""A metric without `joinwatch_`, and its labels besides job, instance and backend, as text."""


@dataclass(slots=True)
class Instance:
    """One replica: what it counted between each scrape and the one before, and which scrapes were taken.

    `begun`: the scrapes before which its process had begun anew, so that its counters start from 0 again.
    """

    name: str
    counts: dict[Key, array[int]]
    scrapes: bytearray
    begun: list[int] = field(default_factory=list)
    gauges: dict[Key, array[int]] = field(default_factory=dict)
    """Values as they are, with all of their labels besides job and instance."""

    def counted(self, key: Key) -> array[int]:
        """What was counted of a series; nothing, where it never was."""
        return self.counts.get(key) or array("I", bytes(4 * len(self.scrapes)))


@dataclass(slots=True)
class World:
    """All replicas of joinwatch at one backend, scraped every `step_s`."""

    instances: list[Instance]
    job: str = JOB
    backend: str = "a"
    step_s: int = 15

    @property
    def scrapes(self) -> int:
        """How many there are."""
        return len(self.instances[0].scrapes)

    def series(self, first: int = 0, last: int | None = None, thin: int = 1) -> Iterator[tuple[str, str]]:
        """Selectors and values of the scrapes from `first` to before `last`, every `thin`-th of them."""
        last = self.scrapes if last is None else min(last, self.scrapes)
        for instance in self.instances:
            where = f'job="{self.job}",instance="{instance.name}"'
            flags = instance.scrapes[first:last:thin]
            yield f"up{{{where}}}", _text([1 if flag == TAKEN else 0 for flag in flags], flags, up=True)
            yield f"joinwatch_build_info{{{where}}}", _text([1] * len(flags), flags)
            yield f"joinwatch_ledger_writable{{{where}}}", _text([1] * len(flags), flags)
            times = [index * self.step_s * thin for index in range(len(flags))]
            clock = f'{where},source="kernel"'
            yield f"joinwatch_clock_measured_timestamp_seconds{{{clock}}}", _text(times, flags)
            yield f"joinwatch_clock_offset_bound_seconds{{{clock}}}", _text([0.01] * len(flags), flags)
            yield f"joinwatch_clock_offset_seconds{{{clock}}}", _text([0] * len(flags), flags)
            for (metric, labels), counts in instance.counts.items():
                more = f',backend="{self.backend}"' if _by_backend(metric) else ""
                more += f",{labels}" if labels else ""
                values = _since_begun(counts, instance.begun, first, last)[::thin]
                yield f"joinwatch_{metric}{{{where}{more}}}", _text(values, flags)
            for (metric, labels), gauge in instance.gauges.items():
                yield f"joinwatch_{metric}{{{where},{labels}}}", _text(gauge[first:last:thin], flags)


def _by_backend(metric: str) -> bool:
    return not metric.startswith("join_results_received")


def _since_begun(counts: Sequence[int], begun: Sequence[int], first: int, last: int) -> list[int]:
    """The counter's value at each scrape; it began when the process did."""
    index = bisect_right(begun, first)
    total = sum(counts[begun[index - 1] if index else 0 : first])
    ends = [*(at for at in begun[index:] if at < last), last]
    values: list[int] = []
    for start, end in pairwise([first, *ends]):
        values += list(accumulate(counts[start:end], initial=total))[1:]
        total = 0
    return values


def _text(values: Sequence[float], flags: Sequence[int], *, up: bool = False) -> str:
    """promtool's notation; runs of equal values are shortened. A series ends with a scrape that fails."""
    words: list[str] = []
    run = 0
    before = ""
    for value, flag in zip(values, flags, strict=True):
        if flag == TAKEN or (up and flag == FAILED):
            word = str(value)
        else:
            word = "stale" if flag == FAILED and before not in ("", "stale", "_") else "_"
        if word == before:
            run += 1
            continue
        _close(words, before, run)
        before, run = word, 0
    _close(words, before, run)
    return " ".join(words)


def _close(words: list[str], word: str, more: int) -> None:
    if not word:
        return
    if not more:
        words.append(word)
    elif word == "_":
        words.append(f"_x{more + 1}")
    else:
        words.append(f"{word}+0x{more}")


@dataclass(slots=True)
class Merged:
    """Sums over the replicas, from the first scrape on: `high` has everything that was counted, `low` only what lies
    between two scrapes of one process that were both taken. What Prometheus can see lies in between."""

    high: Mapping[str, Sequence[int]]
    low: Mapping[str, Sequence[int]]
    missed: Sequence[int]
    """How many scrapes of all replicas were not taken."""


def merged(world: World, wanted: Mapping[str, Sequence[Key]]) -> Merged:
    """Running sums of groups of series, each with a 0 in front."""
    high: dict[str, array[int]] = {}
    low: dict[str, array[int]] = {}
    for name, keys in wanted.items():
        sums = array("Q", bytes(8 * world.scrapes))
        seen = array("Q", bytes(8 * world.scrapes))
        for instance in world.instances:
            lost = _unseen(instance)
            for counts in (instance.counts[key] for key in keys if key in instance.counts):
                sums = array("Q", map(int.__add__, sums, counts))
                kept = array("I", counts)
                for at in lost:
                    kept[at] = 0
                seen = array("Q", map(int.__add__, seen, kept))
        high[name] = array("Q", accumulate(sums, initial=0))
        low[name] = array("Q", accumulate(seen, initial=0))
    missed = [0] * world.scrapes
    for instance in world.instances:
        for at, flag in enumerate(instance.scrapes):
            if flag != TAKEN:
                missed[at] += 1
    return Merged(high, low, array("Q", accumulate(missed, initial=0)))


def _unseen(instance: Instance) -> list[int]:
    """Scrapes that do not tell all that was counted since the one before."""
    unseen = {0, *instance.begun}
    for at, flag in enumerate(instance.scrapes):
        if flag != TAKEN:
            unseen |= {at, at + 1}
    return sorted(at for at in unseen if at < len(instance.scrapes))
