"""What fires in an honest world: promtool has the last word on every stretch in which something could."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from .could_fire import Scan, Span
from .honest import Plan, honest
from .promtool import Pace, fired
from .samples import World


@dataclass(frozen=True, slots=True)
class _View:
    """How much of the past an alert needs, how often it is evaluated, and every how many scrapes are enough."""

    file: str
    past_s: int
    every_s: int = 15
    thin: int = 1


_VIEWS: Final = {
    "JoinwatchJoinsRefused": _View("alerts_joins.yml", 1200),
    "JoinwatchRefusalBursts": _View("alerts_joins.yml", 2400),
    "JoinwatchRefusalsFast": _View("alerts_joins.yml", 6 * 3600 + 600, 60),
    "JoinwatchRefusalsSlow": _View("alerts_joins.yml", 3 * 86400 + 600, 120, 2),
    "JoinwatchJoinsFailWithCode": _View("alerts_joins.yml", 86400 + 600, 60),
    "JoinwatchBackendFailing": _View("alerts_signatures.yml", 1200),
    "JoinwatchResultsTurnedAway": _View("alerts_telemetry.yml", 1800),
    "JoinwatchResultsStopped": _View("alerts_telemetry.yml", 26 * 3600 + 600, 60),
    "JoinwatchCoverageFell": _View("alerts_telemetry.yml", 26 * 3600 + 1800, 60),
    "JoinwatchDown": _View("alerts_telemetry.yml", 600),
    "JoinwatchMissing": _View("alerts_telemetry.yml", 900),
}

APART_S: Final = 3600
"""An alert that fires again within an hour is counted as one."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that fired in a world, so many seconds after its beginning."""

    alert: str
    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a world: how many stretches promtool was asked about, and what fired in them."""

    asked: int
    raised: tuple[Raised, ...]


def judge(world: World, jobs: int = 1) -> Judged:
    """Ask about every stretch in which something could fire, so many at a time."""
    stretches = list(_joined(Scan(world).spans(), APART_S // world.step_s))
    with ThreadPoolExecutor(jobs) as pool:  # promtool works, in processes of its own
        raised = [each for found in pool.map(lambda span: _ask(world, span), stretches) for each in found]
    return Judged(len(stretches), tuple(sorted(raised, key=lambda each: each.at_s)))


def judge_honest(plan: Plan, seed: int, scrapes: int) -> Judged:
    """The same of an honest world, which need not travel between processes."""
    return judge(honest(plan, seed, scrapes), jobs=2)


def _joined(spans: Iterable[Span], apart: int) -> Iterator[Span]:
    before: Span | None = None
    for span in sorted(spans, key=lambda each: (each.alert, each.first)):
        if before is not None and before.alert == span.alert and span.first - before.last <= apart:
            before = Span(span.alert, before.first, max(before.last, span.last))
            continue
        if before is not None:
            yield before
        before = span
    if before is not None:
        yield before


def _ask(world: World, span: Span) -> list[Raised]:
    """Only the alert that the stretch is about counts: for others the past may be too short."""
    view = _VIEWS[span.alert]
    first = max(0, span.first - view.past_s // world.step_s)
    last = min(world.scrapes, span.last + 120 // world.step_s)
    samples = (last - first + view.thin - 1) // view.thin
    pace = Pace(samples, world.step_s * view.thin, view.every_s, ("recording.yml", view.file))
    found = fired(world.series(first, last, view.thin), pace)
    mine = [each for each in found if each.alert == span.alert]
    whats = sorted({each.what for each in mine})
    firsts = [min(each.at_s for each in mine if each.what == what) for what in whats]
    return [
        Raised(span.alert, first * world.step_s + at_s, what)
        for what, at_s in zip(whats, firsts, strict=True)
    ]
