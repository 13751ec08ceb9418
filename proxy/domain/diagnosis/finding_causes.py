"""The causes that single signatures point to, counted over many."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ..findings import RULES
from ..rules.base import Severity
from .base import Cause, Suspicion
from .exact import wilson
from .leads import SECOND_S, SLACK_S, leads, moved
from .mends import advice
from .persistence import goes_on, is_over
from .windows import SWAPPED, BackendWindow, Kept, Slot
from .wording import percent

NEEDED: Final = 3
"""One odd request may come from anybody; three are a fault."""

LEAST_SHARE: Final = 0.005

PART: Final = 0.9
"""A fault of the code or the configuration is in all signatures; shared fields spare some."""

FEW_WRONG: Final = 0.25
SURELY_WRONG: Final = 20

SERVED_TOO_LONG_S: Final = 1800.0
"""Handing the same token out for minutes is a sound cache; Zoom's shortest lifetime is half an hour."""

FINDINGS_OF: Final[dict[Cause, list[str]]] = {}
"""Which findings point to a cause."""

for _rule in RULES.values():
    if _rule.cause is not None and _rule.severity is not Severity.INFO:
        FINDINGS_OF.setdefault(Cause(_rule.cause), []).append(_rule.id)

POINTING: Final = frozenset(finding for of_one in FINDINGS_OF.values() for finding in of_one)
"""With one of these a signature may be refused for another reason than its iat."""

_SUPERSEDES: Final[dict[Cause, frozenset[Cause]]] = {
    Cause.MILLISECONDS: frozenset(
        {
            Cause.LIFETIME_TOO_SHORT,
            Cause.LIFETIME_TOO_LONG,
            Cause.STALE_SIGNATURE,
            Cause.MALFORMED_CLAIMS,
            Cause.TIMEZONE_SHIFT,
        }
    ),
    Cause.TIMEZONE_SHIFT: frozenset({Cause.STALE_SIGNATURE}),
    Cause.BACKEND_CLOCK_BEHIND: frozenset({Cause.STALE_SIGNATURE}),
    Cause.SHARED_STATE: frozenset(
        {Cause.MEETING_MISMATCH, Cause.WRONG_SECRET, Cause.HOST_ROLE, Cause.WRONG_FORMAT}
    ),
    Cause.EMPTY_CREDENTIALS: frozenset({Cause.APP_KEY_MISSING, Cause.UNKNOWN_KEY, Cause.WRONG_SECRET}),
    Cause.KEY_SECRET_SWAPPED: frozenset({Cause.UNKNOWN_KEY, Cause.WRONG_SECRET}),
    Cause.DAMAGED_SECRET: frozenset({Cause.WRONG_SECRET}),
    Cause.ENCODING_DAMAGE: frozenset({Cause.WRONG_SECRET}),
    Cause.WRONG_FORMAT: frozenset({Cause.MALFORMED_CLAIMS, Cause.WRONG_SECRET, Cause.STALE_SIGNATURE}),
}
"""What a cause brings along with it, and what therefore is no cause of its own."""


def finding_causes(tally: Slot, newest: Sequence[Kept], window: BackendWindow) -> list[Suspicion]:
    """The causes in what single signatures had. `tally`: of the window; `newest`: the last signatures, oldest first."""
    if not tally.counts:
        return []
    found = [
        suspicion
        for cause, findings in FINDINGS_OF.items()
        if (suspicion := _counted(cause, findings, tally, newest)) is not None
        and not (cause is Cause.STALE_SIGNATURE and _are_shifted(newest))
    ]
    for special in (_shared_state(tally), _served_too_long(newest, window)):
        if special is not None:
            found = [each for each in found if each.cause is not special.cause] + [special]
    return found


