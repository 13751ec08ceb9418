"""The joins themselves: as points for a picture, page by page, by the age of their token, and one signature's story."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

import msgspec

from ..domain.diagnosis.base import FLEET
from ..domain.join_result import Outcome
from ..domain.ports import (
    AgeKey,
    JoinPoint,
    JoinReader,
    JoinRecord,
    LedgerUnavailable,
    Newest,
    RaisedCause,
    Time,
)
from ..domain.receipt import Issuance
from .recent import RecentSignatures, Remembered
from .summary import LEDGER_S, rate
from .summary_shape import LedgerSummary, Moment, Rate

MAX_POINTS: Final = 20_000
"""More dots than a picture can show apart; the newest are told."""

FAILED: Final = frozenset({Outcome.INVALID_SIGNATURE, Outcome.SIGNATURE_EXPIRED, Outcome.OTHER_FAILURE})

AGE_EDGES_S: Final = (-60.0, -30.0, -10.0, 0.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 7200.0)
"""Between which ages of a token its joins are counted; below 0 iat was still ahead."""

_T = TypeVar("_T")


class Points(msgspec.Struct, frozen=True):
    """The JSON of /api/joins. `complete` is false where only the newest are told; null without a ledger, as `joins`."""

    generated_at: Moment
    since: Moment
    ledger: LedgerSummary
    complete: bool | None
    joins: list[JoinPoint] | None


@dataclass(frozen=True, slots=True)
class Told(Generic[_T]):
    """What the ledger told; None while it cannot be read, and `detail` says why."""

    found: _T | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one signature. `remembered`: this process issued it, and not long ago."""

    issuance: Issuance
    joins: Sequence[JoinRecord]
    remembered: Remembered | None
    causes: Sequence[RaisedCause]
    """Those suspected of its signer, or of all, when it was sent or used."""


@dataclass(frozen=True, slots=True)
class Ages:
    """The 3712 rate by the age of the token at the join: for each signer, and FLEET, one for each band of AGE_EDGES_S,
    and at the end those whose age is not known."""

    rates: Mapping[str, Sequence[Rate | None]]


class JoinsService:
    """Asks the ledger for joins; raises nothing because of it."""

    def __init__(self, reader: JoinReader, recent: RecentSignatures, time: Time) -> None:
        self._reader = reader
        self._recent = recent
        self._time = time

    async def points(self, period_s: float, backend: str | None = None) -> Points:
        """The joins received in the last `period_s` seconds, the newest first, MAX_POINTS at most."""
        now = self._time.wall()
        newest = Newest(now - period_s, MAX_POINTS + 1, backend=backend)
        told = await _asked(self._reader.points(newest))
        return as_points(told, now, period_s)

    async def newest(self, newest: Newest) -> Told[list[JoinRecord]]:
        """Joins with all that is known of them."""
        return await _asked(self._reader.records(newest))

    def remembered(self, records: Iterable[JoinRecord]) -> dict[str, Remembered]:
        """What this process still knows of their signatures, by receipt id."""
        found = ((each.issuance.receipt_id, self._recent.get(each.issuance.receipt_id)) for each in records)
        return {receipt_id: known for receipt_id, known in found if known is not None}

    async def ages(self, period_s: float) -> Told[Ages]:
        """The 3712 rate by the age of the token, as far as `period_s` seconds go back."""
        told = await _asked(self._reader.ages(self._time.wall() - period_s, AGE_EDGES_S))
        return Told(None if told.found is None else by_age(told.found), told.detail)

    async def story(self, receipt_id: str) -> Told[Story | None]:
        """What became of one signature; found None: nobody knows it, or (with a detail) the ledger cannot be read."""
        joins = await _asked(self._reader.of_receipt(receipt_id))
        remembered = self._recent.get(receipt_id)
        issuance = remembered.issuance if remembered else joins.found[0].issuance if joins.found else None
        if issuance is None:
            return Told(None, joins.detail)
        causes = await _asked(self._reader.causes(issuance.sent_at))
        used_at = max((each.received_at for each in joins.found or ()), default=issuance.sent_at)
        there = [
            each
            for each in causes.found or ()
            if each.backend in (issuance.signer, FLEET) and each.raised_at <= used_at
        ]
        return Told(Story(issuance, joins.found or (), remembered, there), joins.detail)


def as_points(told: Told[list[JoinPoint]], now: float, period_s: float) -> Points:
    """What was found of the newest MAX_POINTS + 1."""
    found = told.found
    return Points(
        generated_at=datetime.fromtimestamp(now, UTC),
        since=datetime.fromtimestamp(now - period_s, UTC),
        ledger=LedgerSummary(found is not None, told.detail),
        complete=None if found is None else len(found) <= MAX_POINTS,
        joins=None if found is None else found[:MAX_POINTS],
    )


def by_age(counts: Mapping[AgeKey, int]) -> Ages:
    """The rates of all signers that have joins."""
    bands = len(AGE_EDGES_S) + 2
    refused: dict[str, list[int]] = {FLEET: [0] * bands}
    judged: dict[str, list[int]] = {FLEET: [0] * bands}
    for (signer, outcome, band), count in counts.items():
        if outcome is Outcome.NO_RESULT:
            continue
        at = bands - 1 if band is None else band
        for name in (signer, FLEET):
            judged.setdefault(name, [0] * bands)[at] += count
            refused.setdefault(name, [0] * bands)[at] += count * (outcome is Outcome.INVALID_SIGNATURE)
    return Ages(
        {name: [rate(*each) for each in zip(refused[name], judged[name], strict=True)] for name in judged}
    )


async def _asked(asking: Awaitable[_T]) -> Told[_T]:
    try:
        async with asyncio.timeout(LEDGER_S):
            return Told(await asking)
    except LedgerUnavailable as error:
        return Told(None, str(error))
    except TimeoutError:
        return Told(None, f"reading took longer than {LEDGER_S:.0f} s: ask for a shorter time")
