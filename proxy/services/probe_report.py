"""What a probe has seen so far, and what can be said of it: how much was covered, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..domain.claims import FLOAT32_STEP_S
from ..domain.diagnosis.base import Cause, Suspicion
from ..domain.ports import Offset
from ..domain.rules.base import DATED, Mac, MacState, Severity
from ..domain.signature import Format
from .observer import Observed

CYCLE_S: Final = FLOAT32_STEP_S
"""For so long a time stands still that was rounded to a 32-bit float."""

NEAR_S: Final = 4
"""A request tells of the seconds of the cycle that lie no further from it."""

ENOUGH_IATS: Final = 8
ENOUGH_S: Final = 160.0
"""More than a cycle with what jitter takes from it."""

ENOUGH_PHASES: Final = 120
ENOUGH_BURSTS: Final = 2

SLACK_S: Final = 0.1
"""What the drift of two clocks may add to a lead that stands still."""

AGAIN_S: Final = 2.0
"""The same request within it may honestly bring the same token: iat has whole seconds."""

SURE: Final = 0.9
LIKELY: Final = 0.5
"""What is less likely is told, but not called found."""

MINOR: Final = frozenset(
    {Cause.NO_MARGIN, Cause.LIFETIME_TOO_SHORT, Cause.LIFETIME_TOO_LONG, Cause.REPLICA_SPECIFIC}
)
"""Causes that may hurt nobody, or only say where: something worse may stand behind them, so a probe goes on."""


class Ending(StrEnum):
    """Why a probe stopped."""

    CAUSE = "cause"
    CLEAR = "clear"
    """Before its time, because what can be excluded was: see Record.clears()."""
    TIME = "time"
    INTERRUPTED = "interrupted"
    NO_SIGNATURE = "no_signature"
    """The endpoint gave none from the start."""


class Hmac(StrEnum):
    """What is known of a signature's HMAC; of several signatures the first of these that one of them has is told."""

    WRONG = "wrong"
    """It does not verify, whether or not it is known why."""
    UNKNOWN_KEY = "unknown_key"
    """The signature names another key than the one that was given, or none."""
    RIGHT = "right"
    NOT_CHECKED = "not_checked"
    """No secret was given."""
    NONE = "none"
    """The token is of a format that has none which could be checked."""

    @classmethod
    def of(cls, mac: Mac, format_: Format) -> Hmac:
        """What a check has shown. A flaw is proven where no secret was given, too: an empty secret needs none."""
        if format_ not in DATED:
            return cls.NONE
        return cls.WRONG if mac.flaw is not None else _HMACS[mac.state]


_HMACS: Final = {
    MacState.RIGHT: Hmac.RIGHT,
    MacState.WRONG: Hmac.WRONG,
    MacState.UNKNOWN_KEY: Hmac.UNKNOWN_KEY,
    MacState.NOT_CHECKED: Hmac.NOT_CHECKED,
}


@dataclass(frozen=True, slots=True)
class Named:
    """A cause, and the wall time since when it has been suspected."""

    suspicion: Suspicion
    since: float

    @property
    def found(self) -> bool:
        """Whether it is likely enough to be called found."""
        return self.suspicion.confidence >= LIKELY


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe tells. Times are seconds; a lead is iat - this host's time when the reply's head was there."""

    ending: Ending
    elapsed_s: float
    requests: int
    signatures: int
    distinct_iats: int
    lead_s: tuple[float, float] | None
    steady: bool
    """All leads can be one and the same, as those of a whole second are that is rounded down."""
    phases: int
    """Of CYCLE_S."""
    bursts: int
    parallel: int
    """Requests in bursts."""
    repeated: int
    """Replies with a token that had been handed out seconds before."""
    replicas: tuple[str, ...]
    formats: tuple[str, ...]
    backend_clock: Offset | None
    hmacs: dict[Hmac, int]
    """How many signatures had which."""
    findings: dict[str, int]
    failures: dict[str, int]
    last_failure: str | None
    named: tuple[Named, ...]
    stepped: bool
    """This host's clock was set meanwhile."""

    @property
    def causes(self) -> tuple[Named, ...]:
        """What was found, the surest first."""
        return tuple(each for each in self.named if each.found)

    @property
    def doubted(self) -> tuple[Named, ...]:
        """What may be so, and is too unlikely to be called found."""
        return tuple(each for each in self.named if not each.found)

    @property
    def hmac(self) -> Hmac:
        """What is to be said first of the HMACs."""
        return next((each for each in Hmac if self.hmacs.get(each)), Hmac.NONE)


