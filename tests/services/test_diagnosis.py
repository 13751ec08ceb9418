"""Causes are raised once, held while they last, cleared when the evidence says so, and survive a restart."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from proxy.domain.causes import FLEET, Cause
from proxy.domain.diagnosis.sightings import SignatureSeen
from proxy.domain.join_result import Outcome
from proxy.domain.ports import (
    AppendedResult,
    History,
    JoinRecord,
    LedgerUnavailable,
    RaisedCause,
    Tally,
)
from proxy.domain.receipt import Issuance
from proxy.services import diagnosis as module
from proxy.services.diagnosis import Diagnosis
from proxy.services.suspicions import CLEAR_NEWS, CLEAR_S, LOOKS, REFRESH_S
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from tests.ledger.builders import record
from tests.support.fake_time import FakeTime


@dataclass(slots=True)
class Memory:
    """A ledger of causes by their key; `down` while it takes nothing."""

    causes: dict[tuple[str, Cause, float], RaisedCause] = field(default_factory=dict)
    joins: list[JoinRecord] = field(default_factory=list)
    down: bool = False
    writes: int = 0

    async def append(self, record: JoinRecord) -> AppendedResult:
        """Not asked here."""
        raise NotImplementedError

    async def keep_causes(self, causes: Sequence[RaisedCause]) -> None:
        """Upsert."""
        self._check()
        self.writes += 1
        for each in causes:
            self.causes[each.backend, each.suspicion.cause, each.raised_at] = each

    async def history(self, since: float, limit: int) -> History:
        """All of it."""
        self._check()
        return History(list(self.joins), [each for each in self.causes.values() if each.cleared_at is None])

    async def tally(self, since: float) -> Tally:
        """Not asked here."""
        raise NotImplementedError

    def _check(self) -> None:
        if self.down:
            raise LedgerUnavailable("disk full", 1)


@dataclass(slots=True)
class Slow(Memory):
    """One that keeps nothing until it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    reads: bool = True
    """Whether reading waits as well."""

    async def keep_causes(self, causes: Sequence[RaisedCause]) -> None:
        """Upsert, when it is let."""
        await self.let.wait()
        await Memory.keep_causes(self, causes)

    async def history(self, since: float, limit: int) -> History:
        """All of it, when it is let."""
        if not self.reads:
            await self.let.wait()
        return await Memory.history(self, since, limit)


class Watching:
    """A diagnosis of the backends java and node over a ledger, with what it logged and counted."""

    def __init__(self, ledger: Memory, time: FakeTime | None = None) -> None:
        self.time = time or FakeTime()
        self.ledger = ledger
        self.out: list[bytes] = []
        self.metrics = Metrics(backends=("java", "node"))
        logs = Logs(self.out.append, time=self.time)
        self.diagnosis = Diagnosis(
            ("java", "node"),
            ledger=ledger,
            metrics=self.metrics,
            logs=logs,
            fail_open=FailOpen(self.metrics, logs),
            time=self.time,
        )
        self._number = 0

    def sign(
        self, lead_s: float, count: int = 1, every_s: float = 1.0, findings: tuple[str, ...] = ()
    ) -> None:
        """So many signatures of java whose iat is rounded down and that far ahead."""
        for _ in range(count):
            self._number += 1
            self.time.advance(every_s)
            now = self.time.wall()
            iat = float(math.floor(now + lead_s))
            issuance = Issuance(
                receipt_id=f"receipt {self._number}",
                sent_at=now,
                route="/",
                asked="java",
                signer="java",
                replica=None,
                format="meeting_sdk",
                iat=iat,
                exp=iat + 7200,
                iat_offset_s=iat - now,
                iat_offset_bound_s=0.01,
                clock_offset_s=None,
                clock_bound_s=None,
                backend_clock_offset_s=None,
                backend_clock_bound_s=None,
                findings=findings,
            )
            self.diagnosis.signature("java", SignatureSeen(issuance, token=self._number))

    async def look(self) -> None:
        """One turn of the task that looks: it reads back first, and the ledger learns of it afterwards."""
        await self.diagnosis.sync()
        await self.diagnosis.look()
        await self.diagnosis.sync()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        return [line for each in self.out if (line := json.loads(each))["event"] == event]

    @property
    def lit(self) -> set[tuple[str, str]]:
        """The gauges that are 1."""
        (family,) = [f for f in self.metrics.registry.collect() if f.name == "joinwatch_cause_suspected"]
        return {(each.labels["backend"], each.labels["cause"]) for each in family.samples if each.value}


