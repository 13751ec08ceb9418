"""An outage of ours, and what the browsers kept meanwhile: it comes in a heap, and more of it is failures than was."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.domain.diagnosis.base import Cause
from proxy.domain.ports import Headers
from proxy.domain.receipt import Issuance
from tests.simulator.cases import Case, Replicas, all_cases, build
from tests.simulator.endpoints import Asked
from tests.simulator.joins import Habits
from tests.simulator.play import Player
from tests.simulator.watch import Setting

from .faults import Pacing, calm
from .metered import MeteredWatch, instance_of
from .promtool import Fired, Pace, fired
from .samples import FAILED, World

AFTER_S: Final = 1200
"""The page looks back for 15 minutes."""

REFUSED: Final = 0.001
_MENDED_S: Final = 360
KEPT: Final = 0.5
"""Of those who joined, half have closed the page by the end of the outage, and tell nothing."""


@dataclass(frozen=True, slots=True)
class Outage:
    """`down`: all of joinwatch is away; otherwise only its ledger, and signatures go out.

    `refusing`: Zoom refuses every join meanwhile, until six minutes before the end.
    """

    name: str
    rate: float
    lasts_s: int
    down: bool = False
    refusing: bool = False

    @property
    def id(self) -> str:
        """As it stands in the table."""
        what = "joinwatch" if self.down else "the ledger"
        fault = ", and every join is refused" if self.refusing else ""
        return f"{what} is away for {self.lasts_s // 60} minutes at {self.name}{fault}"


OUTAGES: Final = tuple(
    Outage(name, rate, minutes * 60, down, refusing)
    for name, rate, lengths in (
        ("10/h", 10 / 3600, (4, 60, 360)),
        ("1/min", 1 / 60, (4, 30, 120)),
        ("10/min", 1 / 6, (4, 30, 120)),
        ("1/s", 1.0, (4, 30)),
    )
    for minutes in lengths
    for down, refusing in ((False, False), (True, False), (False, True))
    if not refusing or minutes >= 30
)


@dataclass(frozen=True, slots=True)
class Redelivered:
    """What came after an outage: how many results, how many of them late and refused, and what fired then."""

    kept: int
    late: int
    late_refused: int
    in_time: int
    in_time_refused: int
    raised: tuple[str, ...]


class _Held(MeteredWatch):
    """Takes no result between two true times; browsers keep theirs until then, but for pages that are closed."""

    def __init__(
        self,
        setting: Setting,
        rng: random.Random,
        start: float,
        step_s: int,
        away: tuple[float, float],
        down: bool,
    ) -> None:
        super().__init__(["a"], setting, rng, start, step_s)
        self._away, self._down = away, down
        self._kept: list[tuple[Issuance, Mapping[str, Any], str, str]] = []
        self.kept = 0

    def signature(
        self, backend: str, replica: str, asked: Asked, body: bytes, headers: Headers, at: float, took: float
    ) -> Issuance | None:
        self._redeliver(at)
        if self._down and self._away[0] <= at < self._away[1]:
            return None
        return super().signature(backend, replica, asked, body, headers, at, took)

    def join(
        self, issuance: Issuance, fields: Mapping[str, Any], *, origin: str, client: str, at: float
    ) -> bool:
        self._redeliver(at)
        if self._away[0] <= at < self._away[1]:
            if fields["outcome"] != "joined" or self._rng.random() < KEPT:
                self._kept.append((issuance, fields, origin, client))
            return False
        return super().join(issuance, fields, origin=origin, client=client, at=at)

    def _redeliver(self, at: float) -> None:
        """All at once, at the end of the outage: no heap could be higher."""
        if at < self._away[1] or not self._kept:
            return
        kept, self._kept = self._kept, []
        self.kept = len(kept)
        for issuance, fields, origin, client in kept:
            super().join(issuance, fields, origin=origin, client=client, at=self._away[1])


def redelivered(outage: Outage, seeds: Sequence[int]) -> list[Redelivered]:
    """Play it with each seed, and ask promtool once for all."""
    pacing = Pacing(outage.rate, 3900, 0, 15, earlier_s=5 * 3600)
    begins_s = max(900.0, 2 / outage.rate)
    played = [_play(outage, pacing, begins_s, seed) for seed in seeds]
    samples = max(world.scrapes for world, _ in played)
    found = fired((each for world, _ in played for each in world.series()), Pace(samples))
    return [_told(world, kept, [each for each in found if each.job == world.job]) for world, kept in played]


def _told(world: World, kept: int, found: Sequence[Fired]) -> Redelivered:
    counts = world.instances[0].counts

    def late(*outcomes: str) -> int:
        keys = [key for key in counts if key[0] == "late_results_total"]
        return sum(
            sum(counts[key]) for key in keys if not outcomes or any(each in key[1] for each in outcomes)
        )

    heap = -AFTER_S // world.step_s - 1
    judged = [key for key in counts if key[0] == "joins_total"]
    return Redelivered(
        kept=kept,
        late=late(),
        late_refused=late("invalid_signature"),
        in_time=kept - late(),
        in_time_refused=sum(counts[key][heap + 1] for key in judged if "invalid_signature" in key[1]),
        raised=tuple(sorted({each.alert for each in found if "Clock" not in each.alert})),
    )


def _play(outage: Outage, pacing: Pacing, begins_s: float, seed: int) -> tuple[World, int]:
    rng = random.Random(f"{seed} {outage.id}")
    simulated = build(_sound(), rng)
    simulated.traffic = replace(simulated.traffic, rate=outage.rate)
    simulated.habits = Habits(patient=8, reloading=0.0, stray_refusals=REFUSED, sticky=True)
    start = simulated.start
    away = (start + begins_s, start + begins_s + outage.lasts_s)
    if outage.refusing:
        simulated.zoom.rules = (
            lambda attempt: "3712" if away[0] <= attempt.at < away[1] - _MENDED_S else None,
        )
    else:
        simulated.zoom.rules = ()
    player = Player(simulated, rng)
    watch = _Held(simulated.setting, rng, start, pacing.step_s, away, outage.down)
    player.watch = watch
    while player.now < away[1] + AFTER_S:
        player.step()
    watch.scrape(away[1] + AFTER_S)
    instance = instance_of(watch.scraped, "a", calm(pacing, rng))
    if outage.down:
        first, last = (int(pacing.calm_s + begins_s + more) // pacing.step_s for more in (0, outage.lasts_s))
        instance.scrapes[first:last] = bytes([FAILED]) * (last - first)
        instance.begun.append(last)
    return World([instance], f"seed{seed}", step_s=pacing.step_s), watch.kept


def _sound() -> Case:
    """Nothing is wrong in its signatures, and what Zoom does not like is taken away."""
    return next(
        case
        for case in all_cases()
        if case.fault.cause is Cause.UNEXPLAINED and case.replicas is Replicas.ONE and case.margin == 60
    )