@dataclass(slots=True)
class Record:
    """Takes in what was seen; knows nothing of requests and time."""

    requests: int = 0
    signatures: int = 0
    bursts: int = 0
    parallel: int = 0
    repeated: int = 0
    refusable: int = 0
    """Signatures with a finding that Zoom refuses."""
    backend_clock: Offset | None = None
    last_failure: str | None = None
    stepped: bool = False
    hmacs: Counter[Hmac] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    iats: set[float] = field(default_factory=set)
    leads: list[float] = field(default_factory=list)
    _ends: list[float] = field(default_factory=list)
    _seconds: set[int] = field(default_factory=set)
    _first_at: float | None = None
    _last_at: float = 0.0
    _tokens: dict[int, float] = field(default_factory=dict)
    _replicas: dict[str, None] = field(default_factory=dict)
    _formats: dict[str, None] = field(default_factory=dict)

    def signature(self, observed: Observed, at: float) -> None:
        """Take in a signature; `at` is the wall time of its reply's head."""
        issuance = observed.issuance
        self.signatures += 1
        self.hmacs[Hmac.of(observed.mac, observed.signature.format)] += 1
        self.findings.update(issuance.findings)
        self.refusable += any(finding.severity is Severity.REFUSED for finding in observed.findings)
        self._seconds.add(int(at) % CYCLE_S)
        self._first_at = at if self._first_at is None else self._first_at
        self._last_at = at
        self.repeated += at - self._tokens.setdefault(observed.seen.token, at) > AGAIN_S
        self._formats.setdefault(issuance.format)
        if issuance.replica is not None:
            self._replicas.setdefault(issuance.replica)
        offset, bound = issuance.backend_clock_offset_s, issuance.backend_clock_bound_s
        self.backend_clock = None if offset is None or bound is None else Offset(offset, bound, at)
        if issuance.iat is not None and issuance.iat_offset_s is not None:
            self.iats.add(issuance.iat)
            self.leads.append(issuance.iat_offset_s)
            self._ends.append(issuance.iat_offset_s + (issuance.iat_offset_bound_s or 0.0) + 1.0)

    def failure(self, kind: str, detail: str) -> None:
        """A request that brought no signature. Neither text has anything of the reply's body."""
        self.failures[kind] += 1
        self.last_failure = detail

    @property
    def steady(self) -> bool:
        """Whether one lead fits all: it lies above each by no more than the exchange took and a whole second hides."""
        return bool(self.leads) and max(self.leads) <= min(self._ends) + SLACK_S

    def forget_leads(self) -> None:
        """This host's clock was set: what was measured against it before means nothing."""
        self.stepped = True
        self.leads.clear()
        self._ends.clear()

    @property
    def phases(self) -> int:
        """How many seconds of the cycle lie near a request."""
        near = {(second + by) % CYCLE_S for second in self._seconds for by in range(-NEAR_S, NEAR_S + 1)}
        return len(near)

    def clears(self) -> bool:
        """Whether so much was seen, all of it steady and nothing refused, that more time would not tell more."""
        spanned = 0.0 if self._first_at is None else self._last_at - self._first_at
        return (
            len(self.iats) >= ENOUGH_IATS
            and spanned >= ENOUGH_S
            and self.steady
            and self.phases >= ENOUGH_PHASES
            and self.bursts >= ENOUGH_BURSTS
            and self.refusable == 0
            and not self.failures
            and not self.stepped
        )

    def report(self, ending: Ending, elapsed_s: float, named: Iterable[Named]) -> Report:
        """What can be said now."""
        return Report(
            ending=ending,
            elapsed_s=elapsed_s,
            requests=self.requests,
            signatures=self.signatures,
            distinct_iats=len(self.iats),
            lead_s=(min(self.leads), max(self.leads)) if self.leads else None,
            steady=self.steady,
            phases=self.phases,
            bursts=self.bursts,
            parallel=self.parallel,
            repeated=self.repeated,
            replicas=tuple(self._replicas),
            formats=tuple(self._formats),
            backend_clock=self.backend_clock,
            hmacs=dict(self.hmacs),
            findings=dict(self.findings.most_common()),
            failures=dict(self.failures.most_common()),
            last_failure=self.last_failure,
            named=tuple(sorted(named, key=lambda each: -each.suspicion.confidence)),
            stepped=self.stepped,
        )
