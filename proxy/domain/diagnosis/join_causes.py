"""What joins add: how sure a cause is that signatures tell, and the causes that only joins tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..join_result import Outcome
from .base import Cause, Suspicion
from .exact import wilson
from .finding_causes import POINTING, without_companions
from .mends import advice
from .persistence import goes_on
from .predicates import LEAD_CAUSES, VISIBLE, Hidden, Visible, hidden
from .sightings import JoinSeen
from .tables import ENOUGH, USUAL_SHARE, Counts, Table, counts, described, once_each, refused, table, too_many
from .windows import JOINS_WINDOW_S, BackendWindow
from .wording import percent

SURE: Final = 0.99
DOUBTED: Final = 0.7
MANY_JOINS: Final = 30

CODES: Final[Mapping[Cause, frozenset[str]]] = {
    Cause.UNKNOWN_KEY: frozenset({"3704", "3710"}),
    Cause.STALE_SIGNATURE: frozenset({"3705"}),
    Cause.MEETING_MISMATCH: frozenset({"3706", "3707"}),
    Cause.HOST_ROLE: frozenset({"3708", "3711"}),
    Cause.OTHER_ACCOUNT: frozenset(str(code) for code in range(4011, 4019)),
}
"""What Zoom itself says with its code."""


JUDGED: Final = (Outcome.JOINED, Outcome.INVALID_SIGNATURE)
"""The outcomes that tell whether Zoom took the signature."""


class Joins:
    """The joins of a backend's window, and the tests over them."""

    def __init__(self, window: BackendWindow, now: float) -> None:
        self.all = once_each(window.recent_joins(now))
        self.judged = [join for join in self.all if join.outcome in JUDGED]
        self.any_refused = any(map(refused, self.judged))
        self.rest = [join for join in self.judged if not any(each.holds(join) for each in VISIBLE)]
        self.hidden = hidden(self.rest)
        self.tries = (len(VISIBLE) + len(self.hidden) + len(CODES)) * max(1, len(self.all))
        """Predicates x looks: each new join can have been looked at once."""
        tally = window.join_tally.since(now - JOINS_WINDOW_S)
        self.refused = tally.counts[Outcome.INVALID_SIGNATURE]
        self.ended = tally.total - tally.counts[Outcome.NO_RESULT]

    @property
    def observed(self) -> float | None:
        """The share of joins that ended with an invalid signature; None where nobody has joined."""
        return self.refused / self.ended if self.ended else None

    def told(self) -> str:
        """The observed share with its uncertainty."""
        if not self.ended:
            return "No join was reported yet."
        lo, hi = wilson(self.refused, self.ended)
        return (
            f"Observed: {self.refused} of {self.ended} joins failed as invalid signature, "
            f"{percent(self.refused / self.ended)} (95 %: {percent(lo)} to {percent(hi)})."
        )


def with_joins(found: Sequence[Suspicion], window: BackendWindow, now: float) -> list[Suspicion]:
    """The causes that signatures told, weighed by the joins, and those that joins tell; the surest first."""
    joins = Joins(window, now)
    causes = {each.cause: each for each in found}
    _by_codes(causes, joins)
    if joins.any_refused:  # Most windows of most backends have none, and nothing to explain.
        for visible in VISIBLE:
            _weigh(visible, causes, joins)
        _by_circumstance(causes, joins)
    observed = joins.observed
    told = joins.told()
    compared = [_compared(each, joins, told, observed) for each in causes.values()]
    return sorted(without_companions(compared), key=lambda each: -each.confidence)


def _weigh(visible: Visible, causes: dict[Cause, Suspicion], joins: Joins) -> None:
    spoken_for = [cause for cause in visible.speaks_for if cause in causes]
    if not spoken_for and visible.raises is None:
        return
    test = table(visible.what, visible.holds, joins.judged, joins.tries)
    if not test.tells or not _goes_on(joins.judged, visible.holds, refused):
        return
    for cause in spoken_for:
        one = causes[cause]
        causes[cause] = replace(
            one, confidence=max(one.confidence, SURE), evidence=f"{one.evidence} Joins agree: {test}."
        )
    if not spoken_for and visible.raises is not None:
        _raise(causes, visible.raises, SURE, f"Joins tell: {test}.")


