"""The JSON of /api/summary, which `joinwatch report` reads back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class LedgerSummary(msgspec.Struct, frozen=True):
    """Whether the joins could be counted; if not, why."""

    available: bool
    detail: str = ""


class ClockSummary(msgspec.Struct, frozen=True):
    """A clock that is ahead (+) by `offset_s`, with |true - offset_s| <= bound_s."""

    offset_s: float
    bound_s: float
    measured_at: Moment


class Rate(msgspec.Struct, frozen=True):
    """`refused` of `judged` joins, as a share with its 95 % interval (Wilson)."""

    share: float
    low: float
    high: float
    refused: int
    judged: int


class CauseSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cause that is suspected, or (with `until`) that was.

    `failed_joins`: joins that failed on their signature while it was suspected, within the time of the summary.
    """

    cause: str
    since: Moment
    confidence: float
    evidence: str
    predicted_failing_share: float | None
    observed_failing_share: float | None
    advice: str
    replicas: tuple[str, ...]
    heals_s: float | None
    failed_joins: int | None
    until: Moment | None = None


class BackendSummary(msgspec.Struct, frozen=True):
    """One backend, or all of them together.

    `joins` are by outcome, without the late ones; these, `rate_3712` and `cleared_causes` are None while the ledger
    cannot be read. `signatures_since_start` are by verdict, None where no process was asked.
    """

    joins: dict[str, int] | None
    late: int | None
    rate_3712: Rate | None
    signatures_since_start: dict[str, int] | None
    replicas: dict[str, ClockSummary | None]
    causes: tuple[CauseSummary, ...]
    cleared_causes: tuple[CauseSummary, ...] | None


class Summary(msgspec.Struct, frozen=True):
    """Everything. `since` is when the time begins that joins and cleared causes are told of."""

    generated_at: Moment
    since: Moment
    ledger: LedgerSummary
    host_clock: ClockSummary | None
    zoom_tolerance_s: tuple[float, float] | None
    backends: dict[str, BackendSummary]
