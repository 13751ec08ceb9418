"""The manifest of every metric: its name, type, labels, buckets and meaning; nothing undeclared can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it unannotated

DURATIONS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LEADS: Final = (1, 2, 5, 10, 15, 30, 34, 64, 128, 900, 3600)
AGES: Final = (5, 30, 60, 120, 300, 900, 1800, 3600, 7200, 86400, 172800)


class Kind(StrEnum):
    """The type of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric of the manifest. `name` is the exposed name, with `_total` for counters."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


def _counter(name: str, labels: str, text: str) -> Declared:
    return Declared(f"joinwatch_{name}_total", Kind.COUNTER, tuple(labels.split()), text)


def _gauge(name: str, labels: str, text: str) -> Declared:
    return Declared(f"joinwatch_{name}", Kind.GAUGE, tuple(labels.split()), text)


def _histogram(name: str, labels: str, buckets: tuple[float, ...], text: str) -> Declared:
    return Declared(f"joinwatch_{name}_seconds", Kind.HISTOGRAM, tuple(labels.split()), text, buckets)


_ALL: Final = (
    _counter("signatures", "backend outcome", "Requests to signature routes by how they ended."),
    _counter(
        "signature_verdicts", "backend verdict", "Signatures sent out by the worst severity found in them."
    ),
    _counter("signature_findings", "backend finding", "Findings in signatures that were sent out."),
    _histogram(
        "signature_iat_lead", "backend", LEADS, "How far iat was ahead of the proxy's clock at issue."
    ),
    _histogram("signature_iat_age", "backend", AGES, "How far iat was behind the proxy's clock at issue."),
    _counter("signatures_reported", "backend", "Signatures with a first join result."),
    _counter("signatures_refused", "backend", "Signatures whose first join result was an invalid signature."),
    _histogram(
        "backend_request_duration",
        "backend",
        DURATIONS,
        "From asking a backend to its whole answer.",
    ),
    _counter(
        "backend_retries", "backend", "Requests tried again because the connection failed before an answer."
    ),
    _counter("joins", "backend outcome", "Join results by who signed and how the join ended."),
    _counter("join_failures", "backend code", "Failed joins by the SDK's error code."),
    _histogram("join_token_age", "backend outcome", AGES, "Join time minus iat, where iat had passed."),
    _histogram(
        "join_token_lead", "backend outcome", LEADS, "iat minus join time, where iat was still ahead."
    ),
    _histogram(
        "join_duration", "backend", DURATIONS, "From the SDK's request, else the call of join, to the result."
    ),
    _counter("joins_by_origin", "origin outcome", "Join results by the origin of the page."),
    _counter("joins_by_client", "view sdk outcome", "Join results by SDK view and major version."),
    _counter(
        "join_results_received", "result reason", "Deliveries to /join-results; each ends in exactly one."
    ),
    _counter(
        "late_results", "backend outcome", "Results over five minutes after their join: in the ledger only."
    ),
    _counter("no_result_resolved", "backend", "Provisional no_result that a later result replaced."),
    _counter("client_dropped_results", "", "Results that browsers gave up, as they report it."),
    _gauge("clock_offset_seconds", "source", "How far this host's clock is ahead of the source."),
    _gauge("clock_offset_bound_seconds", "source", "How far off clock_offset can be."),
    _gauge("clock_measured_timestamp_seconds", "source", "When clock_offset was measured."),
    _gauge("backend_clock_offset_seconds", "backend", "How far the backend's clock is ahead of this host's."),
    _gauge("backend_clock_offset_bound_seconds", "backend", "How far off backend_clock_offset can be."),
    _gauge("backend_clock_measured_timestamp_seconds", "backend", "When backend_clock_offset was measured."),
    _counter("clock_steps", "", "Steps of this host's wall clock."),
    _gauge("cause_suspected", "backend cause", "1 while the cause is suspected; backend all: of the fleet."),
    _gauge("ledger_writable", "", "1 while the ledger takes results."),
    _histogram("ledger_commit_duration", "", DURATIONS, "Durable commits, each of a group of results."),
    _counter("observation_failures", "stage", "Observations lost because something in joinwatch failed."),
    _counter("log_lines_dropped", "", "Log lines that standard output did not take in time."),
    _gauge("config_last_reload_successful", "", "1 if the last load of the configuration succeeded."),
    _gauge("config_last_reload_timestamp_seconds", "", "When the configuration in force was loaded."),
    _gauge("build_info", "version python", "Always 1: what is running."),
)

MANIFEST: Final[Mapping[str, Declared]] = {declared.name: declared for declared in _ALL}

_Child = TypeVar("_Child", Counter, Gauge, Histogram)


class Collectors:
    """Makes the collectors of the manifest in one registry, and the series that are known at start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str) -> Counter:
        """A declared counter. KeyError: the manifest does not have it."""
        declared = MANIFEST[name]
        return Counter(declared.name, declared.help, declared.labels, registry=self._registry)

    def gauge(self, name: str) -> Gauge:
        """A declared gauge, without series until it is set."""
        declared = MANIFEST[name]
        return Gauge(declared.name, declared.help, declared.labels, registry=self._registry)

    def histogram(self, name: str) -> Histogram:
        """A declared histogram with its declared buckets."""
        declared = MANIFEST[name]
        return Histogram(
            declared.name, declared.help, declared.labels, registry=self._registry, buckets=declared.buckets
        )

    def counters(self, name: str, *values: Sequence[str]) -> dict[tuple[str, ...], Counter]:
        """Every series of a counter over the product of its labels' values, at 0."""
        return _series(self.counter(name), values)

    def histograms(self, name: str, *values: Sequence[str]) -> dict[tuple[str, ...], Histogram]:
        """Every series of a histogram over the product of its labels' values, empty."""
        return _series(self.histogram(name), values)


def _series(parent: _Child, values: tuple[Sequence[str], ...]) -> dict[tuple[str, ...], _Child]:
    return {labels: parent.labels(*labels) for labels in product(*(map(str, each) for each in values))}
