"""What Zoom itself says with its codes, counted over many joins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from .base import Cause, Suspicion
from .joins import Joins, still_fail, unmarked
from .mends import advice
from .sightings import JoinSeen
from .tables import ENOUGH, counts, described, too_many

SURE: Final = 0.99
LIKELY: Final = 0.7

CODES: Final[Mapping[Cause, frozenset[str]]] = {
    Cause.UNKNOWN_KEY: frozenset({"3704", "3710"}),
    Cause.STALE_SIGNATURE: frozenset({"3705"}),
    Cause.MEETING_MISMATCH: frozenset({"3706", "3707"}),
    Cause.HOST_ROLE: frozenset({"3708", "3711"}),
    Cause.OTHER_ACCOUNT: frozenset({"4011", "4012", "4013"}),
}
"""What Zoom itself says with its code."""


def by_codes(causes: dict[Cause, Suspicion], joins: Joins) -> set[Cause]:
    """Add to the causes what the codes tell, unless the signatures show why already; which ones they tell."""
    told: set[Cause] = set()
    clean = unmarked(joins.all)
    answered = {join.code for join in joins.all}
    for cause, codes in CODES.items():
        if answered.isdisjoint(codes):
            continue

        def failed(join: JoinSeen, cause: Cause = cause, codes: frozenset[str] = codes) -> bool:
            return join.code in codes and not _contradicts(cause, join)

        of_these = joins.all if cause in causes else clean
        of = counts(of_these, failed)
        p = too_many(of, joins.tries)
        if not of.failed or p >= ENOUGH or not still_fail(of_these, lambda _join: True, failed):
            continue
        told.add(cause)
        named = ", ".join(sorted({join.code or "" for join in of_these if failed(join)}))
        evidence = f"Zoom answers {named} to {described(of)} (exact test, corrected: p = {p:.0e})."
        one = causes.get(cause)
        if one is not None:
            causes[cause] = replace(one, confidence=SURE, evidence=f"{one.evidence} {evidence}")
        else:
            # Wrong meetings may be typed by visitors; the other codes speak for themselves.
            confidence = LIKELY if cause is Cause.MEETING_MISMATCH else SURE
            causes[cause] = Suspicion(cause, confidence, evidence, advice(cause), observed_share=of.share)
    return told


def _contradicts(cause: Cause, join: JoinSeen) -> bool:
    """Whether what is known of the join speaks against what its code would mean."""
    match cause:
        case Cause.MEETING_MISMATCH:
            return join.meeting_matches is True
        case Cause.HOST_ROLE:
            return join.role == 0
        case _:
            return False
