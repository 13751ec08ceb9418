"""Every kind of fault that makes joins fail, and how soon it is told by the joins alone, or by what joinwatch finds."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.domain.diagnosis.base import Cause
from tests.simulator.cases import Case, Replicas, all_cases, build
from tests.simulator.join_faults import hash_of
from tests.simulator.play import Player
from tests.simulator.play import World as Simulated

from .chance import poisson
from .metered import MeteredWatch, instance_of
from .promtool import Fired, Pace, alerts_of, fired
from .samples import Key, World


@dataclass(frozen=True, slots=True)
class Pacing:
    """`rate`: visits a second. How long it was calm before, how long the fault lasts, how often rules are evaluated."""

    rate: float
    calm_s: int
    lasts_s: int
    every_s: int
    step_s: int = 15
    earlier_s: int = 0
    """So much more calm time in a single scrape, the first, for the spans that reach back farther."""

    @property
    def slow(self) -> bool:
        """Whether three days of the past are there, which the slowest alert compares with."""
        return self.calm_s >= 3 * 86400


RATES: Final = {
    "10/h": Pacing(10 / 3600, 3900, 6 * 3600, 60, earlier_s=5 * 3600),
    "1/min": Pacing(1 / 60, 3900, 3600, 15, earlier_s=5 * 3600),
    "10/min": Pacing(1 / 6, 3900, 1200, 15, earlier_s=5 * 3600),
}
PATIENT: Final = {
    "10/h": Pacing(10 / 3600, 3 * 86400 + 600, 36 * 3600, 120, 30),
    "1/min": Pacing(1 / 60, 6 * 3600, 10 * 3600, 60),
    "10/min": Pacing(1 / 6, 6 * 3600, 6 * 3600, 60),
}
"""For faults of few joins."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault of the simulator. `row`: its number in docs/coverage.md. `share`: instead of what it says itself."""

    row: int
    cause: Cause
    name: str
    margin: int = 30
    replicas: Replicas = Replicas.ONE
    share: float | None = None

    @property
    def id(self) -> str:
        """As it stands in the table."""
        if self.share is not None:
            return f"no visible reason, {self.share:.0%} of signatures"
        where = "" if self.replicas is Replicas.ONE else ", on one of two replicas"
        margin = f", margin {self.margin} s" if self.cause in _BY_MARGIN else ""
        return f"{self.name}{margin}{where}"

    @property
    def pacings(self) -> Mapping[str, Pacing]:
        """How it is played at each rate."""
        return PATIENT if self.share is not None else RATES


_BY_MARGIN: Final = {Cause.FLOAT32_ROUNDING, Cause.BACKEND_CLOCK_AHEAD, Cause.NO_MARGIN}

