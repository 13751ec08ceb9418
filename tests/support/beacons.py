"""Join results as a page sends them: every field valid, so that a test names only what it is about."""

from __future__ import annotations

import itertools
import json
from typing import Any

Beacon = dict[str, Any]

INVALID_SIGNATURE: Beacon = {
    "method": "join",
    "status": False,
    "result": "Invalid signature.",
    "errorCode": 3712,
    "errorMessage": "Signature is invalid.",
}
"""The error object of the Client View for a refused signature."""

_numbers = itertools.count(1)


def new_id() -> str:
    """128 bits that no other result of this run has."""
    return f"{next(_numbers):032x}"


def beacon(receipt: str, **fields: Any) -> Beacon:
    """A refused join, reported by the Client View; `fields` replace, and take away where they are `...`."""
    usual: Beacon = {
        "receipt": receipt,
        "id": new_id(),
        "attempt": 1,
        "outcome": "failed",
        "error": INVALID_SIGNATURE,
        "age_ms": 0.0,
        "asked": "seen",
        "age_clock": "monotonic",
        "join_ms": 250.0,
        "step": 3,
        "suspended": False,
        "signature_intact": True,
        "meeting_matches": True,
        "view": "client",
        "sdk_version": "2.8.0",
        "dropped": 0,
    }
    return {name: value for name, value in (usual | fields).items() if value is not ...}


def encoded(value: object) -> bytes:
    """A body."""
    return json.dumps(value).encode()
