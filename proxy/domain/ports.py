"""The Protocols by which services know their adapters, and the records that pass between rooms.

Times are seconds. "Wall" is this host's idea of the Unix time, "mono" a clock that only measures durations.
Records that every signature makes are msgspec structs: as frozen as the dataclasses, and a fifth of their cost.
None of them can be part of a cycle, so the garbage collector need not look at them (gc=False).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec

from .diagnosis.base import Suspicion
from .join_result import JoinResult, Outcome
from .receipt import Issuance
from .signature import Signature

Headers = tuple[tuple[str, str], ...]
"""Header fields in the order they came, duplicates kept."""


class Time(Protocol):
    """The two clocks of this host, handed in so that tests can turn them."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""

    def mono(self) -> float:
        """Seconds of a clock that never steps; only differences mean anything."""


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One request to a signature route, ready to be sent on.

    `tail` is what the path has beyond the route's own path, still percent-encoded ("" or "/…"); `query` is the
    raw query string without its question mark; `headers` are end-to-end only.
    """

    method: str
    tail: str
    query: str
    headers: Headers
    body: bytes
    preflight: bool = False
    """Asks for permission, not for a signature: passed on, never observed or counted."""


class Reply(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A backend's answer: end-to-end headers and raw body bytes, exactly as they came.

    `rest` is None when `body` is the whole body; otherwise the remaining chunks follow there (an event stream, or a
    body over the observation limit), and `rest.aclose()` must be awaited whatever happens.
    `replica` names which of the backend's hosts answered, where that can be told.
    `known` is the signature in the body where the backend itself made it: nobody has to look for it.
    `began_mono`/`headers_mono` and `headers_wall` say when the request was written and the headers were back.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes
    began_mono: float
    headers_mono: float
    headers_wall: float
    replica: str | None = None
    rest: AsyncGenerator[bytes, None] | None = None
    known: Signature | None = None


class BackendError(Exception):
    """A backend gave no usable answer. `retryable`: the connection failed before any byte of an answer."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class BackendTimeout(BackendError):
    """A backend gave no complete answer in time."""


class Backend(Protocol):
    """Whoever signs: the native issuer, or an HTTP endpoint."""

    @property
    def name(self) -> str:
        """The configured name; the value of the label `backend`."""

    async def sign(self, ask: Ask) -> Reply:
        """Ask for a signature. Raises BackendError or BackendTimeout, nothing else."""

    async def aclose(self) -> None:
        """Release what the backend holds."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a clock is ahead (+) of what it is measured against: |true - offset_s| <= bound_s.

    `measured_at` is this host's wall time at the measurement.
    """

    offset_s: float
    bound_s: float
    measured_at: float


class ClockUnavailable(Exception):
    """A reference could not tell the time; the message says why and how to mend it."""


class ReferenceClock(Protocol):
    """Something that this host's clock can be measured against."""

    @property
    def source(self) -> str:
        """The value of the label `source`: `kernel`, `ntp:HOST` or `http_date:HOST`."""

    async def measure(self) -> Offset:
        """This host's offset against the reference, positive when this host is ahead. Raises ClockUnavailable."""

    async def aclose(self) -> None:
        """Release what the clock holds."""


@dataclass(frozen=True, slots=True)
class JoinRecord:
    """One join result with all that is known of it: a row of the ledger."""

    issuance: Issuance
    result: JoinResult
    received_at: float
    """Wall time at which this delivery arrived."""
    joined_at: float | None
    """Wall time of the join, from the time the signature was sent and the client's measured age; None: not known."""
    token_age_s: float | None
    """Join time - iat, negative when iat was still ahead; None where either is unknown or not to be trusted."""
    origin: str | None
    """The page's Origin header, if it looks like one."""
    late: bool
    """Arrived more than five minutes after its join: kept, but out of the live metrics."""
    evidence: bool
    """False for results beyond what one client address may contribute as evidence about a cause."""


class Appended(StrEnum):
    """What the ledger did with a result."""

    NEW = "new"
    RESOLVED = "resolved"
    """It replaced a provisional no_result of the same id."""
    DUPLICATE = "duplicate"
    TOO_MANY = "too_many"
    """The receipt has as many results as it may have; nothing was stored."""


@dataclass(frozen=True, slots=True)
class AppendedResult:
    """`first`: this is the first result that the ledger has for its receipt."""

    status: Appended
    first: bool = False