BAD = ("claims/mn_missing",)
RAISED = {("java", "malformed_claims")}


async def test_a_cause_is_raised_once_and_its_evidence_grows_in_silence() -> None:
    watching = Watching(Memory())
    began = watching.time.wall()
    for _ in range(5):
        watching.sign(-30, 3, findings=BAD)
        await watching.look()
    (line,) = watching.lines("cause.suspected")
    assert line["backend"] == "java"
    assert line["cause"] == "malformed_claims"
    assert "3 of 3 signatures" in line["evidence"]
    assert watching.lit == RAISED
    (raised,) = watching.diagnosis.raised()
    assert raised.raised_at == began + 3
    assert "15 of 15 signatures" in raised.suspicion.evidence
    (kept,) = watching.ledger.causes.values()
    assert "3 of 3 signatures" in kept.suspicion.evidence  # The ledger learns of growth now and then only.
    watching.sign(-30, 1, every_s=REFRESH_S, findings=BAD)
    await watching.look()
    (kept,) = watching.ledger.causes.values()
    assert "16 of 16 signatures" in kept.suspicion.evidence
    assert watching.ledger.writes == 2


async def test_what_is_less_sure_must_be_seen_several_times_each_time_with_news() -> None:
    watching = Watching(Memory())
    watching.sign(20, 6)  # Nothing tells whether the clock is wrong or the code.
    for _ in range(2 * LOOKS):
        await watching.look()
    assert watching.diagnosis.raised() == []
    for _ in range(LOOKS - 1):
        watching.sign(20)
        await watching.look()
    assert watching.lit == {("java", "backend_clock_ahead")}


async def test_a_mended_cause_is_cleared_after_time_and_news() -> None:
    watching = Watching(Memory())
    watching.sign(-30, 30, findings=BAD)
    await watching.look()
    watching.sign(-30, 30)  # Enough to see that it has ended,
    await watching.look()
    assert watching.lit == RAISED  # not to be sure that it stays so.
    watching.time.advance(CLEAR_S)
    await watching.look()
    assert watching.lit == RAISED, "silence has cleared it"
    watching.sign(-30, CLEAR_NEWS)
    await watching.look()
    assert watching.lit == set()
    (line,) = watching.lines("cause.cleared")
    assert (line["backend"], line["cause"]) == ("java", "malformed_claims")
    (kept,) = watching.ledger.causes.values()
    assert kept.cleared_at == watching.time.wall()
    assert watching.diagnosis.raised() == []


async def test_a_cause_that_comes_and_goes_does_not_flap() -> None:
    watching = Watching(Memory())
    for _ in range(20):
        watching.sign(-30, 30, findings=BAD)
        await watching.look()
        watching.sign(-30, 60)
        await watching.look()
    assert len(watching.lines("cause.suspected")) == 1
    assert not watching.lines("cause.cleared")


async def test_a_ledger_that_is_down_learns_it_later() -> None:
    watching = Watching(Memory(down=True))
    watching.sign(-30, 3, findings=BAD)
    await watching.look()
    assert watching.lit == RAISED
    assert not watching.ledger.causes
    watching.ledger.down = False
    await watching.look()
    assert [key[:2] for key in watching.ledger.causes] == [("java", "malformed_claims")]
    await watching.look()
    assert watching.ledger.writes == 1


async def test_a_restart_neither_forgets_nor_raises_again() -> None:
    before = Watching(Memory())
    before.sign(-30, 3, findings=BAD)
    await before.look()
    (raised,) = before.diagnosis.raised()
    after = Watching(before.ledger, before.time)
    await after.look()
    assert after.lit == RAISED
    assert not after.lines("cause.suspected")
    after.sign(-30, 3, findings=BAD)
    await after.look()
    (again,) = after.diagnosis.raised()
    assert again.raised_at == raised.raised_at
    assert not after.lines("cause.suspected")
    assert len(before.ledger.causes) == 1


