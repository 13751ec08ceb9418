"""An issuance and a join, for metrics and lines."""

from __future__ import annotations

from typing import Any, Final

from proxy.domain.join_result import JoinResult, Outcome, View
from proxy.domain.ports import JoinRecord
from proxy.domain.receipt import Issuance
from tests.support.tokens import NOW

RECEIPT_ID = "8f0c2f6bb3f94e7f9d2f1c"

_ISSUANCE: Final[dict[str, Any]] = {
    "receipt_id": RECEIPT_ID,
    "sent_at": float(NOW),
    "route": "/zoom",
    "asked": "java",
    "signer": "java",
    "replica": "pod-1",
    "format": "meeting_sdk",
    "iat": NOW + 12.0,
    "exp": NOW + 7212.0,
    "iat_offset_s": 11.75,
    "iat_offset_bound_s": 0.0123456,
    "clock_offset_s": -0.004,
    "clock_bound_s": 0.021,
    "backend_clock_offset_s": 0.5,
    "backend_clock_bound_s": 0.75,
    "findings": ("time/iat_ahead", "claims/role_type"),
}

_RESULT: Final[dict[str, Any]] = {
    "result_id": "0" * 32,
    "attempt": 2,
    "outcome": Outcome.INVALID_SIGNATURE,
    "code": "3712",
    "error": {"errorCode": 3712, "result": "Invalid signature."},
    "age_ms": 812.4,
    "asked": "seen",
    "age_clock": "monotonic",
    "join_ms": 2210.0,
    "step": 3,
    "suspended": False,
    "signature_intact": True,
    "meeting_matches": None,
    "view": View.CLIENT,
    "sdk_version": "2.8.0",
    "dropped": 0,
}


def issuance(**changes: Any) -> Issuance:
    """An issuance, the usual one but for these."""
    return Issuance(**_ISSUANCE | changes)


def join(
    outcome: Outcome = Outcome.INVALID_SIGNATURE,
    *,
    token_age_s: float | None = -11.0,
    origin: str | None = "https://a.example",
    late: bool = False,
    evidence: bool = True,
    issuance: Issuance | None = None,
    **result: Any,
) -> JoinRecord:
    """A join of that issuance's signature; `result` are changed fields of what was reported."""
    return JoinRecord(
        issuance=issuance or Issuance(**_ISSUANCE),
        result=JoinResult(**_RESULT | {"outcome": outcome} | result),
        received_at=NOW + 4.0,
        joined_at=NOW + 0.8,
        token_age_s=token_age_s,
        origin=origin,
        late=late,
        evidence=evidence,
    )