def _by_codes(causes: dict[Cause, Suspicion], joins: Joins) -> None:
    unmarked = _unmarked(joins.all)
    answered = {join.code for join in joins.all}
    for cause, codes in CODES.items():
        if answered.isdisjoint(codes):
            continue

        def failed(join: JoinSeen, codes: frozenset[str] = codes) -> bool:
            return join.code in codes

        of_these = joins.all if cause in causes else unmarked
        of = counts(of_these, failed)
        p = too_many(of, joins.tries)
        if of.failed and p < ENOUGH and _goes_on(of_these, lambda _join: True, failed):
            named = ", ".join(sorted({join.code or "" for join in of_these if failed(join)}))
            evidence = f"Zoom answers {named} to {described(of)} (exact test, corrected: p = {p:.0e})."
            if cause in causes:
                one = causes[cause]
                causes[cause] = replace(one, confidence=SURE, evidence=f"{one.evidence} {evidence}")
            else:
                _raise(causes, cause, SURE, evidence, observed=of.share)


def _by_circumstance(causes: dict[Cause, Suspicion], joins: Joins) -> None:
    """What the signatures do not show, the strongest first; then what is left without any explanation."""
    rest = _unmarked(joins.rest)
    if not LEAD_CAUSES.isdisjoint(causes):
        rest = [join for join in rest if join.token_age_s is not None]
    tested: list[Table] = []
    candidates = joins.hidden
    while candidates:
        tests = [(table(each.what, each.holds, rest, joins.tries), each) for each in candidates]
        best, circumstance = min(tests, key=lambda one: one[0].p)
        if not best.tells or not _goes_on(rest, circumstance.holds, refused):
            tested += [test for test, _ in tests]
            break
        _raise_hidden(causes, circumstance, best, joins)
        rest = [join for join in rest if not circumstance.holds(join)]
        candidates = [each for each in candidates if each is not circumstance]
    of = counts(rest)
    p = too_many(of, joins.tries)
    if p >= ENOUGH or Cause.UNEXPLAINED in causes or any(test.leans(len(tested)) for test in tested):
        return
    if _goes_on(rest, lambda _join: True, refused):
        _raise(causes, Cause.UNEXPLAINED, 0.9, _ruled_out(of, p, tested, joins))


def _unmarked(joins: Sequence[JoinSeen]) -> list[JoinSeen]:
    """Those whose signatures have nothing that points to a cause: that cause, not a further one, has to be named."""
    return [join for join in joins if POINTING.isdisjoint(join.findings)]


def _raise_hidden(causes: dict[Cause, Suspicion], what: Hidden, test: Table, joins: Joins) -> None:
    more = ""
    if what.cause is Cause.UNEXPLAINED:
        more = " Nothing in the signatures differs between the views."
    share = test.true.total / len(joins.judged) * test.true.share
    replicas = (what.value,) if what.cause is Cause.REPLICA_SPECIFIC else ()
    one = causes.get(what.cause)
    if one is not None:
        evidence = f"{one.evidence} Joins agree: {test}."
        causes[what.cause] = replace(one, confidence=SURE, evidence=evidence)
        return
    causes[what.cause] = Suspicion(
        what.cause, SURE, f"Joins tell: {test}.{more}", advice(what.cause), replicas, predicted_share=share
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


def _goes_on(
    joins: Sequence[JoinSeen],
    holds: Callable[[JoinSeen], bool | None],
    failed: Callable[[JoinSeen], bool],
) -> bool:
    """Whether the newest joins of which it holds fail as those before."""
    return goes_on([failed(join) for join in joins if holds(join)])


def _raise(
    causes: dict[Cause, Suspicion],
    cause: Cause,
    confidence: float,
    evidence: str,
    observed: float | None = None,
) -> None:
    causes[cause] = Suspicion(cause, confidence, evidence, advice(cause), observed_share=observed)


def _compared(one: Suspicion, joins: Joins, told: str, observed: float | None) -> Suspicion:
    """With the share observed beside the share predicted; a prediction that many joins belie is doubted."""
    confidence, doubt = one.confidence, ""
    if one.predicted_share is not None and joins.ended >= MANY_JOINS and confidence < SURE:
        _, most = wilson(joins.refused, joins.ended)
        if most < one.predicted_share / 4:
            confidence, doubt = min(confidence, DOUBTED), " Far fewer joins fail than that would make fail."
    return replace(
        one,
        confidence=confidence,
        evidence=f"{one.evidence} {told}{doubt}",
        observed_share=observed if one.observed_share is None else one.observed_share,
    )