async def test_what_was_raised_again_before_the_ledger_could_be_read_is_the_same() -> None:
    before = Watching(Memory())
    before.sign(-30, 3, findings=BAD)
    await before.look()
    (raised,) = before.diagnosis.raised()
    before.ledger.down = True
    after = Watching(before.ledger, before.time)
    after.sign(-30, 3, findings=BAD)
    await after.look()
    before.ledger.down = False
    await after.look()
    (again,) = after.diagnosis.raised()
    assert again.raised_at == raised.raised_at
    assert len(before.ledger.causes) == 1


async def test_a_backend_that_is_no_longer_configured_is_cleared() -> None:
    ledger = Memory()
    watching = Watching(ledger)
    watching.sign(-30, 3, findings=BAD)
    await watching.look()
    (kept,) = ledger.causes.values()
    gone = RaisedCause("gone", kept.suspicion, kept.raised_at)
    await ledger.keep_causes([gone])
    after = Watching(ledger, watching.time)
    await after.look()
    assert {(each.backend, each.cleared_at is None) for each in ledger.causes.values()} == {
        ("java", True),
        ("gone", False),
    }


async def test_the_joins_of_before_a_restart_are_still_evidence() -> None:
    time = FakeTime()
    joins = [_refused(number, time.wall() - 3000 + 30 * number) for number in range(60)]
    watching = Watching(Memory(joins=joins), time)
    await watching.look()
    assert watching.lit == {("java", "unexplained")}


async def test_a_rare_fault_is_still_raised_after_a_restart_and_five_sound_minutes() -> None:
    """One signature in 200 has it: of 400 some 13 % of the time none does."""
    before = Watching(Memory())
    for _ in range(4):
        before.sign(-30, 199)
        before.sign(-30, 1, findings=BAD)
        await before.look()
    assert before.lit == RAISED
    after = Watching(before.ledger, before.time)
    for _ in range(80):
        after.sign(-30, 5, every_s=0.75)
        await after.look()
    assert after.lit == RAISED
    assert not after.lines("cause.cleared")
    after.sign(-30, CLEAR_NEWS, every_s=100)
    await after.look()
    assert after.lit == set(), "not for ever"


async def test_the_signatures_of_before_a_restart_are_evidence_and_come_before_the_new_ones() -> None:
    """The ledger has only those that a join was reported for; they need not be in the order of their joins."""
    time = FakeTime()
    began = time.wall()
    joins = [_issued(number, began - 600 + 20 * number, findings=BAD) for number in range(20)]
    watching = Watching(Memory(joins=joins[::-1]), time)
    watching.sign(-30, 3)  # Comes before the ledger is read.
    await watching.look()
    assert watching.lit == RAISED
    (raised,) = watching.diagnosis.raised()
    assert raised.suspicion.evidence.startswith("20 of 23 signatures (87 %): ")
    (kept,) = watching.ledger.causes.values()
    window = watching.diagnosis._windows["java"].replicas[""]
    times = [each.at for each in window.newest]
    assert times == sorted(times)
    assert len(times) == 23
    assert kept.raised_at == raised.raised_at


async def test_a_receipt_with_two_results_is_one_signature() -> None:
    time = FakeTime()
    began = time.wall()
    once = _issued(1, began - 100)
    again = replace(once, result=replace(once.result, outcome=Outcome.JOINED, code=None))
    watching = Watching(Memory(joins=[once, again]), time)
    await watching.look()
    window = watching.diagnosis._windows["java"]
    assert window.replicas[""].tally.since(0).total == 1
    assert window.join_tally.since(0).total == 2


async def test_what_was_mended_by_a_deployment_of_both_is_not_raised_by_the_past() -> None:
    """The new signatures are newer than the recalled ones, though they came before these were read."""
    time = FakeTime()
    began = time.wall()
    joins = [_issued(number, began - 600 + 20 * number, findings=BAD) for number in range(20)]
    watching = Watching(Memory(joins=joins), time)
    watching.sign(-30, 40)
    await watching.look()
    assert watching.lit == set()


