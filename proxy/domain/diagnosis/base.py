"""What a cause is, and what is said of one that is suspected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FLEET: Final = "all"
"""The backend of a cause that concerns all of them; reserved among the names of backends."""


class Cause(StrEnum):
    """Why joins fail: the label `cause`. Each has its section in docs/causes.md."""

    FLOAT32_ROUNDING = "float32_rounding"
    BACKEND_CLOCK_AHEAD = "backend_clock_ahead"
    BACKEND_CLOCK_BEHIND = "backend_clock_behind"
    TIMEZONE_SHIFT = "timezone_shift"
    MILLISECONDS = "milliseconds"
    NO_MARGIN = "no_margin"
    WRONG_SECRET = "wrong_secret"
    KEY_SECRET_SWAPPED = "key_secret_swapped"
    DAMAGED_SECRET = "damaged_secret"
    EMPTY_CREDENTIALS = "empty_credentials"
    UNKNOWN_KEY = "unknown_key"
    APP_KEY_MISSING = "app_key_missing"
    REQUEST_NOT_PARSED = "request_not_parsed"
    SHARED_STATE = "shared_state"
    STALE_SIGNATURE = "stale_signature"
    LIFETIME_TOO_SHORT = "lifetime_too_short"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    MALFORMED_CLAIMS = "malformed_claims"
    WRONG_FORMAT = "wrong_format"
    WRONG_PRODUCT = "wrong_product"
    ENCODING_DAMAGE = "encoding_damage"
    MEETING_MISMATCH = "meeting_mismatch"
    HOST_ROLE = "host_role"
    OTHER_ACCOUNT = "other_account"
    ORIGIN_SPECIFIC = "origin_specific"
    REPLICA_SPECIFIC = "replica_specific"
    ZOOM_SIDE = "zoom_side"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A cause that is suspected at a backend, by what its window holds now.

    `confidence` is 0 to 1; shares are parts of the joins, None where unknown. `heals_s`: a signature that was refused
    works after at most so many seconds; None: never, or not known. `replicas`: the ones that have it, empty where all
    have it or nobody can tell.
    """

    cause: Cause
    confidence: float
    evidence: str
    advice: str
    replicas: tuple[str, ...] = ()
    predicted_share: float | None = None
    observed_share: float | None = None
    heals_s: float | None = None