KINDS: Final = (
    Kind(1, Cause.FLOAT32_ROUNDING, "round(long), margin inside"),
    Kind(1, Cause.FLOAT32_ROUNDING, "round(long), margin after", 0),
    Kind(1, Cause.FLOAT32_ROUNDING, "two roundings"),
    Kind(2, Cause.BACKEND_CLOCK_AHEAD, "45 s"),
    Kind(2, Cause.BACKEND_CLOCK_AHEAD, "3607 s"),
    Kind(3, Cause.NO_MARGIN, "Math.ceil", 0),
    Kind(3, Cause.NO_MARGIN, "clock 2.5 s ahead", 0),
    Kind(4, Cause.TIMEZONE_SHIFT, "+9h"),
    Kind(5, Cause.TIMEZONE_SHIFT, "-5h"),
    Kind(6, Cause.MILLISECONDS, "milliseconds"),
    Kind(7, Cause.LIFETIME_TOO_LONG, "7200000 s"),
    Kind(8, Cause.LIFETIME_TOO_SHORT, "300 s"),
    Kind(11, Cause.MALFORMED_CLAIMS, "iat a string"),
    Kind(12, Cause.MALFORMED_CLAIMS, "no iat"),
    Kind(12, Cause.MILLISECONDS, "cut to 32 bits"),
    Kind(13, Cause.WRONG_SECRET, "another app's secret"),
    Kind(14, Cause.KEY_SECRET_SWAPPED, "swapped"),
    Kind(15, Cause.DAMAGED_SECRET, "line end"),
    Kind(16, Cause.DAMAGED_SECRET, "base64-decoded"),
    Kind(17, Cause.UNKNOWN_KEY, "another app's key"),
    Kind(17, Cause.UNKNOWN_KEY, "another app's key, no secret configured"),
    Kind(18, Cause.WRONG_FORMAT, "legacy"),
    Kind(19, Cause.WRONG_FORMAT, "HMAC only"),
    Kind(20, Cause.MALFORMED_CLAIMS, "meetingNumber for mn"),
    Kind(20, Cause.APP_KEY_MISSING, "neither key"),
    Kind(21, Cause.ENCODING_DAMAGE, "hexadecimal HMAC"),
    Kind(22, Cause.ENCODING_DAMAGE, "standard base64"),
    Kind(24, Cause.WRONG_FORMAT, "HS512"),
    Kind(25, Cause.ENCODING_DAMAGE, "damaged on its way to the join"),
    Kind(27, Cause.MEETING_MISMATCH, "personal meeting id"),
    Kind(27, Cause.MEETING_MISMATCH, "pages join another meeting"),
    Kind(28, Cause.SHARED_STATE, "15 in 100"),
    Kind(30, Cause.STALE_SIGNATURE, "cached past expiry"),
    Kind(31, Cause.HOST_ROLE, "guests as hosts, 3712"),
    Kind(31, Cause.HOST_ROLE, "guests as hosts, 3711"),
    Kind(32, Cause.OTHER_ACCOUNT, "one in five, 4011"),
    Kind(33, Cause.UNEXPLAINED, "all joins"),
    Kind(35, Cause.WRONG_SECRET, "another app's secret", replicas=Replicas.APART),
    Kind(35, Cause.REPLICA_SPECIFIC, "refused for no visible reason", replicas=Replicas.APART),
    Kind(36, Cause.ZOOM_SIDE, "incident, 100% of joins"),
    Kind(36, Cause.ZOOM_SIDE, "incident, 50% of joins"),
    Kind(37, Cause.ORIGIN_SPECIFIC, "one of two origins"),
    Kind(38, Cause.REQUEST_NOT_PARSED, "body not read"),
    Kind(39, Cause.EMPTY_CREDENTIALS, "both empty"),
    Kind(33, Cause.UNEXPLAINED, "3 in 10", share=0.2),
    Kind(33, Cause.UNEXPLAINED, "3 in 10", share=0.1),
    Kind(33, Cause.UNEXPLAINED, "3 in 10", share=0.05),
)


@dataclass(frozen=True, slots=True)
class Told:
    """How one run went: seconds from the fault's beginning to the first alert of each kind, None where none came."""

    failing: float
    page_s: float | None
    symptoms_s: float | None
    by: str
    signs_s: float | None
    sign: str
    third_s: float | None
    """When the third refused signature was scraped: what counts signatures can hardly be sooner."""
    refused: int
    """How many signatures were refused."""


def tell(kind: Kind, pacing: Pacing, seeds: Sequence[int]) -> list[Told]:
    """Play it with each seed, and ask promtool once for all."""
    played = [_play(kind, pacing, seed) for seed in seeds]
    series = [each for world, _ in played for each in world.series()]
    samples = max(world.scrapes for world, _ in played)
    files = ("recording.yml", "alerts_joins.yml", "alerts_signatures.yml")
    found = fired(series, Pace(samples, pacing.step_s, pacing.every_s, files))
    if not pacing.slow:
        found = [each for each in found if each.alert != "JoinwatchRefusalsSlow"]
    return [_told([each for each in found if each.job == world.job], world, onset) for world, onset in played]