async def test_nothing_is_kept_before_the_ledger_was_read() -> None:
    watching = Watching(Memory(down=True))
    watching.sign(-30, 3, findings=BAD)
    await watching.look()
    assert watching.lit == RAISED
    older = RaisedCause("java", watching.diagnosis.raised()[0].suspicion, watching.time.wall() - 900)
    watching.ledger.causes["java", older.suspicion.cause, older.raised_at] = older
    watching.ledger.down = False
    await watching.look()
    assert [each.raised_at for each in watching.ledger.causes.values()] == [older.raised_at]
    assert [each.raised_at for each in watching.diagnosis.raised()] == [older.raised_at]


async def test_what_came_before_a_late_reading_is_not_put_behind_it() -> None:
    """Then only the joins and the causes of before count: signatures out of order would look like a mended fault."""
    time = FakeTime()
    began = time.wall()
    ledger = Memory(joins=[_issued(number, began - 600 + 20 * number) for number in range(20)], down=True)
    watching = Watching(ledger, time)
    watching.sign(-30, 3)
    await watching.look()
    ledger.down = False
    await watching.look()
    window = watching.diagnosis._windows["java"]
    assert window.replicas[""].tally.since(0).total == 3
    assert window.join_tally.since(0).total == 20


@pytest.mark.parametrize("reads", [True, False], ids=["writing", "reading too"])
async def test_a_ledger_that_takes_long_does_not_delay_looks(
    reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "RECALL_S", 0.05)
    ledger = Slow(reads=reads)
    watching = Watching(ledger)
    watching.sign(-30, 3, findings=BAD)
    await watching.diagnosis.start()
    try:
        async with asyncio.timeout(5):
            while watching.lit != RAISED:
                await asyncio.sleep(0.01)
            watching.sign(-30, 20, findings=("mac/swapped",))
            while ("java", "key_secret_swapped") not in watching.lit:
                await asyncio.sleep(0.01)
            assert not ledger.causes, "it has not kept the first one yet"
            ledger.let.set()
            while len(ledger.causes) < 2:
                await asyncio.sleep(0.01)
    finally:
        ledger.let.set()
        await watching.diagnosis.aclose()
    assert ledger.writes <= 2


async def test_a_step_of_the_own_clock_voids_the_leads() -> None:
    watching = Watching(Memory())
    watching.sign(20, 6)
    watching.diagnosis.clock_stepped()
    for _ in range(LOOKS):
        watching.sign(-30, 2)
        await watching.look()
    assert watching.diagnosis.raised() == []


async def test_an_ill_look_costs_nothing_and_the_next_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(Memory())
    watching.sign(-30, 3, findings=BAD)
    with monkeypatch.context() as patch:
        patch.setattr(module, "signature_causes", _ill)
        await watching.diagnosis.turn()
    assert [line["stage"] for line in watching.lines("observation.failed")] == [
        "diagnosis"
    ] * 2  # of each backend
    watching.sign(-30, 1, findings=BAD)
    await watching.diagnosis.turn()
    assert watching.lit == RAISED


async def test_every_gauge_is_there_from_the_start() -> None:
    watching = Watching(Memory())
    (family,) = [f for f in watching.metrics.registry.collect() if f.name == "joinwatch_cause_suspected"]
    assert {(each.labels["backend"], each.labels["cause"]) for each in family.samples} == {
        (backend, cause.value) for backend in ("java", "node", FLEET) for cause in Cause
    }


def _refused(number: int, at: float) -> JoinRecord:
    """A join that Zoom refused, of a signature with nothing to be said against."""
    usual = record(f"receipt {number}", outcome=Outcome.INVALID_SIGNATURE, signer="java", late=False)
    issuance = msgspec.structs.replace(usual.issuance, sent_at=at, iat=at - 60, exp=at + 7140, findings=())
    result = replace(usual.result, code="3712", signature_intact=True, meeting_matches=True)
    return replace(
        usual, issuance=issuance, result=result, received_at=at, joined_at=at, token_age_s=60.0, evidence=True
    )


def _issued(number: int, at: float, findings: tuple[str, ...] = ()) -> JoinRecord:
    """A join that worked, of a signature with these findings."""
    usual = _refused(number, at)
    issuance = msgspec.structs.replace(usual.issuance, findings=findings, replica=None)
    return replace(usual, issuance=issuance, result=replace(usual.result, outcome=Outcome.JOINED, code=None))


def _ill(*_args: object) -> None:
    raise ZeroDivisionError
