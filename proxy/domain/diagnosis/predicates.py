"""What may be so at a join: seen in its signature, or only in where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from ..findings import RULES
from ..rules.base import Severity
from .base import Cause
from .finding_causes import FINDINGS_OF
from .sightings import JoinSeen
from .tables import Predicate

MOST_VALUES: Final = 8
"""Of origins, replicas or views: the most frequent ones are tested."""

LEAD_CAUSES: Final = frozenset(
    {Cause.FLOAT32_ROUNDING, Cause.BACKEND_CLOCK_AHEAD, Cause.TIMEZONE_SHIFT, Cause.NO_MARGIN}
)
_REFUSED: Final = frozenset(
    rule.id for rule in RULES.values() if rule.severity is Severity.REFUSED and rule.id != "time/iat_ahead"
)


class Visible(msgspec.Struct, frozen=True, gc=False):
    """Something seen in the signature. `speaks_for`: causes that it supports beyond those that its findings point to;
    `raises`: the one that it names itself."""

    what: str
    holds: Predicate
    speaks_for: frozenset[Cause]
    raises: Cause | None = None


class Hidden(msgspec.Struct, frozen=True, gc=False):
    """Something that no signature shows. `value`: which origin, replica or view."""

    what: str
    holds: Predicate
    cause: Cause
    value: str = ""


def _iat_ahead(join: JoinSeen) -> bool | None:
    return None if join.token_age_s is None else join.token_age_s < 0


def _has(prefix: str, join: JoinSeen) -> bool:
    return any(finding.startswith(prefix) for finding in join.findings)


def _mac_wrong(join: JoinSeen) -> bool:
    return any(finding.startswith("mac/") and finding != "mac/unknown_key" for finding in join.findings)


def _meeting_differs(join: JoinSeen) -> bool:
    return join.meeting_matches is False or "request/meeting_mismatch" in join.findings


def _expired(join: JoinSeen) -> bool | None:
    return None if join.left_s is None else join.left_s < 0


def _damaged(join: JoinSeen) -> bool | None:
    return None if join.signature_intact is None else not join.signature_intact


def _refusable(join: JoinSeen) -> bool:
    return not _REFUSED.isdisjoint(join.findings)


VISIBLE: Final = (
    Visible("iat was still ahead", _iat_ahead, LEAD_CAUSES),
    Visible("the HMAC was wrong", _mac_wrong, frozenset({Cause.SHARED_STATE})),
    Visible(
        "the meeting was another",
        _meeting_differs,
        frozenset({Cause.MEETING_MISMATCH, Cause.SHARED_STATE}),
        Cause.MEETING_MISMATCH,
    ),
    Visible(
        "the lifetime was out of range",
        partial(_has, "time/lifetime"),
        frozenset(),
    ),
    Visible("the signature had expired", _expired, frozenset({Cause.STALE_SIGNATURE}), Cause.STALE_SIGNATURE),
    Visible(
        "the page joined with another text than was issued",
        _damaged,
        frozenset({Cause.ENCODING_DAMAGE}),
        Cause.ENCODING_DAMAGE,
    ),
    Visible(
        "the signature had a finding that Zoom refuses",
        _refusable,
        frozenset(),
    ),
)


def pointing_to(cause: Cause) -> Visible:
    """That the signature had what points to this cause."""
    findings = frozenset(FINDINGS_OF.get(cause, ()))
    return Visible(
        "the signature had it", lambda join: not findings.isdisjoint(join.findings), frozenset({cause})
    )


def hidden(joins: Sequence[JoinSeen]) -> list[Hidden]:
    """The predicates that these joins can tell apart."""
    found = []
    if len({join.role for join in joins}) > 1:
        found.append(Hidden("the role was 1 (host)", lambda join: join.role == 1, Cause.HOST_ROLE))
    for name, cause in (
        ("origin", Cause.ORIGIN_SPECIFIC),
        ("replica", Cause.REPLICA_SPECIFIC),
        ("view", Cause.UNEXPLAINED),
    ):
        values = _values(getattr(join, name) for join in joins)
        found += [
            Hidden(f"the {name} was {value}", partial(_is, name, value), cause, value) for value in values
        ]
    return found


def _values(of: Iterable[str | None]) -> list[str]:
    frequent = Counter(value for value in of if value is not None)
    return [value for value, _ in frequent.most_common(MOST_VALUES)] if len(frequent) > 1 else []


def _is(name: str, value: str, join: JoinSeen) -> bool | None:
    has = getattr(join, name)
    return None if has is None else has == value