def _told(found: Sequence[Fired], world: World, onset_s: float) -> Told:
    symptoms = set(alerts_of("alerts_joins.yml"))
    page = [each for each in found if each.alert == "JoinwatchJoinsRefused"]
    joins = [each for each in found if each.alert in symptoms]
    signs = [each for each in found if each.alert not in symptoms and "Clock" not in each.alert]
    counts = world.instances[0].counts
    onset = int(onset_s) // world.step_s
    ends = {
        outcome: sum(counts["joins_total", f'outcome="{outcome}"'][onset:])
        for outcome in ("joined", "invalid_signature", "signature_expired", "other_failure")
    }
    refused = [
        at for at, more in enumerate(counts["signatures_refused_total", ""][onset:]) for _ in range(more)
    ]
    return Told(
        failing=1 - ends["joined"] / max(1, sum(ends.values())),
        page_s=page[0].at_s - onset_s if page else None,
        symptoms_s=joins[0].at_s - onset_s if joins else None,
        by=joins[0].alert if joins else "",
        signs_s=signs[0].at_s - onset_s if signs else None,
        sign=signs[0].alert if signs else "",
        third_s=refused[2] * world.step_s if len(refused) > 2 else None,
        refused=len(refused),
    )


def _play(kind: Kind, pacing: Pacing, seed: int) -> tuple[World, float]:
    """The world as it was scraped, and when in it the fault began, in seconds."""
    case = next(
        each
        for each in all_cases()
        if (each.fault.cause, each.fault.name) == (kind.cause, kind.name)
        and each.margin == _margin(kind, each)
        and each.replicas is kind.replicas
    )
    rng = random.Random(f"{seed} {kind.id} {pacing.rate}")
    simulated = build(case, rng)
    _adapt(simulated, kind, pacing)
    player = Player(simulated, rng)
    names = [backend.name for backend in simulated.backends]
    watch = MeteredWatch(names, simulated.setting, rng, simulated.start, pacing.step_s)
    player.watch = watch
    begins = max(simulated.onset, simulated.start + case.fault.shows_after_s)
    while player.now < begins + pacing.lasts_s:
        player.step()
    watch.scrape(begins + pacing.lasts_s)
    before = calm(pacing, rng)
    scrapes = int(begins + pacing.lasts_s - simulated.start) // pacing.step_s
    instance = instance_of(watch.scraped[:scrapes], "a", before)
    world = World([instance], f"seed{seed}", step_s=pacing.step_s)
    return world, pacing.calm_s + begins - simulated.start


def _margin(kind: Kind, case: Case) -> int:
    return kind.margin if kind.margin in case.fault.margins else case.fault.margins[-1]


def _adapt(simulated: Simulated, kind: Kind, pacing: Pacing) -> None:
    """A Zoom that is strict, so that the fault is one; each backend gets the rate."""
    simulated.zoom.strict_lifetime = simulated.zoom.strict_base64 = True
    simulated.traffic = replace(simulated.traffic, rate=pacing.rate * len(simulated.backends))
    share = kind.share
    if share is not None:
        simulated.zoom.rules = (
            lambda attempt: "3712" if hash_of(attempt.token) % 1000 < 1000 * share else None,
        )


def calm(pacing: Pacing, rng: random.Random) -> dict[Key, array[int]]:
    """Honest traffic of the same rate before."""
    scrapes, mean = pacing.calm_s // pacing.step_s, pacing.rate * pacing.step_s
    joined = array("I", (poisson(0.87 * mean, rng) for _ in range(scrapes)))
    joined[1] += poisson(0.87 * pacing.rate * pacing.earlier_s, rng)
    unheard = (poisson(0.13 * mean, rng) for _ in range(scrapes))
    return {
        ("joins_total", 'outcome="joined"'): joined,
        ("signatures_reported_total", ""): joined,
        ("signatures_total", 'outcome="issued"'): array("I", map(int.__add__, joined, unheard)),
    }
