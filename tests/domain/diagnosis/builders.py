"""Signatures and joins as a window takes them in, made in one line each; the same for the same seed."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Iterable, Sequence

from proxy.domain.causes import Cause, Suspicion, diagnose_backend
from proxy.domain.diagnosis.leads import Lead
from proxy.domain.diagnosis.sightings import JoinSeen, SignatureSeen
from proxy.domain.diagnosis.windows import BackendWindow, Kept
from proxy.domain.join_result import Outcome
from proxy.domain.receipt import Issuance

START = 1_790_000_000.0
"""A Monday of 2026 that is a multiple of 128 and of 900 less 800."""

LIFETIME_S = 7200

Code = Callable[[float], float]
"""What a signer's code makes of its clock: iat for a time."""

Offset = tuple[float, float]
"""Offset and bound in seconds."""

RIGHT: Offset = (0.0, 0.3)
"""A clock that was measured and is right."""

_numbers = itertools.count(1)


def new_digest() -> int:
    """A digest that no other text of this run has."""
    return next(_numbers)


def float32(value: float) -> float:
    """The nearest value that a 32-bit float has, ties to even."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def floored(margin_s: float = 60, ahead_s: float = 0.0) -> Code:
    """Whole seconds, rounded down, of a clock that is `ahead_s` ahead."""
    return lambda now: float(int(now + ahead_s - margin_s))


def rounded(margin_s: float = 0, after_s: float = 0) -> Code:
    """Java's `Math.round((ms - margin) / 1000) - after`, where the division leaves a long."""
    return lambda now: float32(int(now - margin_s)) - after_s


def rounded_twice(after_s: float = 0) -> Code:
    """Java's `Math.round(ms / (float) 1000) - after`."""
    return lambda now: float32(float32(int(now * 1000)) / 1000) - after_s


def signature(
    at: float,
    iat: float | None,
    *,
    took: float = 0.05,
    replica: str | None = None,
    token: int | None = None,
    date: Offset | None = None,
    host: Offset | None = None,
    findings: Sequence[str] = (),
    meeting: int = 7,
    asked: int = 7,
    format_: str = "meeting_sdk",
) -> SignatureSeen:
    """A signature whose headers came at `at`, after an exchange of `took` seconds.

    `date`: the backend's clock by its Date headers; `host`: this host's by its reference; None: not measured. `token`
    None: a new one.
    """
    issuance = Issuance(
        receipt_id=f"r{new_digest()}",
        sent_at=at + 0.001,
        route="/",
        asked="java",
        signer="java",
        replica=replica,
        format=format_,
        iat=iat,
        exp=None if iat is None else iat + LIFETIME_S,
        iat_offset_s=None if iat is None else iat - at,
        iat_offset_bound_s=None if iat is None else took,
        clock_offset_s=None if host is None else host[0],
        clock_bound_s=None if host is None else host[1],
        backend_clock_offset_s=None if date is None else date[0],
        backend_clock_bound_s=None if date is None else date[1],
        findings=tuple(findings),
    )
    return SignatureSeen(issuance, new_digest() if token is None else token, meeting, asked)


def lead(at: float, iat: float, *, took: float = 0.05, fresh: bool = True, **known: object) -> Lead:
    """The lead in one signature; `known` as in `signature`."""
    seen = signature(at, iat, took=took, **known)  # type: ignore[arg-type]  # passed on as it came
    return Lead(at, iat - at, iat - at + took, iat, seen.token, fresh, Kept(at, fresh, seen))


def every(gap_s: float, count: int, begin: float = START) -> list[float]:
    """Times, evenly spaced and never at a whole second."""
    return [begin + 0.37 + gap_s * number for number in range(count)]


def join(
    at: float = START,
    outcome: Outcome = Outcome.JOINED,
    *,
    code: str | None = None,
    receipt: int | None = None,
    age: float | None = 60.0,
    left: float | None = 7000.0,
    delay: float | None = 2.0,
    replica: str | None = None,
    origin: str | None = "https://a.example",
    role: int | None = 0,
    view: str = "client",
    findings: Sequence[str] = (),
    intact: bool | None = True,
    matches: bool | None = True,
) -> JoinSeen:
    """A join; sound in every respect that is not named. `receipt` None: a new one."""
    if code is None and outcome is Outcome.INVALID_SIGNATURE:
        code = "3712"
    return JoinSeen(
        at=at,
        outcome=outcome,
        code=code,
        receipt=new_digest() if receipt is None else receipt,
        token_age_s=age,
        left_s=left,
        delay_s=delay,
        clock_bound_s=None,
        replica=replica,
        origin=origin,
        role=role,
        view=view,
        findings=tuple(findings),
        signature_intact=intact,
        meeting_matches=matches,
    )


class Scene:
    """A backend's window that is fed, and asked at the time of what came last."""

    def __init__(self, seed: int = 1) -> None:
        self.window = BackendWindow()
        self.rng = random.Random(seed)
        self.now = START

    def add(self, *seen: SignatureSeen | JoinSeen) -> Scene:
        """Take in what was seen."""
        for each in seen:
            if isinstance(each, JoinSeen):
                self.window.join(each)
                self.now = max(self.now, each.at)
            else:
                self.window.signature(each)
                self.now = max(self.now, each.issuance.sent_at)
        return self

    def sign(self, code: Code, times: Iterable[float], **known: object) -> Scene:
        """Signatures that `code` makes just before these times; `known` as in `signature`."""
        for at in times:
            took = self.rng.uniform(0.01, 0.2)
            made = at - self.rng.uniform(0, took)
            self.add(signature(at, code(made), took=took, **known))  # type: ignore[arg-type]  # passed on as it came
        return self

    def joins(self, fails: Callable[[JoinSeen], bool], seen: Iterable[JoinSeen]) -> Scene:
        """Joins, refused where `fails` says so."""
        for each in seen:
            self.add(refused(each) if fails(each) else each)
        return self

    def found(self, now: float | None = None) -> tuple[Suspicion, ...]:
        """What is suspected, the surest first."""
        return diagnose_backend(self.window, self.now if now is None else now)

    def named(self, now: float | None = None) -> set[Cause]:
        """The causes that are suspected."""
        return {each.cause for each in self.found(now)}

    def told(self, cause: Cause) -> Suspicion:
        """One cause, which must be suspected."""
        (found,) = (each for each in self.found() if each.cause is cause)
        return found


def refused(seen: JoinSeen) -> JoinSeen:
    """The same join, answered with 3712."""
    values = {name: getattr(seen, name) for name in JoinSeen.__struct_fields__}
    return JoinSeen(**values | {"outcome": Outcome.INVALID_SIGNATURE, "code": "3712"})
