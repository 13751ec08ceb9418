"""The joinwatch of these tests: its backends, and what its ledger must have about a join."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.support.joinwatch import Joinwatch
from tests.support.secrets import CLIENT_SECRET, OTHER_CLIENT_SECRET

from .play import Run
from .zoom import KEY, OTHER_KEY, Asked

ENVIRONMENT: Final = {"TEST_SECRET": CLIENT_SECRET, "TEST_OTHER_SECRET": OTHER_CLIENT_SECRET}
CONFIG: Final = f"""
    [credentials.one]
    client_id = "{KEY}"
    client_secret_env = "TEST_SECRET"

    [credentials.two]
    client_id = "{OTHER_KEY}"
    client_secret_env = "TEST_OTHER_SECRET"

    [backends.one]
    kind = "native"
    credentials = "one"

    [backends.two]
    kind = "native"
    credentials = "two"

    [[routes]]
    path = "/"
    backends = {{ one = 1 }}

    [[routes]]
    path = "/two"
    backends = {{ two = 1 }}
"""

Row = dict[str, Any]

_FIRST_STEP: Final = {"6.2.0": 1, "2.8.0": None}
"""The join-speed level "sdk call join"; 2.8.0 tells none."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a row must have; the rest is as it is for every join of these tests."""

    outcome: str
    code: str | None
    error: dict[str, Any]
    asked: str = "seen"
    changes: tuple[tuple[str, Any], ...] = ()

    def of(self, run: Run) -> Row:
        """The row without its times."""
        row = {
            "route": "/",
            "asked": "one",
            "signer": "one",
            "format": "meeting_sdk",
            "attempt": 1,
            "outcome": self.outcome,
            "code": self.code,
            "error": self.error,
            "step": _FIRST_STEP[run.way.version],
            "view": str(run.way.view),
            "sdk_version": run.way.version,
            "origin": run.pages.origin,
            "signature_intact": 1,
            "meeting_matches": 1,
            "suspended": 0,
            "dropped": 0,
            "age_asked": self.asked,
            "age_clock": "monotonic",
            "late": 0,
        }
        return row | dict(self.changes)


async def rows(watch: Joinwatch, count: int) -> list[Row]:
    """All rows, when joinwatch has logged so many results and has then come to its end: no more can follow."""
    await watch.logged("join.reported", count)
    await watch.terminate()
    assert watch.logs("join.rejected") == []
    found = watch.ledger_rows()
    for row in found:
        row["error"] = json.loads(row["error"])
    return found


def same(row: Row, expected: Row) -> bool:
    """Whether a row is as expected; a difference is shown whole."""
    found = {name: row[name] for name in expected}
    assert found == expected
    return True


def asked_when_zoom_was(row: Row, asked: Asked) -> bool:
    """By joinwatch's reckoning Zoom was asked when it was: the SDK's request was on its way for a moment."""
    assert row["token_age_s"] is not None
    assert -2.0 < row["joined_at"] - asked.at < 0.05
    assert abs(row["token_age_s"] - (asked.at - row["iat"])) < 2.0
    return True
