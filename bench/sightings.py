"""Made-up traffic for a diagnosis: what is seen of signatures and joins, kind by kind, from a seed."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.domain.diagnosis.sightings import JoinSeen, SignatureSeen
from proxy.domain.join_result import JoinResult, Outcome, View
from proxy.domain.ports import JoinRecord
from proxy.domain.receipt import Issuance

BEGIN: Final = 1_800_000_000.0
PODS: Final = 64
NAMES: Final = 100_000
CACHED_S: Final = 300

Maker = Callable[[random.Random, int, float], SignatureSeen]
"""The number of a signature and the time that it leaves -> what is seen of it."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """One kind of traffic."""

    title: str
    make: Maker

    def signatures(self, count: int, seconds: float, begin: float = BEGIN) -> Iterator[SignatureSeen]:
        """So many, evenly over so many seconds; made one by one, so that none is held here."""
        source = random.Random(3712)
        for number in range(count):
            yield self.make(source, number, begin + number * seconds / count)

    def joins(self, count: int, seconds: float, begin: float = BEGIN) -> Iterator[JoinSeen]:
        """A join for each, a second later: refused where iat is still ahead then."""
        for seen in self.signatures(count, seconds, begin):
            yield _joined(seen.issuance, seen.issuance.sent_at + 1.0)


def honest(source: random.Random, number: int, at: float) -> SignatureSeen:
    """A new token for each request, backdated by 30 s."""
    return _seen(source, number, at, math.floor(at) - 30.0)


def rounded(source: random.Random, number: int, at: float) -> SignatureSeen:
    """A new token whose iat went through a float of 32 bits."""
    iat = float32(at)
    return _seen(source, number, at, iat, findings=_ahead(iat > at))


def shared(source: random.Random, number: int, at: float) -> SignatureSeen:
    """In three of ten the meeting of whoever asked before."""
    if source.random() < 0.3:
        mismatch = ("request/meeting_mismatch",)
        return _seen(source, number, at, math.floor(at) - 30.0, meeting=digest(number - 1), findings=mismatch)
    return honest(source, number, at)


def of_pods(source: random.Random, number: int, at: float) -> SignatureSeen:
    """Rounded, by 64 pods in turn."""
    iat = float32(at)
    return _seen(source, number, at, iat, replica=pod(number), findings=_ahead(iat > at))


def of_honest_pods(source: random.Random, number: int, at: float) -> SignatureSeen:
    """Honest, by 64 pods in turn."""
    return _seen(source, number, at, math.floor(at) - 30.0, replica=pod(number))


def of_strangers(source: random.Random, number: int, at: float) -> SignatureSeen:
    """Honest, each by any of 100,000 replicas."""
    replica = f"stranger-{source.randrange(NAMES)}"
    return _seen(source, number, at, math.floor(at) - 30.0, replica=replica)


def repeated(source: random.Random, number: int, at: float) -> SignatureSeen:
    """The same token again and again for five minutes."""
    made = at // CACHED_S * CACHED_S
    return _seen(source, number, at, made, token=digest(int(made)))


HONEST_PODS: Final = Traffic(f"{PODS} replicas, honest", of_honest_pods)
FLOAT32_PODS: Final = Traffic(f"{PODS} replicas, float32", of_pods)
ALL: Final = (
    Traffic("honest", honest),
    Traffic("float32 rounding", rounded),
    Traffic("shared state", shared),
    FLOAT32_PODS,
    Traffic(f"{NAMES} replica names", of_strangers),
    Traffic("repeated tokens", repeated),
)


def _joined(issuance: Issuance, at: float) -> JoinSeen:
    """As the intake would have recorded it."""
    age_s = None if issuance.iat is None else at - issuance.iat
    refused = age_s is not None and age_s < 0.0
    result = JoinResult(
        result_id=issuance.receipt_id,
        attempt=1,
        outcome=Outcome.INVALID_SIGNATURE if refused else Outcome.JOINED,
        code="3712" if refused else None,
        error={},
        age_ms=1000.0,
        asked="seen",
        age_clock="monotonic",
        join_ms=2000.0,
        step=3 if refused else 8,
        suspended=False,
        signature_intact=True,
        meeting_matches=True,
        view=View.CLIENT,
        sdk_version="2.8.0",
        dropped=0,
    )
    return JoinSeen.of(
        JoinRecord(issuance, result, at + 2.0, at, age_s, "https://meet.example", late=False, evidence=True)
    )


def _ahead(ahead: bool) -> tuple[str, ...]:
    return ("time/iat_ahead",) if ahead else ()


def _seen(
    source: random.Random,
    number: int,
    at: float,
    iat: float,
    *,
    replica: str | None = None,
    findings: tuple[str, ...] = (),
    token: int | None = None,
    meeting: int | None = None,
) -> SignatureSeen:
    """What the proxy knows of a signature that a backend made a few milliseconds ago."""
    issuance = Issuance(
        receipt_id=f"{source.getrandbits(88):022x}",
        sent_at=at + 0.0005,
        route="/sign",
        asked="java",
        signer="java",
        replica=replica,
        format="meeting_sdk",
        iat=iat,
        exp=iat + 7200.0,
        iat_offset_s=round(iat - at, 6),
        iat_offset_bound_s=round(source.uniform(0.002, 0.05), 6),
        clock_offset_s=0.001,
        clock_bound_s=0.02,
        backend_clock_offset_s=0.1,
        backend_clock_bound_s=0.3,
        findings=findings,
        role=0,
    )
    asked = digest(number)
    return SignatureSeen(
        issuance,
        token=source.getrandbits(62) + 1 if token is None else token,
        meeting=asked if meeting is None else meeting,
        asked=asked,
    )


def float32(seconds: float) -> float:
    """The whole seconds as the nearest float of 32 bits: a multiple of 128 these days."""
    [rounded_] = struct.unpack("f", struct.pack("f", math.floor(seconds)))
    return float(rounded_)


def digest(number: int) -> int:
    """Of a number the same each time, scattered as a hash is."""
    return (number + 1) * 0x9E3779B97F4A7C15 % 2**61


def pod(number: int) -> str:
    """One of 64, in turn."""
    return f"10.4.0.{number % PODS}:8080"
