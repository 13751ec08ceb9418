"""A small seeded past for the pages: backends with one fault each, their joins in the ledger, their causes raised."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from msgspec.structs import replace as changed

from proxy.domain.diagnosis.base import Cause, Suspicion
from proxy.domain.diagnosis.mends import advice
from proxy.domain.join_result import Outcome, View
from proxy.domain.ports import JoinRecord, RaisedCause
from proxy.ledger.store import Store
from tests.ledger.builders import BARE
from tests.support.app import http_backend
from tests.support.beacons import INVALID_SIGNATURE

DAY_S: Final = 86400.0


def _float32(at: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", at))[0]
    return rounded


@dataclass(frozen=True, slots=True)
class Signer:
    """One backend: how its iat comes about, and what is said of it."""

    name: str
    iat: Callable[[float], float]
    cause: Cause | None = None
    evidence: str = ""
    lifetime_s: float = 7200.0
    finding: str = ""


SIGNERS: Final = (
    Signer(
        "java_rounding",
        lambda at: _float32(at) - 30,
        Cause.FLOAT32_ROUNDING,
        "all 240 iat of 28 distinct values have the residue 98 modulo 128, and the lead moves from -93.9 s to +33.8 s",
        finding="time/iat_ahead",
    ),
    Signer(
        "fast_clock",
        lambda at: at + 45,
        Cause.BACKEND_CLOCK_AHEAD,
        "the clock of the backend is 75.2 s ahead by its Date headers, within 0.2 s",
        finding="time/iat_ahead",
    ),
    Signer(
        "timezone",
        lambda at: at + 7200,
        Cause.TIMEZONE_SHIFT,
        "iat is 7200 s ahead of the time in all of 240 signatures",
        finding="time/iat_ahead",
    ),
    Signer(
        "cached", lambda at: at - at % 10800, Cause.STALE_SIGNATURE, "one signature was handed out 31 times"
    ),
    Signer(
        "milliseconds", lambda at: at * 1000, Cause.MILLISECONDS, "the iat of 240 of 240 is in milliseconds"
    ),
    Signer("honest", lambda at: float(int(at)) - 60),
)

CONFIG: Final = "\n".join(http_backend(each.name, "http://127.0.0.1:9", f"/{each.name}") for each in SIGNERS)


def joins(
    now: float, length_s: float, count: int, signers: int = len(SIGNERS), seed: int = 1
) -> Iterator[JoinRecord]:
    """So many joins of the first `signers` in the time before `now`, judged as Zoom would, oldest first."""
    rng = random.Random(seed)
    times = sorted(now - rng.uniform(1.0, length_s) for _ in range(count))
    for number, received_at in enumerate(times):
        yield _join(SIGNERS[number % signers], received_at, number, rng)


def _join(signer: Signer, received_at: float, number: int, rng: random.Random) -> JoinRecord:
    age_s, took_s = rng.expovariate(1 / 3.0), rng.uniform(0.2, 0.9)
    joined_at = received_at - took_s
    sent_at = joined_at - age_s
    iat = signer.iat(sent_at)
    token_age_s = None if abs(iat - sent_at) > 1e9 else joined_at - iat
    outcome, code, error = Outcome.JOINED, None, {}
    if rng.random() < 0.02:
        outcome = Outcome.NO_RESULT
    elif rng.random() < 0.01:
        outcome, code = Outcome.OTHER_FAILURE, "3004"
    elif token_age_s is None or token_age_s < 0:
        outcome, code, error = Outcome.INVALID_SIGNATURE, "3712", INVALID_SIGNATURE
    elif token_age_s > signer.lifetime_s:
        outcome, code = Outcome.SIGNATURE_EXPIRED, "3705"
    issuance = changed(
        BARE.issuance,
        receipt_id=f"seeded-{number:06}",
        sent_at=sent_at,
        route=f"/{signer.name}",
        asked=signer.name,
        signer=signer.name,
        format="meeting_sdk_jwt",
        iat=iat,
        exp=iat + signer.lifetime_s,
        iat_offset_s=iat - sent_at,
        iat_offset_bound_s=0.03,
        clock_offset_s=0.0004,
        clock_bound_s=0.012,
        findings=(signer.finding,) if signer.finding and iat > sent_at else (),
        role=0,
    )
    result = replace(
        BARE.result,
        result_id=f"{number:032x}",
        outcome=outcome,
        code=code,
        error=error,
        age_ms=age_s * 1000,
        join_ms=took_s * 1000,
        view=rng.choice((View.CLIENT, View.COMPONENT)),
        sdk_version="6.2.0",
    )
    return JoinRecord(
        issuance, result, received_at, joined_at, token_age_s, "https://app.example.com", False, True
    )


def suspected(now: float) -> list[RaisedCause]:
    """The causes, raised half an hour ago."""
    return [
        RaisedCause(
            each.name,
            Suspicion(each.cause, 0.99, each.evidence, advice(each.cause), (), 0.26, 0.25, 34.0),
            now - 1800,
        )
        for each in SIGNERS
        if each.cause is not None
    ]


def write(
    file: Path, now: float, length_s: float = 3600.0, count: int = 1200, signers: int = len(SIGNERS)
) -> list[JoinRecord]:
    """The past in a new ledger; what was written."""
    records = list(joins(now, length_s, count, signers))
    with closing(Store(f"sqlite:///{file}")) as store:
        store.keep_causes(suspected(now))
        for at in range(0, len(records), 500):
            store.append(records[at : at + 500], 5)
    return records
