"""When a join happened, by the proxy's own clock, and how old the token was then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from .join_result import JoinResult, Reject, Rejected
from .receipt import TOLERANCE_S, Issuance

SLACK_S: Final = 2.0
"""What an age may exceed the server's own reckoning by: a browser that was quicker than our clocks are fine."""

LATE_S: Final = 300.0

ABSURD_S: Final = 10 * 365.25 * 86400
"""An iat this far from the time it was sent is not in seconds (milliseconds lie 50 000 years ahead)."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where a join lies in time."""

    joined_at: float | None
    """Epoch seconds of the proxy's clock; None: not known."""
    token_age_s: float | None
    """Join time - iat, negative where iat was still ahead; None where either is not known."""
    late: bool
    """The result arrived more than five minutes after its join."""


def attribute(issuance: Issuance, result: JoinResult, now: float) -> Attribution:
    """Place a join: sent_at + the age that the client measured, checked against now - sent_at, the server's reckoning.

    No clock of the client is read for this but as a duration. Raises Rejected(impossible_age) for a measured age that
    exceeds the server's reckoning by more than an hour. Within the hour two replicas' clocks may disagree: the result
    counts, its time is not known. Nor is it where no age was measured, where the machine slept meanwhile (a
    monotonic clock may or may not have run), or where a wall clock's difference does not fit.

    Late is what arrived more than 300 s after its join. Where the age is no duration to go by, the join may have been
    as early as the sending: what arrives within 300 s of the sending, the join's own duration apart, is surely fresh;
    anything after that cannot be shown to be, and live metrics must not mistake the past for the present. An age that
    is only too large for the server's reckoning is still a measured duration, and such a result has just happened.
    """
    elapsed_s = now - issuance.sent_at
    age_s = _measured_age_s(result, elapsed_s)
    join_s = (result.join_ms or 0.0) / 1000
    late = elapsed_s - (age_s or 0.0) - join_s > LATE_S
    if age_s is None or age_s > elapsed_s + SLACK_S:
        return Attribution(None, None, late)
    joined_at = issuance.sent_at + age_s
    return Attribution(joined_at, _token_age_s(issuance, joined_at), late)


def _measured_age_s(result: JoinResult, elapsed_s: float) -> float | None:
    if result.age_ms is None or result.suspended:
        return None
    age_s = result.age_ms / 1000
    if result.age_clock == "wall":
        return age_s if age_s <= elapsed_s + SLACK_S else None
    if age_s > elapsed_s + TOLERANCE_S:
        raise Rejected(
            Reject.IMPOSSIBLE_AGE,
            f'"age_ms" says that the join began {age_s:.0f} s after the signature was sent, but that was'
            f" {elapsed_s:.0f} s ago: send milliseconds of a monotonic clock since the receipt came, or null",
        )
    return age_s


def _token_age_s(issuance: Issuance, joined_at: float) -> float | None:
    iat = issuance.iat
    if iat is None or not math.isfinite(iat) or abs(iat - issuance.sent_at) > ABSURD_S:
        return None
    return joined_at - iat
