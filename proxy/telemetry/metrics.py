"""The metrics of one process: a typed method per event, over the series that the manifest declares."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from .. import __version__
from ..domain.attribution import ABSURD_S
from ..domain.diagnosis.base import FLEET, Cause
from ..domain.findings import RULES
from ..domain.join_result import Outcome, Reject, View, sdk_major
from ..domain.ports import JoinRecord, Offset
from ..domain.receipt import Issuance
from ..domain.rules.base import Finding, Verdict
from ..domain.zoom_codes import LABELS, code_label
from .manifest import Collectors
from .outcomes import Accepted, Received, SignatureOutcome, Stage
from .tally import CounterTally, HistogramTally

OTHER: Final = "other"
"""A backend that a receipt names and the configuration no longer has; an origin that is not configured."""

JUDGED: Final = (Outcome.JOINED, Outcome.INVALID_SIGNATURE)
"""The outcomes that tell whether Zoom accepted the signature."""

FAILED: Final = frozenset({Outcome.INVALID_SIGNATURE, Outcome.SIGNATURE_EXPIRED, Outcome.OTHER_FAILURE})

SDK_MAJORS: Final = ("1", "2", "3", "4", "5", "6", "other")

_RECEIVED: Final = (
    *((Received.ACCEPTED, reason) for reason in (Accepted.NEW, Accepted.RESOLVED, Accepted.LATE)),
    (Received.DUPLICATE, Accepted.SAME_ID),
    *((Received.REJECTED if reject.final else Received.DEFERRED, reject) for reject in Reject),
)


class Metrics:
    """All metrics of one process. Series that are known at start are there at 0 from the start.

    `backends` and `origins` are the configured ones; no other backend or origin ever becomes a label.
    """

    def __init__(
        self,
        *,
        backends: Sequence[str],
        origins: Sequence[str] = (),
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        make = Collectors(self.registry)
        signers = (*backends, OTHER)
        self._signers, self._origins = frozenset(signers), frozenset(origins)
        outcomes = tuple(Outcome)

        into = self.registry
        self._signatures = CounterTally(into, "joinwatch_signatures_total", backends, tuple(SignatureOutcome))
        self._verdicts = CounterTally(into, "joinwatch_signature_verdicts_total", backends, tuple(Verdict))
        self._findings = CounterTally(into, "joinwatch_signature_findings_total", backends, tuple(RULES))
        self._iat_lead = HistogramTally(into, "joinwatch_signature_iat_lead_seconds", backends)
        self._iat_age = HistogramTally(into, "joinwatch_signature_iat_age_seconds", backends)
        self._answers = HistogramTally(into, "joinwatch_backend_request_duration_seconds", backends)
        self._retries = make.counters("joinwatch_backend_retries_total", backends)

        self._reported = make.counters("joinwatch_signatures_reported_total", signers)
        self._refused = make.counters("joinwatch_signatures_refused_total", signers)
        self._joins = make.counters("joinwatch_joins_total", signers, outcomes)
        self._failures = make.counters("joinwatch_join_failures_total", signers, tuple(sorted(LABELS)))
        self._token_age = make.histograms("joinwatch_join_token_age_seconds", signers, JUDGED)
        self._token_lead = make.histograms("joinwatch_join_token_lead_seconds", signers, JUDGED)
        self._durations = make.histograms("joinwatch_join_duration_seconds", signers)
        self._by_origin = make.counters("joinwatch_joins_by_origin_total", (*origins, OTHER), outcomes)
        self._by_client = make.counters("joinwatch_joins_by_client_total", tuple(View), SDK_MAJORS, outcomes)
        self._late = make.counters("joinwatch_late_results_total", signers, outcomes)
        self._resolved = make.counters("joinwatch_no_result_resolved_total", signers)
        received = make.counter("joinwatch_join_results_received_total")
        self._received = {pair: received.labels(*pair) for pair in _RECEIVED}
        self._client_dropped = make.counter("joinwatch_client_dropped_results_total")

        self._clock = _OffsetGauges(make, "joinwatch_clock")
        self._backend_clock = _OffsetGauges(make, "joinwatch_backend_clock")
        self._steps = make.counter("joinwatch_clock_steps_total")
        suspected = make.gauge("joinwatch_cause_suspected")
        self._suspected = {
            backend: {cause: suspected.labels(backend, cause) for cause in Cause}
            for backend in (*backends, FLEET)
        }

        self._ledger_writable = make.gauge("joinwatch_ledger_writable")
        self._commits = make.histogram("joinwatch_ledger_commit_duration_seconds")
        self._observation_failures = make.counters("joinwatch_observation_failures_total", tuple(Stage))
        self._lines_dropped = make.counter("joinwatch_log_lines_dropped_total")
        self._reload_ok = make.gauge("joinwatch_config_last_reload_successful")
        self._reload_at = make.gauge("joinwatch_config_last_reload_timestamp_seconds")
        make.gauge("joinwatch_build_info").labels(__version__, platform.python_version()).set(1)

    # Signatures

    def signature(self, backend: str, outcome: SignatureOutcome) -> None:
        """A request to a signature route has ended; one call for each but preflights and wrong methods."""
        self._signatures.inc(backend, outcome)

    def signature_issued(
        self, issuance: Issuance, verdict: Verdict, findings: Iterable[Finding], answered_s: float
    ) -> None:
        """A signature has left, after `answered_s` at its backend, and this was found in it."""
        backend = issuance.signer
        self._answers.observe(backend, answered_s)
        self._signatures.inc(backend, SignatureOutcome.ISSUED)
        self._verdicts.inc(backend, verdict)
        for finding in findings:
            self._findings.inc(backend, finding.id)
        offset = issuance.iat_offset_s
        if offset is None or abs(offset) > ABSURD_S:
            return
        if offset > 0:
            self._iat_lead.observe(backend, offset)
        else:
            self._iat_age.observe(backend, -offset)

    def backend_answered(self, backend: str, seconds: float) -> None:
        """A backend has answered, whatever the answer: its whole reply is there, or a stream's headers."""
        self._answers.observe(backend, seconds)

    def backend_retried(self, backend: str) -> None:
        """The connection to this backend failed before an answer, and the request was tried again."""
        self._retries[backend,].inc()

    # Join results

    def received(self, result: Received, reason: Accepted | Reject) -> None:
        """A delivery to /join-results has ended; exactly one call for each."""
        self._received[result, reason].inc()

    def client_dropped(self, count: int) -> None:
        """A browser reports that it gave up this many results."""
        self._client_dropped.inc(count)

    def joined(self, record: JoinRecord, *, first: bool, resolved: bool) -> None:
        """The ledger has this result as new (`first` of its signature), or as the one that resolves a no_result."""
        result, outcome = record.result, record.result.outcome
        backend = self._signer(record.issuance.signer)
        exemplar = {"receipt": record.issuance.receipt_id}
        if record.late:
            self._late[backend, outcome].inc(1, exemplar)
            return
        if first:
            self._reported[backend,].inc(1, exemplar)
        if resolved:
            self._resolved[backend,].inc(1, exemplar)
        if (first or resolved) and outcome is Outcome.INVALID_SIGNATURE:
            self._refused[backend,].inc(1, exemplar)
        self._joins[backend, outcome].inc(1, exemplar)
        if outcome in FAILED:
            self._failures[backend, code_label(result.code)].inc(1, exemplar)
        age = record.token_age_s
        if age is not None and outcome in JUDGED:
            if age < 0:
                self._token_lead[backend, outcome].observe(-age, exemplar)
            else:
                self._token_age[backend, outcome].observe(age, exemplar)
        if result.join_ms is not None and outcome is not Outcome.NO_RESULT and not result.suspended:
            self._durations[backend,].observe(result.join_ms / 1000, exemplar)
        origin = record.origin if record.origin is not None and record.origin in self._origins else OTHER
        self._by_origin[origin, outcome].inc(1, exemplar)
        self._by_client[result.view, sdk_major(result.sdk_version), outcome].inc(1, exemplar)

    def _signer(self, name: str) -> str:
        return name if name in self._signers else OTHER

    # Clocks

    def clock_measured(self, source: str, offset: Offset) -> None:
        """This host's clock was measured against a source."""
        self._clock.set(source, offset)

    def clock_unmeasured(self, source: str) -> None:
        """A source does not tell the time any more: its gauges go, for unknown is not 0."""
        self._clock.drop(source)

    def backend_clock_measured(self, backend: str, offset: Offset | None) -> None:
        """A backend's clock was measured against this host's; None: it cannot be told any more."""
        if offset is None:
            self._backend_clock.drop(backend)
        else:
            self._backend_clock.set(backend, offset)

    def clock_stepped(self) -> None:
        """This host's wall clock has stepped."""
        self._steps.inc()

    # Causes

    def causes_suspected(self, backend: str, causes: Collection[Cause]) -> None:
        """These causes are suspected at a backend (or at FLEET) now, and no others. KeyError: it is not configured."""
        for cause, gauge in self._suspected[backend].items():
            gauge.set(1 if cause in causes else 0)

    def verdicts(self) -> dict[str, dict[str, int]]:
        """For each backend how many signatures of each verdict were sent out since the start of the process."""
        found: dict[str, dict[str, int]] = {}
        for family in self._verdicts.collect():
            for sample in family.samples:
                found.setdefault(sample.labels["backend"], {})[sample.labels["verdict"]] = int(sample.value)
        return found

    # joinwatch itself

    def ledger_writable(self, ok: bool) -> None:
        """Whether the ledger takes results."""
        self._ledger_writable.set(1 if ok else 0)

    def ledger_committed(self, seconds: float) -> None:
        """A group of results is on disk."""
        self._commits.observe(seconds)

    def observation_failed(self, stage: str) -> None:
        """Something that observes has failed; the reply went out all the same."""
        self._observation_failures[stage,].inc()

    def log_line_dropped(self) -> None:
        """Standard output did not take a line in time."""
        self._lines_dropped.inc()

    def config_loaded(self, at: float) -> None:
        """A configuration is in force since `at` (epoch seconds)."""
        self._reload_ok.set(1)
        self._reload_at.set(at)


class _OffsetGauges:
    """A clock's offset, its bound, and when it was measured: all three or none."""

    def __init__(self, make: Collectors, prefix: str) -> None:
        self._gauges: tuple[Gauge, Gauge, Gauge] = (
            make.gauge(f"{prefix}_offset_seconds"),
            make.gauge(f"{prefix}_offset_bound_seconds"),
            make.gauge(f"{prefix}_measured_timestamp_seconds"),
        )

    def set(self, label: str, offset: Offset) -> None:
        values = (offset.offset_s, offset.bound_s, offset.measured_at)
        for gauge, value in zip(self._gauges, values, strict=True):
            gauge.labels(label).set(value)

    def drop(self, label: str) -> None:
        for gauge in self._gauges:
            gauge.remove(label)
