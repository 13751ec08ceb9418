"""What joins add: how sure a cause is that signatures tell, and the causes that only joins tell."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Final

from .base import Cause, Suspicion
from .code_causes import by_codes
from .exact import wilson
from .finding_causes import FINDINGS_OF, without_companions
from .joins import Joins, still_fail, unmarked
from .mends import advice
from .predicates import LEAD_CAUSES, VISIBLE, Hidden, Visible, pointing_to
from .sightings import JoinSeen
from .tables import (
    ENOUGH,
    USUAL_SHARE,
    Counts,
    Table,
    counts,
    described,
    refused,
    table,
    too_many,
    while_failing,
)
from .wording import percent

SURE: Final = 0.99
DOUBTED: Final = 0.7
UNLIKELY: Final = 0.4
"""Too little to be raised."""

MANY_JOINS: Final = 30
FINE: Final = 0.2

NEARLY_S: Final = 2.0
"""iat that had passed by so little may not have passed by Zoom's clock."""


def with_joins(found: Sequence[Suspicion], joins: Joins) -> list[Suspicion]:
    """The causes that signatures told, weighed by the joins, and those that joins tell; the surest first."""
    causes = {each.cause: each for each in found}
    weighed = by_codes(causes, joins)
    if joins.any_refused or causes:  # Most windows of most backends have neither, and nothing to explain.
        for visible in (*VISIBLE, *map(pointing_to, [cause for cause in causes if cause in FINDINGS_OF])):
            weighed.update(_weigh(visible, causes, joins, weighed))
    if joins.any_refused:
        _by_circumstance(causes, joins)
    observed = joins.observed
    told = joins.told()
    compared = [_compared(each, joins, told, observed, each.cause in weighed) for each in causes.values()]
    return sorted(without_companions(compared), key=lambda each: -each.confidence)


def _weigh(
    visible: Visible, causes: dict[Cause, Suspicion], joins: Joins, weighed: Set[Cause]
) -> Sequence[Cause]:
    """Which causes it has borne out or belied; those that were weighed before are left as they are."""
    spoken_for = [cause for cause in visible.speaks_for - weighed if cause in causes]
    raises = visible.raises if visible.speaks_for.isdisjoint(causes) else None
    if not spoken_for and raises is None:
        return ()
    test = table(visible.what, visible.holds, joins.judged, joins.tries)
    if visible.raises is None and test.true.total >= MANY_JOINS and _mostly_fine(test.true):
        why = f"Joins do not bear it out: where {visible.what} {described(test.true)} failed."
        for cause in spoken_for:
            causes[cause] = _doubted(causes[cause], why)
        return spoken_for
    if not test.tells or not still_fail(joins.judged, visible.holds, refused):
        return ()
    for cause in spoken_for:
        one = causes[cause]
        causes[cause] = replace(
            one, confidence=max(one.confidence, SURE), evidence=f"{one.evidence} Joins agree: {test}."
        )
    if raises is not None:
        _raise(causes, raises, SURE, f"Joins tell: {test}.")
        return (raises,)
    return spoken_for


def _mostly_fine(of: Counts) -> bool:
    return wilson(of.failed, of.total)[1] < FINE


def _doubted(one: Suspicion, why: str) -> Suspicion:
    """A cause that joins belie is less likely; one that was a guess to begin with is not raised."""
    confidence = DOUBTED if one.confidence > DOUBTED else UNLIKELY
    return replace(one, confidence=min(one.confidence, confidence), evidence=f"{one.evidence} {why}")


def _by_circumstance(causes: dict[Cause, Suspicion], joins: Joins) -> None:
    """What the signatures do not show, the strongest first; then what is left without any explanation."""
    rest = unmarked(joins.rest)
    if not LEAD_CAUSES.isdisjoint(causes):
        rest = [join for join in rest if join.token_age_s is not None and join.token_age_s >= NEARLY_S]
    tested: list[Table] = []
    candidates = joins.hidden
    while candidates:
        tests = [
            (table(each.what, each.holds, while_failing(rest, each.holds), joins.tries), each)
            for each in candidates
        ]
        best, circumstance = min(tests, key=lambda one: one[0].p)
        if not best.tells or not still_fail(rest, circumstance.holds, refused):
            tested += [test for test, _ in tests]
            break
        _raise_hidden(causes, circumstance, best, rest, joins)
        rest = [join for join in rest if not circumstance.holds(join)]
        candidates = [each for each in candidates if each is not circumstance]
    of = counts(rest)
    p = too_many(of, joins.tries)
    if p >= ENOUGH or Cause.UNEXPLAINED in causes or any(test.leans(len(tested)) for test in tested):
        return
    if still_fail(rest, lambda _join: True, refused):
        _raise(causes, Cause.UNEXPLAINED, 0.9, _ruled_out(of, p, tested, joins))


def _raise_hidden(
    causes: dict[Cause, Suspicion], what: Hidden, test: Table, rest: Sequence[JoinSeen], joins: Joins
) -> None:
    more = ""
    if what.cause is Cause.UNEXPLAINED:
        more = " Nothing in the signatures differs between the views."
    share = sum(refused(join) and what.holds(join) is True for join in rest) / len(joins.judged)
    replicas = (what.value,) if what.cause is Cause.REPLICA_SPECIFIC else ()
    one = causes.get(what.cause)
    if one is not None:
        evidence = f"{one.evidence} Joins agree: {test}."
        causes[what.cause] = replace(one, confidence=SURE, evidence=evidence)
        return
    causes[what.cause] = Suspicion(
        what.cause,
        SURE,
        f"Joins tell: while most of these failed, {test}.{more}",
        advice(what.cause),
        replicas,
        predicted_share=share,
    )


def _ruled_out(of: Counts, p: float, tested: Sequence[Table], joins: Joins) -> str:
    seen = [f"{each.what} ({_failed_with(each, joins)})" for each in VISIBLE]
    compared = [f"{each.what} ({each.true.failed} of {each.true.total})" for each in tested]
    also = f" No difference that tells: {'; '.join(compared)}." if compared else ""
    return (
        f"{described(of)} failed as invalid signature, and nothing wrong is seen in their signatures (exact test "
        f"against {percent(USUAL_SHARE)}, corrected: p = {p:.0e}). Ruled out, with how many failed joins had it: "
        f"{'; '.join(seen)}.{also}"
    )


def _failed_with(visible: Visible, joins: Joins) -> str:
    known = [held for join in joins.judged if refused(join) and (held := visible.holds(join)) is not None]
    return f"{sum(known)} of {len(known)}" if known else "not known"


def _raise(
    causes: dict[Cause, Suspicion],
    cause: Cause,
    confidence: float,
    evidence: str,
    observed: float | None = None,
) -> None:
    causes[cause] = Suspicion(cause, confidence, evidence, advice(cause), observed_share=observed)


def _compared(one: Suspicion, joins: Joins, told: str, observed: float | None, weighed: bool) -> Suspicion:
    """With the share observed beside the share predicted; a prediction that many joins belie is doubted, once."""
    compared = replace(
        one,
        evidence=f"{one.evidence} {told}",
        observed_share=observed if one.observed_share is None else one.observed_share,
    )
    if weighed or one.predicted_share is None or joins.ended < MANY_JOINS or one.confidence >= SURE:
        return compared
    _, most = wilson(joins.refused, joins.ended)
    belied = most < one.predicted_share / 4
    return _doubted(compared, "Far fewer joins fail than that would make fail.") if belied else compared