def without_companions(found: Sequence[Suspicion]) -> list[Suspicion]:
    """Without what another cause brings along."""
    named = {each.cause for each in found}
    hidden: set[Cause] = set()
    for cause in named:
        hidden |= _SUPERSEDES.get(cause, frozenset())
    return [each for each in found if each.cause not in hidden]


def _counted(
    cause: Cause, findings: Collection[str], tally: Slot, newest: Sequence[Kept]
) -> Suspicion | None:
    finding = max(findings, key=lambda each: tally.counts[each])
    count = tally.counts[finding]
    share = count / tally.total
    if count < NEEDED or share < LEAST_SHARE:
        return None
    sound = tally.after[finding]
    if is_over(count, tally.total - sound, sound) or not goes_on([_has(finding, kept) for kept in newest]):
        return None
    if finding == "mac/wrong" and wilson(count, tally.total)[0] < FEW_WRONG and count < SURELY_WRONG:
        return (
            None  # One secret is right or wrong; shared fields spoil a few, and will show in other ways too.
        )
    rule = RULES[finding]
    refused = rule.severity is Severity.REFUSED
    return Suspicion(
        cause,
        0.95 if refused else 0.8,
        f"{count} of {tally.total} signatures ({percent(share)}): {rule.summary} ({finding})",
        advice(cause),
        predicted_share=share if refused else None,
    )


def _has(finding: str, kept: Kept) -> bool:
    return finding in kept.seen.issuance.findings


def _are_shifted(newest: Sequence[Kept]) -> bool:
    """Whether the expired ones are different tokens that all lie equally far back: a shifted time, and no old token."""
    expired = leads(kept for kept in newest if "time/expired" in kept.seen.issuance.findings)
    return len({lead.token for lead in expired}) > 1 and moved(expired) <= SECOND_S + SLACK_S


def _shared_state(tally: Slot) -> Suspicion | None:
    """Requests that get parts of one another's signatures: a part of them is bad, in more than one way."""
    counts, total = tally.counts, tally.total
    torn, swapped, wrong = counts["format/segments"], counts[SWAPPED], counts["mac/wrong"]
    mismatched = counts["request/meeting_mismatch"]
    bad = max(torn + wrong, mismatched)
    in_ways = sum(map(bool, (torn, wrong, mismatched)))
    if bad < NEEDED or bad >= PART * total or (in_ways < 2 and swapped < 2 and torn < 2):
        return None
    sound = min(
        tally.after[kind]
        for kind in ("format/segments", "mac/wrong", "request/meeting_mismatch")
        if counts[kind]
    )
    if is_over(bad, total - sound, sound):
        return None
    parts = [
        f"{torn} have more than three parts" if torn else "",
        f"{wrong} have a wrong HMAC" if wrong else "",
        f"{mismatched} are for another meeting than asked for" if mismatched else "",
        f"{swapped} of them for the meeting that another request named just before" if swapped else "",
    ]
    return Suspicion(
        Cause.SHARED_STATE,
        0.95 if torn or swapped else 0.85,
        f"Of {total} signatures {', '.join(filter(None, parts))}: requests write into one another's fields.",
        advice(Cause.SHARED_STATE),
        predicted_share=min(1.0, bad / total),
    )


def _served_too_long(newest: Sequence[Kept], window: BackendWindow) -> Suspicion | None:
    """The same token over and over: a cache that outlives what it keeps."""
    since = [None if kept.fresh else window.first_seen(kept.seen.token) for kept in newest]
    age = [0.0 if first is None else kept.at - first for kept, first in zip(newest, since, strict=True)]
    ages = [each for each in age if each >= SERVED_TOO_LONG_S]
    if len(ages) < NEEDED or not goes_on([each >= SERVED_TOO_LONG_S for each in age]):
        return None
    return Suspicion(
        Cause.STALE_SIGNATURE,
        0.9,
        f"{len(ages)} signatures were handed out again up to {max(ages) / 60:.0f} minutes after their first time.",
        advice(Cause.STALE_SIGNATURE),
    )
