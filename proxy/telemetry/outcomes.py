"""How a request can end: the enums that are at once metric label, log field and branch of the code."""

from __future__ import annotations

from enum import StrEnum


class SignatureOutcome(StrEnum):
    """How a request to a signature route ended: the label `outcome` of joinwatch_signatures_total."""

    ISSUED = "issued"
    REFUSED = "refused"
    """The backend answered with a 4xx."""
    NO_SIGNATURE = "no_signature"
    UNOBSERVED = "unobserved"
    """Too large, streamed, or not decodable: passed on unread."""
    BACKEND_ERROR = "backend_error"
    TIMEOUT = "timeout"
    CLIENT_GONE = "client_gone"
    REJECTED = "rejected"
    """joinwatch itself refused: body too large, rate limit."""


class Received(StrEnum):
    """What became of a delivery to /join-results: the label `result`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    """Asked to come again: 429 and 503 with Retry-After."""


class Accepted(StrEnum):
    """Why a result counts as accepted or as a duplicate: the label `reason` beside those."""

    NEW = "new"
    RESOLVED = "resolved"
    LATE = "late"
    SAME_ID = "same_id"


class Stage(StrEnum):
    """Where an observation can be lost: the label `stage` of joinwatch_observation_failures_total."""

    REQUEST = "request"
    DECODE = "decode"
    JUDGE = "judge"
    RECEIPT = "receipt"
    CLOCK = "clock"
    METRIC = "metric"
    LOG = "log"
    DIAGNOSIS = "diagnosis"
