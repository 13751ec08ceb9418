"""joinwatch as it would stand in this world: the product's own path from a reply and a beacon to its windows."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.domain.attribution import attribute
from proxy.domain.causes import diagnose
from proxy.domain.credentials import Credentials
from proxy.domain.diagnosis.base import Suspicion
from proxy.domain.diagnosis.sightings import JoinSeen
from proxy.domain.diagnosis.windows import BackendWindow
from proxy.domain.join_result import Envelope, parse
from proxy.domain.ports import Ask, Headers, JoinRecord, Offset, Reply
from proxy.domain.receipt import Issuance
from proxy.domain.request_facts import parse_source
from proxy.domain.secret import Secret
from proxy.services.backend_clocks import BackendClocks
from proxy.services.evidence import EvidenceQuota
from proxy.services.observer import Observer
from proxy.services.traffic import Route, Signed
from proxy.telemetry.fail_open import FailOpen
from proxy.telemetry.logs import Logs
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import SignatureOutcome
from tests.support.fake_time import FakeTime

from .endpoints import Asked
from .tokens import Pair
from .world import Clock

_NAMES: Final = ("a", "b", "c")
_FAILED: Final[list[bytes]] = []
_METRICS: Final = Metrics(backends=_NAMES)
_FAIL_OPEN: Final = FailOpen(_METRICS, Logs(_FAILED.append, time=FakeTime()))
_ASK_HEADERS: Final = (("Content-Type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Setting:
    """How this joinwatch is configured, and how well its host knows the time.

    `pairs` are the configured credentials; `reads_request`: meeting_from and role_from are set. `clock` is its host's;
    `measured_to_s`: the bound to which it is measured against a reference, None where it is not.
    """

    pairs: tuple[Pair, ...] = ()
    reads_request: bool = True
    clock: Clock = field(default_factory=Clock)
    measured_to_s: float | None = 0.02


class HostClock:
    """What the reference tells: off by up to its bound, as references are."""

    def __init__(self, setting: Setting, rng: random.Random) -> None:
        self._setting = setting
        self._error = 0.0 if setting.measured_to_s is None else setting.measured_to_s * rng.uniform(-0.9, 0.9)
        self.true = 0.0

    def best(self) -> Offset | None:
        """This host's offset at the true time that it is told."""
        bound = self._setting.measured_to_s
        if bound is None:
            return None
        return Offset(
            self._setting.clock.ahead(self.true) + self._error, bound, self._setting.clock.at(self.true)
        )


class Watch:
    """One joinwatch process; times that it is given are true ones, and it sees its own host's clock."""

    def __init__(self, backends: Sequence[str], setting: Setting, rng: random.Random) -> None:
        self._backends = tuple(backends)
        self._setting = setting
        self._rng = rng
        self._time = FakeTime()
        self._clock = HostClock(setting, rng)
        places = ("json:/meetingNumber", "json:/role") if setting.reads_request else ()
        weights = tuple((name, 1.0) for name in backends)
        self._route = Route("/sign", weights, *(parse_source(place) for place in places))
        self._ledger: deque[tuple[float, str, JoinSeen]] = deque(maxlen=5000)
        self._restarts = 0
        self.restart()

    def restart(self) -> None:
        """Begin with empty windows; every other time the ledger can be read, and has the joins of the last hour."""
        credentials = tuple(
            Credentials(f"app{index}", pair.key, Secret(pair.secret.decode("latin-1")))
            for index, pair in enumerate(self._setting.pairs)
        )
        self.windows = {name: BackendWindow() for name in self._backends}
        self._restarts += 1
        if self._restarts % 2 == 0:
            for name, window in self.windows.items():
                since = self._time.wall_s - 3600
                for at, backend, seen in self._ledger:
                    if backend == name and at >= since:
                        window.join(seen)
        self._quota = EvidenceQuota(b"salt of a simulated process")
        self._ids = 0
        self._observer = Observer(
            credentials=dict.fromkeys(self._backends, credentials),
            host_clock=self._clock,
            backend_clocks=BackendClocks(self._backends, metrics=_METRICS),
            observe_max_bytes=262144,
            fail_open=_FAIL_OPEN,
            time=self._time,
            new_id=self._new_id,
        )

    def signature(
        self, backend: str, replica: str, asked: Asked, body: bytes, headers: Headers, at: float, took: float
    ) -> Issuance | None:
        """A reply has come at true time `at`, `took` seconds after the request was written."""
        self._now(at)
        mono = self._time.mono_s
        reply = Reply(
            status=200,
            reason="OK",
            headers=headers,
            body=body,
            began_mono=mono - took,
            headers_mono=mono,
            headers_wall=self._time.wall_s,
            replica=replica,
        )
        outcome, signature = self._observer.read(reply)
        if signature is None:
            assert outcome is not SignatureOutcome.UNOBSERVED
            return None
        ask = Ask("POST", "", "", _ASK_HEADERS, self._ask_body(asked))
        observed = self._observer.observe(self._route, ask, Signed(backend, backend, reply), signature)
        if observed is None or _FAILED:
            raise AssertionError(f"the product failed to observe: {_FAILED}")
        self.windows[backend].signature(observed.seen)
        return observed.issuance

    def join(
        self, issuance: Issuance, fields: Mapping[str, Any], *, origin: str, client: str, at: float
    ) -> bool:
        """A join result has come at true time `at`; whether it counts as evidence."""
        self._now(at)
        now = self._time.wall_s
        result = parse(Envelope("a receipt", fields))
        where = attribute(issuance, result, now)
        record = JoinRecord(
            issuance=issuance,
            result=result,
            received_at=now,
            joined_at=where.joined_at,
            token_age_s=where.token_age_s,
            origin=origin,
            late=where.late,
            evidence=self._quota.take(client, f"{issuance.receipt_id} {result.result_id}", self._time.mono_s),
        )
        if record.evidence and not record.late:
            seen = JoinSeen.of(record)
            self._ledger.append((now, issuance.signer, seen))
            self.windows[issuance.signer].join(seen)
            return True
        return False

    def look(self, at: float) -> dict[str, tuple[Suspicion, ...]]:
        """What is suspected at a true time."""
        self._now(at)
        return diagnose(self.windows, self._time.wall_s)

    def _now(self, true: float) -> None:
        self._clock.true = true
        self._time.wall_s = self._setting.clock.at(true)
        self._time.mono_s = true - 1_000_000_000

    def _ask_body(self, asked: Asked) -> bytes:
        if not self._setting.reads_request:
            return b""
        return f'{{"meetingNumber":"{asked.meeting}","role":{asked.role}}}'.encode()

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._rng.getrandbits(64):016x}{self._ids:06x}"
