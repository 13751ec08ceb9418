"""The causes that single signatures point to, counted over many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from ..findings import RULES
from ..rules.base import Severity
from .base import Cause, Suspicion
from .mends import advice
from .persistence import still
from .windows import SWAPPED, BackendWindow, Kept, Slot
from .wording import percent

NEEDED: Final = 3
"""One odd request may come from anybody; three are a fault."""

LEAST_SHARE: Final = 0.005
NEWEST: Final = 24

PART: Final = 0.9
"""A fault of the code or the configuration is in all signatures; shared fields spare some."""

SERVED_TOO_LONG_S: Final = 1800.0
"""Handing the same token out for minutes is a sound cache; Zoom's shortest lifetime is half an hour."""

_BY_CAUSE: Final[dict[Cause, list[str]]] = {}
for _rule in RULES.values():
    if _rule.cause is not None and _rule.severity is not Severity.INFO:
        _BY_CAUSE.setdefault(Cause(_rule.cause), []).append(_rule.id)

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
    last = newest[-NEWEST:]
    recent = Counter(finding for kept in last for finding in kept.seen.issuance.findings)
    found = [
        suspicion
        for cause, findings in _BY_CAUSE.items()
        if (suspicion := _counted(cause, findings, tally, recent, len(last))) is not None
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
    cause: Cause, findings: Collection[str], tally: Slot, recent: Counter[str], of: int
) -> Suspicion | None:
    finding = max(findings, key=lambda each: tally.counts[each])
    count = tally.counts[finding]
    share = count / tally.total
    if count < NEEDED or share < LEAST_SHARE or not still(recent[finding], of, share):
        return None
    rule = RULES[finding]
    refused = rule.severity is Severity.REFUSED
    return Suspicion(
        cause,
        0.95 if refused else 0.8,
        f"{count} of {tally.total} signatures ({percent(share)}): {rule.summary} ({finding})",
        advice(cause),
        predicted_share=share if refused else None,
    )


def _shared_state(tally: Slot) -> Suspicion | None:
    """Requests that get parts of one another's signatures."""
    counts, total = tally.counts, tally.total
    torn, swapped = counts["format/segments"], counts[SWAPPED]
    mismatched, wrong = counts["request/meeting_mismatch"], counts["mac/wrong"]
    mixed = wrong >= NEEDED and mismatched >= 1 and max(wrong, mismatched) < PART * total
    if torn < 2 and swapped < 2 and not mixed:
        return None
    bad = max(torn + wrong, mismatched)
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
    ages = []
    for kept in newest:
        first = None if kept.fresh else window.first_seen(kept.seen.token)
        if first is not None and kept.at - first >= SERVED_TOO_LONG_S:
            ages.append(kept.at - first)
    if len(ages) < NEEDED:
        return None
    return Suspicion(
        Cause.STALE_SIGNATURE,
        0.9,
        f"{len(ages)} signatures were handed out again up to {max(ages) / 60:.0f} minutes after their first time.",
        advice(Cause.STALE_SIGNATURE),
    )