class LedgerUnavailable(Exception):
    """The ledger did not take the result in time; the sender may try again after `retry_after_s`."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class RaisedCause:
    """One raising of a cause at a backend (FLEET: at all of them): a row of the ledger's table `causes`.

    Its key is (backend, cause, raised_at). `raised_at` and `cleared_at` are wall times; `cleared_at` is None while the
    cause is suspected. `suspicion` is what was last said of it.
    """

    backend: str
    suspicion: Suspicion
    raised_at: float
    cleared_at: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What a start needs to know of the time before: joins oldest first, and the causes that are not cleared."""

    joins: list[JoinRecord]
    open_causes: list[RaisedCause]


@dataclass(frozen=True, slots=True)
class JoinCounts:
    """The joins that were received from `begin` on and before `end` (wall times), by signer and outcome.

    Late results count in `late` by their signer, and nowhere else.
    """

    begin: float
    end: float
    joins: Mapping[tuple[str, Outcome], int]
    late: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ledger has of a time: its joins in consecutive spans, and the causes that were suspected in it.

    A span never reaches over the time at which one of the causes was raised or cleared. Causes are the oldest first.
    """

    spans: list[JoinCounts]
    causes: list[RaisedCause]


class JoinPoint(msgspec.Struct, frozen=True, gc=False):
    """A join as a point in time: of a JoinRecord what a picture needs, as /api/joins tells it. Times are wall times."""

    receipt_id: str = msgspec.field(name="receipt")
    result_id: str = msgspec.field(name="id")
    signer: str = msgspec.field(name="backend")
    outcome: Outcome
    code: str | None
    received_at: float
    joined_at: float | None
    token_age_s: float | None
    late: bool


JoinKey = tuple[float, str, str]
"""Where a join stands in the order of arrival: received_at, receipt id, result id."""


@dataclass(frozen=True, slots=True)
class Newest:
    """Which joins to tell, the newest first: at most `limit` of those received from `since` on, and before `before`."""

    since: float
    limit: int
    before: JoinKey | None = None
    backend: str | None = None
    """The signer; None: all."""
    outcomes: frozenset[Outcome] | None = None


class JoinReader(Protocol):
    """Reads joins in steps so small that no result waits for long; every method raises LedgerUnavailable."""

    async def points(self, newest: Newest) -> list[JoinPoint]:
        """As points; `outcomes` is not looked at."""

    async def records(self, newest: Newest) -> list[JoinRecord]:
        """With all that is known of each."""

    async def of_receipt(self, receipt_id: str) -> list[JoinRecord]:
        """All joins of one signature, in the order of their attempts."""

    async def ages(self, since: float, edges: Sequence[float]) -> Mapping[AgeKey, int]:
        """How many joins there were from `since` on, the late ones apart, by how old their token was."""

    async def causes(self, since: float) -> list[RaisedCause]:
        """The causes that were suspected at `since` or later; the oldest first."""


AgeKey = tuple[str, Outcome, int | None]
"""Signer, outcome, and among which edges the token's age lay: 0 below the first; None: not known."""


class Results(Protocol):
    """Where join results are taken."""

    async def append(self, record: JoinRecord) -> AppendedResult:
        """Store durably; returns only after the commit. Raises LedgerUnavailable."""


class Ledger(Results, Protocol):
    """Where join results and causes are kept and read back; reading never holds up results for long."""

    async def keep_causes(self, causes: Sequence[RaisedCause]) -> None:
        """Store durably what was raised, or bring its row up to date; returns only after the commit.

        Raises LedgerUnavailable.
        """

    async def history(self, since: float, limit: int) -> History:
        """The joins received from `since` on (wall time), the newest `limit` of them. Raises LedgerUnavailable."""

    async def tally(self, since: float) -> Tally:
        """Joins received, and causes suspected, from `since` on (wall time). Raises LedgerUnavailable."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What /readyz tells of the ledger."""

    writable: bool
    detail: str = ""
    waiting: int = field(default=0)


@dataclass(frozen=True, slots=True)
class BackendState:
    """What /readyz tells of a backend: whether it answered when last asked, and how long ago; None: never asked."""

    reachable: bool | None
    seconds_ago: float | None


def header(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The first value of a header field, its name in any case."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None
