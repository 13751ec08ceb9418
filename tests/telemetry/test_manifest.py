"""The manifest has what the documentation promises, and nothing can be made that it does not have."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from proxy.telemetry.manifest import MANIFEST, Collectors
from proxy.telemetry.metrics import Metrics

COUNTERS = {
    "signatures": ("backend", "outcome"),
    "signature_verdicts": ("backend", "verdict"),
    "signature_findings": ("backend", "finding"),
    "signatures_reported": ("backend",),
    "signatures_refused": ("backend",),
    "backend_retries": ("backend",),
    "joins": ("backend", "outcome"),
    "join_failures": ("backend", "code"),
    "joins_by_origin": ("origin", "outcome"),
    "joins_by_client": ("view", "sdk", "outcome"),
    "join_results_received": ("result", "reason"),
    "late_results": ("backend", "outcome"),
    "no_result_resolved": ("backend",),
    "client_dropped_results": (),
    "clock_steps": (),
    "observation_failures": ("stage",),
    "log_lines_dropped": (),
}
GAUGES = {
    "clock_offset_seconds": ("source",),
    "clock_offset_bound_seconds": ("source",),
    "clock_measured_timestamp_seconds": ("source",),
    "backend_clock_offset_seconds": ("backend",),
    "backend_clock_offset_bound_seconds": ("backend",),
    "backend_clock_measured_timestamp_seconds": ("backend",),
    "cause_suspected": ("backend", "cause"),
    "ledger_writable": (),
    "config_last_reload_successful": (),
    "config_last_reload_timestamp_seconds": (),
    "build_info": ("version", "python"),
}
HISTOGRAMS = {
    "signature_iat_lead_seconds": ("backend",),
    "signature_iat_age_seconds": ("backend",),
    "backend_request_duration_seconds": ("backend",),
    "join_token_age_seconds": ("backend", "outcome"),
    "join_token_lead_seconds": ("backend", "outcome"),
    "join_duration_seconds": ("backend",),
    "ledger_commit_duration_seconds": (),
}
LEADS = (1, 2, 5, 10, 15, 30, 34, 64, 128, 900, 3600)
AGES = (5, 30, 60, 120, 300, 900, 1800, 3600, 7200, 86400, 172800)

PROMISED = {
    **{f"joinwatch_{name}_total": ("counter", labels) for name, labels in COUNTERS.items()},
    **{f"joinwatch_{name}": ("gauge", labels) for name, labels in GAUGES.items()},
    **{f"joinwatch_{name}": ("histogram", labels) for name, labels in HISTOGRAMS.items()},
}


def test_names_types_and_labels() -> None:
    declared = {name: (str(each.kind), each.labels) for name, each in MANIFEST.items()}
    assert declared == PROMISED


def test_the_process_has_every_declared_metric() -> None:
    registry = Metrics(backends=("java",)).registry
    made = {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in registry.collect()
    }
    assert made == {name: kind for name, (kind, _) in PROMISED.items()}


@pytest.mark.parametrize("name", [f"joinwatch_{name}" for name in HISTOGRAMS])
def test_buckets(name: str) -> None:
    edges = MANIFEST[name].buckets
    assert list(edges) == sorted(set(edges))
    assert len(edges) <= 12
    if "lead" in name:
        assert edges == LEADS
    elif "_age_" in name:
        assert edges == AGES
    else:
        assert (edges[0], edges[-1]) == (0.005, 30)


def test_every_metric_says_what_it_is() -> None:
    for declared in MANIFEST.values():
        assert declared.help.endswith(".")
        assert len(declared.help) <= 100


@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram", "counters", "histograms"])
def test_what_is_not_declared_is_not_made(kind: str) -> None:
    make = getattr(Collectors(CollectorRegistry()), kind)
    with pytest.raises(KeyError):
        make("joinwatch_undeclared_total")


def test_the_same_metric_is_not_made_twice() -> None:
    make = Collectors(CollectorRegistry())
    make.counter("joinwatch_clock_steps_total")
    with pytest.raises(ValueError, match="Duplicated"):
        make.counter("joinwatch_clock_steps_total")
