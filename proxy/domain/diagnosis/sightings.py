"""What a diagnosis is made of: one signature as it was seen to leave, one join as it was reported."""

from __future__ import annotations

from typing import Final

import msgspec

from ..join_result import Outcome
from ..offsets import Interval
from ..ports import JoinRecord
from ..receipt import Issuance

UNKNOWN_TOKEN: Final = 0
"""Of a signature that is known from the ledger only: whether it was handed out before cannot be told."""


class SignatureSeen(msgspec.Struct, frozen=True, gc=False):
    """A signature that left. The digests are of this process only: equal for equal texts, good for nothing else.

    `token` is the digest of the whole signature, `meeting` of the meeting number that it claims, `asked` of the one
    that the request named; 0 where there is none.
    """

    issuance: Issuance
    token: int = UNKNOWN_TOKEN
    meeting: int = 0
    asked: int = 0
    date: Interval | None = None
    """Where the backend's clock lies against this host's by the Date of this reply alone."""


class JoinSeen(msgspec.Struct, frozen=True, gc=False):
    """A join, with what its receipt knew of the signature, by the reference clock where this host's is measured.

    `at` is the wall time of the join, else of its report; `token_age_s` join time - iat, negative where iat was still
    ahead; `left_s` exp - join time; `delay_s` join time - the time the signature was sent; `receipt` a digest of the
    receipt's id.
    """

    at: float
    outcome: Outcome
    code: str | None
    receipt: int
    token_age_s: float | None
    left_s: float | None
    delay_s: float | None
    clock_bound_s: float | None
    replica: str | None
    origin: str | None
    role: int | None
    view: str
    findings: tuple[str, ...]
    signature_intact: bool | None
    meeting_matches: bool | None

    @classmethod
    def of(cls, record: JoinRecord) -> JoinSeen:
        """What of a row of the ledger is evidence."""
        issuance, result, joined_at = record.issuance, record.result, record.joined_at
        exp, own, age = issuance.exp, issuance.clock_offset_s or 0.0, record.token_age_s
        return cls(
            at=record.received_at if joined_at is None else joined_at,
            outcome=result.outcome,
            code=result.code,
            receipt=hash(issuance.receipt_id),
            token_age_s=None if age is None else age - own,
            left_s=None if exp is None or joined_at is None else exp - joined_at + own,
            delay_s=None if joined_at is None else joined_at - issuance.sent_at,
            clock_bound_s=issuance.clock_bound_s,
            replica=issuance.replica,
            origin=record.origin,
            role=issuance.role,
            view=result.view.value,
            findings=issuance.findings,
            signature_intact=result.signature_intact,
            meeting_matches=result.meeting_matches,
        )
