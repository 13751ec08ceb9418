"""The dashboards' expressions against the manifest and the rules of good queries, read by a real PromQL parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Final

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.telemetry.manifest import MANIFEST, Kind
from proxy.telemetry.metrics import Metrics

from .expressions import ANNOTATION, VARIABLE, Expression, expressions
from .promql import Selector, groupings, selectors

OF_PROMETHEUS: Final = {"up": ()}
"""Metrics that Prometheus makes itself of every target, with their labels."""

OF_EVERY_TARGET: Final = ("job", "instance")

FREE: Final = frozenset({"backend", "origin", "source", "version", "python", *OF_EVERY_TARGET})
"""Labels whose values come from the configuration or the host."""

UNUSED: Final[dict[str, str]] = {}
"""Metrics that no panel shows, with the reason."""

EVERY: Final = tuple(expressions())
PANELS: Final = tuple(each for each in EVERY if not each.panel.startswith((ANNOTATION, VARIABLE)))


def declared(selector: Selector) -> tuple[str, tuple[str, ...]]:
    """The name in the manifest of the metric that a selector asks for, and its labels. KeyError: it is none."""
    name = selector.name
    if name in OF_PROMETHEUS:
        return name, OF_PROMETHEUS[name]
    if name in MANIFEST:
        assert MANIFEST[name].kind is not Kind.HISTOGRAM, f"{name} has _bucket, _count and _sum, nothing else"
        return name, MANIFEST[name].labels
    base, _, part = name.rpartition("_")
    assert part in {"bucket", "count", "sum"}, f"{name} is not in the manifest"
    assert MANIFEST[base].kind is Kind.HISTOGRAM
    return base, (*MANIFEST[base].labels, *(("le",) if part == "bucket" else ()))


@cache
def exposed() -> dict[tuple[str, str], set[str]]:
    """The values of each label of each series that a joinwatch shows from its start."""
    page = generate_latest(Metrics(backends=("a",)).registry).decode()
    found: dict[tuple[str, str], set[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found.setdefault((sample.name, label), set()).add(value)
    return found


@pytest.mark.parametrize("asked", EVERY, ids=str)
def test_metrics_and_labels_are_in_the_manifest(asked: Expression) -> None:
    for selector in selectors(asked.expr):
        known = {*declared(selector)[1], *OF_EVERY_TARGET}
        assert {label for label, _, _ in selector.matchers} <= known, selector
    for grouping in groupings(asked.expr):
        names = set(chain.from_iterable(declared(each)[1] for each in grouping.selectors))
        assert set(grouping.labels) <= {*names, *OF_EVERY_TARGET}, grouping


@pytest.mark.parametrize("asked", EVERY, ids=str)
def test_label_values_are_ones_that_joinwatch_shows(asked: Expression) -> None:
    """A misspelt outcome or bucket edge would be an empty panel, not an error."""
    for selector in selectors(asked.expr):
        for label, operator, value in selector.matchers:
            if label not in FREE:
                values = value.split("|") if operator in {"=~", "!~"} else [value]
                assert set(values) <= exposed()[selector.name, label], selector


@pytest.mark.parametrize("asked", PANELS, ids=str)
def test_every_selector_leaves_the_choice_of_job_instance_and_backend(asked: Expression) -> None:
    for selector in selectors(asked.source_with(job="$job", instance="$instance", backend="$backend")):
        wanted = {"job": '=~"$job"', "instance": '=~"$instance"'}
        if "backend" in declared(selector)[1]:
            fleet = selector.name == "joinwatch_cause_suspected"
            wanted["backend"] = '=~"$backend|all"' if fleet else '=~"$backend"'
        assert {label: selector.matcher(label) for label in wanted} == wanted


@pytest.mark.parametrize("asked", EVERY, ids=str)
def test_counters_are_only_asked_how_much_they_grew(asked: Expression) -> None:
    """A counter's value means nothing, and begins anew with each process; a variable only wants its labels."""
    if asked.panel.startswith(VARIABLE):
        return
    for selector in selectors(asked.expr):
        name, _ = declared(selector)
        counts = name in MANIFEST and MANIFEST[name].kind is not Kind.GAUGE
        assert (selector.function in {"rate", "increase"}) == counts, selector


@pytest.mark.parametrize("asked", EVERY, ids=str)
def test_rates_span_what_grafana_reckons(asked: Expression) -> None:
    """$__rate_interval over time, $__range for the range as a whole; other spans only where a description says why."""
    spans = set(re.findall(r"\[([^\]:]+)", asked.source))
    burst = "How far is the worst minute above the mean?"
    if asked.panel.startswith(ANNOTATION):
        assert spans <= {"2m"}
    elif asked.panel == burst and asked.ref == "B":
        assert spans == {"$__rate_interval", "1m"}
    else:
        assert spans <= ({"$__range"} if asked.instant else {"$__rate_interval"})


def used() -> Iterator[str]:
    """The metrics of the manifest that panels ask for."""
    for asked in PANELS:
        for selector in selectors(asked.expr):
            yield declared(selector)[0]


def test_every_metric_of_the_manifest_is_on_a_panel() -> None:
    assert set(MANIFEST) - set(used()) == set(UNUSED)
    assert all(UNUSED.values())


def test_recorded_series_are_not_needed() -> None:
    """The dashboards work in a Prometheus that has none of our rules."""
    assert [str(asked) for asked in EVERY for each in selectors(asked.expr) if ":" in each.name] == []
