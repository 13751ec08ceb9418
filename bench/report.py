"""Rounds -> the table: medians with their spread, and each case's ratio to the yardstick; what observing costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from .observing import Observing
from .world import Case, Round

YARDSTICK: Final = "empty"
BAR: Final = 0.30
"""The least share of the yardstick's rate that issuing must reach."""

OBSERVING_BAR_US: Final = 25.0
"""The most that a signature may cost the diagnosis, in the median."""

GROWTH_BAR: Final = 0.05
"""The most that memory may grow while as many signatures come again: beyond it, it is not bounded."""

_HEAD: Final = ("", "requests/s", "(least-most)", "of empty", "CPU us/request", "of empty", "core busy")


def ratio(rounds: Mapping[str, Sequence[Round]], key: str) -> float:
    """The median over the rounds of this case's rate by the yardstick's in the same round."""
    pairs = zip(rounds[key], rounds[YARDSTICK], strict=True)
    return median(one.load.rate / empty.load.rate for one, empty in pairs)


def cpu_ratio(rounds: Mapping[str, Sequence[Round]], key: str) -> float:
    """The same for CPU time: the yardstick's by this case's, so that 1 is as good as the yardstick."""
    pairs = zip(rounds[key], rounds[YARDSTICK], strict=True)
    return median(empty.cpu_us / one.cpu_us for one, empty in pairs)


def table(cases: Sequence[Case], rounds: Mapping[str, Sequence[Round]]) -> str:
    """A line per case."""
    lines = [_HEAD]
    for case in cases:
        done = rounds[case.key]
        rates = [one.load.rate for one in done]
        lines.append(
            (
                case.title,
                f"{median(rates):.0f}",
                f"({min(rates):.0f}-{max(rates):.0f})",
                f"{ratio(rounds, case.key):.2f}",
                f"{median(one.cpu_us for one in done):.0f}",
                f"{cpu_ratio(rounds, case.key):.2f}",
                f"{median(one.busy for one in done):.0%}",
            )
        )
    return _aligned(lines)


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    """In columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if not at else text.rjust(width) for at, (text, width) in enumerate(pairs)
        )
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )


def problems(cases: Sequence[Case], rounds: Mapping[str, Sequence[Round]]) -> list[str]:
    """What makes the figures worthless, a sentence each."""
    return [
        f"{case.title}, round {number}: {problem}"
        for case in cases
        for number, one in enumerate(rounds[case.key], 1)
        for problem in one.problems
    ]


def verdict(rounds: Mapping[str, Sequence[Round]]) -> tuple[bool, str]:
    """Whether issuing reaches the bar, in a sentence."""
    reached = ratio(rounds, "issuing")
    sentence = f"issuing reaches {reached:.2f} of the empty handler's rate; the bar is {BAR:.2f}"
    return reached >= BAR, sentence


def observing_table(seen: Observing) -> str:
    """A line per kind of traffic, then one per look at a full window."""
    lines = [
        (f"diagnosis, {seen.count} signatures", "us/signature", "99 % within", "peak MB", "twice as many")
    ]
    lines += [
        (
            cost.title,
            f"{cost.median_us:.1f}",
            f"{cost.slowest_us:.1f}",
            f"{cost.peak_bytes / 1e6:.2f}",
            f"{cost.growth:+.1%}",
        )
        for cost in seen.costs
    ]
    looks = [
        f"a look at {look.title}, {look.joins} joins: {look.milliseconds:.1f} ms,"
        f" names {', '.join(look.named) or 'nothing'}"
        for look in seen.looks
    ]
    return "\n".join([_aligned(lines), *looks])


def observing_verdict(seen: Observing) -> tuple[bool, str]:
    """Whether the worst kind of traffic costs a signature at most the bar, in a sentence."""
    worst = max(seen.costs, key=lambda cost: cost.median_us)
    sentence = (
        f"observing a signature takes at most {worst.median_us:.1f} us in the median ({worst.title});"
        f" the bar is {OBSERVING_BAR_US:g} us"
    )
    return worst.median_us <= OBSERVING_BAR_US, sentence


def growing(seen: Observing) -> list[str]:
    """The kinds of traffic whose memory is not bounded, a sentence each."""
    return [
        f"{cost.title}: {seen.count} signatures more take {cost.growth:.1%} more memory,"
        f" {GROWTH_BAR:.0%} are allowed"
        for cost in seen.costs
        if cost.growth > GROWTH_BAR
    ]
