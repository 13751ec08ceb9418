"""What becomes of a signature in the browser: when it is used, what Zoom says, how often it is tried, what is told."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from .world import Page
from .zoom import Attempt, Zoom, error

SPACING_S: Final = 10.5
"""The SDK lets a page call join once in ten seconds."""

_OTHER_FAILURES: Final = ("3001", "3004", "3008", "3610", "1", "200", "-3000", "403", "4003", "4006", "3633")


@dataclass(frozen=True, slots=True)
class Told:
    """A join result on its way: when it arrives (true time), and the body's fields."""

    arrives: float
    fields: dict[str, Any]
    refused: bool


@dataclass(frozen=True, slots=True)
class Habits:
    """How people use the page.

    `joining`: the share of signatures that are joined with at all. `told`: the share of results that get through.
    `patient`: how often a person tries. `reloading`: the share who reload the page, which asks for a new signature.
    `lingering`: the share who keep the page open for minutes to hours before they join. `sticky`: a stray refusal
    holds for all tries of that page.
    """

    joining: float = 0.9
    told: float = 0.97
    patient: int = 4
    reloading: float = 0.3
    lingering: float = 0.02
    longest_s: float = 6 * 3600
    other_failures: float = 0.01
    stray_refusals: float = 0.003
    sticky: bool = False
    ages: bool = True
    compares: bool = True
    damages: float = 0.0
    """The share of pages that damage the signature on its way through a URL."""


def waiting_s(habits: Habits, rng: random.Random) -> float:
    """How long after receiving the signature a page calls join."""
    if rng.random() < habits.lingering:
        return float(min(habits.longest_s, 30 * 10 ** (3 * rng.random())))
    return 0.2 + rng.expovariate(0.5)


def use(
    attempt: Attempt, page: Page, received: float, zoom: Zoom, habits: Habits, rng: random.Random
) -> tuple[list[Told], float | None]:
    """The results that one signature brings, and when the page is reloaded (None: it is not).

    `attempt` holds what does not change between the tries; `received` is when the page has the signature.
    """
    told: list[Told] = []
    stray = rng.random() < habits.stray_refusals
    damaged = rng.random() < habits.damages
    if damaged:
        attempt.token = attempt.token[:-4]
    at = received + waiting_s(habits, rng)
    for number in range(1, habits.patient + 1):
        attempt.at = at
        code = zoom.refuses(attempt)
        if code is None and stray:
            code = "3712"
            stray = habits.sticky
        if code is None and rng.random() < habits.other_failures:
            code = rng.choice(_OTHER_FAILURES)
        took = 0.3 + rng.expovariate(1.0)
        if rng.random() < habits.told:
            fields = _fields(attempt, page, received, number, code, took, damaged, habits, rng)
            told.append(Told(at + took + 0.05 + rng.expovariate(2.0), fields, code == "3712"))
        if code is None or rng.random() < 0.25:
            return told, None
        if rng.random() < habits.reloading and page.reloads < 3:
            return told, at + took + 1 + rng.expovariate(0.2)
        at += took + SPACING_S + rng.expovariate(0.2)
    return told, None


def _fields(
    attempt: Attempt,
    page: Page,
    received: float,
    number: int,
    code: str | None,
    took: float,
    damaged: bool,
    habits: Habits,
    rng: random.Random,
) -> dict[str, Any]:
    """The body as the browser's script writes it."""
    return {
        "id": f"{rng.getrandbits(128):032x}",
        "attempt": number,
        "outcome": "joined" if code is None else "failed",
        "error": None if code is None else error(code, page.view),
        "age_ms": (attempt.at - received) * 1000 if habits.ages else None,
        "asked": "seen",
        "age_clock": "monotonic",
        "join_ms": took * 1000,
        "step": 8 if code is None else 1,
        "suspended": False,
        "signature_intact": None if not habits.compares else not damaged,
        "meeting_matches": None if not habits.compares else attempt.meeting == page.asked.meeting,
        "view": page.view,
        "sdk_version": "6.2.0",
    }
