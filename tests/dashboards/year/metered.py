"""The simulator's joinwatch with the product's own metrics, read as often as Prometheus would."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.domain import findings
from proxy.domain.attribution import attribute
from proxy.domain.diagnosis.base import FLEET, Suspicion
from proxy.domain.join_result import Envelope, parse
from proxy.domain.ports import Ask, Headers, JoinRecord, Reply
from proxy.domain.receipt import Issuance
from proxy.domain.signature import Signature
from proxy.services.observer import Observed, Observer
from proxy.services.traffic import Route, Signed
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.outcomes import SignatureOutcome
from tests.simulator.endpoints import Asked
from tests.simulator.watch import Setting, Watch

from .samples import Instance, Key

COUNTERS: Final = (
    "joinwatch_joins_total",
    "joinwatch_join_failures_total",
    "joinwatch_late_results_total",
    "joinwatch_signatures_refused_total",
    "joinwatch_signatures_reported_total",
    "joinwatch_signatures_total",
    "joinwatch_signature_verdicts_total",
    "joinwatch_signature_findings_total",
    "joinwatch_signature_iat_lead_seconds",
)
SUSPECTED: Final = "joinwatch_cause_suspected"


class _Noting(Observer):
    """Keeps what was observed last, which the simulator only passes on in part."""

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        self.last: Observed | None = None

    def read(self, reply: Reply) -> tuple[SignatureOutcome, Signature | None]:
        return self._inner.read(reply)

    def observe(self, route: Route, ask: Ask, signed: Signed, signature: Signature) -> Observed | None:
        self.last = self._inner.observe(route, ask, signed, signature)
        return self.last


class MeteredWatch(Watch):
    """Counts what it sees as the services do, and is scraped each `step_s` from `start` on."""

    def __init__(
        self, backends: Sequence[str], setting: Setting, rng: random.Random, start: float, step_s: int
    ) -> None:
        self._metrics = Metrics(backends=backends)
        self._read = self._metrics.registry.restricted_registry([*COUNTERS, SUSPECTED])
        self._reported: set[str] = set()
        self._start, self._step_s = start, step_s
        self._news = True
        self._held: dict[tuple[str, Key], int] = {}
        self.scraped: list[dict[tuple[str, Key], int]] = []
        """At each scrape every value that is not 0, by backend and series."""
        super().__init__(backends, setting, rng)

    def restart(self) -> None:
        super().restart()
        self._noting = _Noting(self._observer)
        self._observer = self._noting

    def signature(
        self, backend: str, replica: str, asked: Asked, body: bytes, headers: Headers, at: float, took: float
    ) -> Issuance | None:
        self.scrape(at)
        issuance = super().signature(backend, replica, asked, body, headers, at, took)
        seen = self._noting.last
        if issuance is None or seen is None:
            self._metrics.signature(backend, SignatureOutcome.NO_SIGNATURE)
        else:
            self._metrics.signature_issued(issuance, findings.verdict(seen.findings), seen.findings, took)
        return issuance

    def join(
        self, issuance: Issuance, fields: Mapping[str, Any], *, origin: str, client: str, at: float
    ) -> bool:
        self.scrape(at)
        counts = super().join(issuance, fields, origin=origin, client=client, at=at)
        result = parse(Envelope("a receipt", fields))
        now = self._time.wall_s
        where = attribute(issuance, result, now)
        record = JoinRecord(
            issuance=issuance,
            result=result,
            received_at=now,
            joined_at=where.joined_at,
            token_age_s=where.token_age_s,
            origin=origin,
            late=where.late,
            evidence=counts,
        )
        first = issuance.receipt_id not in self._reported
        self._reported.add(issuance.receipt_id)
        self._metrics.joined(record, first=first, resolved=False)
        return counts

    def look(self, at: float) -> dict[str, tuple[Suspicion, ...]]:
        """Nothing: the product looks once a second, and what it sees then matters only when it is scraped."""
        self.scrape(at)
        return {}

    def scrape(self, until: float) -> None:
        """Every scrape that was due before a true time; what happens next is not in it."""
        while (due := self._start + len(self.scraped) * self._step_s) < until:
            if self._news:
                self._suspect(due)
                self._held = self._values()
                self._news = False
            self.scraped.append(self._held)
        self._news = True

    def _suspect(self, at: float) -> None:
        found = super().look(at)
        for backend in (*self._backends, FLEET):
            self._metrics.causes_suspected(backend, {each.cause for each in found.get(backend, ())})

    def _values(self) -> dict[tuple[str, Key], int]:
        values = {}
        for family in self._read.collect():
            for sample in family.samples:
                if sample.value and not sample.name.endswith("_sum"):
                    labels = {**sample.labels}
                    backend = labels.pop("backend")
                    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
                    values[backend, (sample.name.removeprefix("joinwatch_"), text)] = int(sample.value)
        return values


ALWAYS: Final[tuple[Key, ...]] = (
    *(
        ("joins_total", f'outcome="{outcome}"')
        for outcome in ("joined", "invalid_signature", "signature_expired", "other_failure", "no_result")
    ),
    *(("signatures_total", f'outcome="{outcome}"') for outcome in ("issued", "no_signature")),
    ("signatures_refused_total", ""),
    ("signatures_reported_total", ""),
    ("signature_iat_lead_seconds_count", ""),
    ("signature_iat_lead_seconds_bucket", 'le="1.0"'),
)
"""Series that are there from the start, of those that the rules read; of the others only those that ever move."""


def instance_of(
    scraped: Sequence[dict[tuple[str, Key], int]], backend: str, before: Mapping[Key, Sequence[int]]
) -> Instance:
    """What was scraped of one backend, after an honest time `before`."""
    calm = max(map(len, before.values()), default=0)
    total = calm + len(scraped)
    keys = {key for each in scraped for owner, key in each if owner == backend} | set(ALWAYS) | set(before)
    counts: dict[Key, array[int]] = {}
    gauges: dict[Key, array[int]] = {}
    cause = SUSPECTED.removeprefix("joinwatch_")
    for key in sorted(keys):
        if key[0] == cause or ("_bucket" in key[0] and key[1] != 'le="1.0"'):
            continue
        values = [each.get((backend, key), 0) for each in scraped]
        moves = [after - earlier for earlier, after in zip([0, *values], values, strict=False)]
        counts[key] = array("I", [*(before.get(key) or [0] * calm), *moves])
    for owner in (backend, FLEET):
        for key in sorted({key for each in scraped for who, key in each if who == owner and key[0] == cause}):
            values = [0] * calm + [each.get((owner, key), 0) for each in scraped]
            gauges[cause, f'backend="{owner}",{key[1]}'] = array("I", values)
    return Instance("host0:4001", counts, bytearray(total), gauges=gauges)
