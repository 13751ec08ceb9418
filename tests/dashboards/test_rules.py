"""The rules against the manifest, the runbook, the dashboards and good habits; their own tests, by promtool."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from proxy.telemetry.manifest import MANIFEST, Kind

from ..support.go_tools import built
from ..support.real import require
from .promql import Selector, groupings, selectors
from .rules import (
    ALERTS,
    DASHBOARDS,
    PROMETHEUS,
    RECORDED,
    RULE_FILES,
    RULES,
    TEST_FILES,
    Alert,
    Recorded,
    loaded,
)
from .test_grafana_queries import declared

SCRAPE: Final = timedelta(seconds=15)

OF_PROMETHEUS: Final = {"up": ("job", "instance"), "ALERTS": ("job", "backend", "alertname", "alertstate")}

EXPRESSIONS: Final = [
    *(pytest.param(each.expr, id=each.name) for each in RULES),
    *(pytest.param(asked, id=f"{each.name}, in its text") for each in ALERTS for asked in set(each.asked())),
]

_SPAN: Final = re.compile(r"(?:in|for|within) (an?|\d+) (minute|hour|day)s?\b")
_UNITS: Final = {"minute": "m", "hour": "h", "day": "d"}


@pytest.fixture(scope="module")
def tested() -> Iterator[dict[Path, Future[subprocess.CompletedProcess[str]]]]:
    """All of promtool's tests, begun at once: they are many, and each file is a process of its own."""
    promtool = require("promtool")

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (promtool, "test", "rules", str(path)), capture_output=True, text=True, timeout=240, check=False
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {path: pool.submit(run, path) for path in TEST_FILES}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(
    path: Path, tested: dict[Path, Future[subprocess.CompletedProcess[str]]]
) -> None:
    done = tested[path].result()
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration_and_every_rule() -> None:
    done = subprocess.run(
        (require("promtool"), "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"),
        cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") >= len(RULE_FILES)


@pytest.mark.timeout(600)  # the first time it is built, of a hundred modules
def test_pint_finds_nothing_to_mend() -> None:
    done = subprocess.run(
        (built("pint"), "--offline", "--no-color", "lint", "--fail-on=info", "rules"),
        cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Problems found" not in done.stderr
    assert f"entries={len(RULES)}" in done.stderr


def test_alertmanager_takes_its_configuration() -> None:
    done = subprocess.run(
        (require("amtool"), "check-config", str(DASHBOARDS / "alertmanager.yml")),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_metric_and_label_is_known(expr: str) -> None:
    recorded = {each.name for each in RECORDED}
    for selector in selectors(expr):
        labels = {name for name, _, _ in selector.matchers}
        if selector.name in recorded:
            assert labels <= {"job", "backend"}
        elif selector.name in OF_PROMETHEUS:
            assert labels <= set(OF_PROMETHEUS[selector.name])
        else:
            assert labels <= {"job", "instance", *declared(selector)[1]}
    for grouping in groupings(expr):
        known = {"job", "instance", "backend", "alertname", "alertstate", "severity"}
        for selector in grouping.selectors:
            if selector.name not in recorded and selector.name not in OF_PROMETHEUS:
                known |= {*declared(selector)[1]}
        assert set(grouping.labels) <= known


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_what_counts_is_counted_over_enough_samples(expr: str) -> None:
    """increase() of counters only, and of at least four scrapes; nothing else asks for a range of ours."""
    for selector in selectors(expr):
        if selector.name in OF_PROMETHEUS or selector.name.startswith("job_"):
            continue
        kind = _kind(selector)
        if selector.span is None:
            assert kind is Kind.GAUGE, f"{selector.name} is a counter: its value tells nothing"
            continue
        assert kind is not Kind.GAUGE
        assert selector.function == "increase"
        assert selector.span >= 4 * SCRAPE


def _kind(selector: Selector) -> Kind:
    return MANIFEST[declared(selector)[0]].kind


@pytest.mark.parametrize("rule", RECORDED, ids=lambda rule: rule.name)
def test_recorded_names_say_level_metric_and_operation(rule: Recorded) -> None:
    level, metric, operation = rule.name.split(":")
    assert level == "job_backend"
    assert metric.startswith("joinwatch_")
    assert re.fullmatch(r"(increase|ratio|burst)\d+[mhd](_offset2h)?", operation)
    # Replicas are merged and every other label stays, so that clusters and environments stay apart.
    assert " by (" not in rule.expr
    if operation.startswith("increase"):
        assert rule.expr.startswith("sum without (instance")
        span = re.search(r"\d+[mhd]", operation)
        assert span is not None
        assert set(re.findall(r"\[(\d+[mhd])\]", rule.expr)) == {span[0]}


def test_every_recorded_series_is_used() -> None:
    used = {selector.name for each in RULES for selector in selectors(each.expr)}
    used |= {selector.name for each in ALERTS for asked in each.asked() for selector in selectors(asked)}
    assert {each.name for each in RECORDED} <= used


def test_one_alert_calls_somebody() -> None:
    assert [each.name for each in ALERTS if each.labels == {"severity": "page"}] == ["JoinwatchJoinsRefused"]
    assert all(each.labels == {"severity": "ticket"} for each in ALERTS[1:])


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_an_alert_says_what_where_and_what_next(alert: Alert) -> None:
    assert re.fullmatch(r"Joinwatch([A-Z][a-z]+)+", alert.name)
    assert set(alert.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
    for text in ("summary", "description"):
        assert alert.annotations[text].rstrip()[-1] == "."
        assert "\n" not in alert.annotations[text]
    assert any(operator in alert.expr for operator in (" >= ", " > ", " == ", " < ", "absent(", "unless"))


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_a_text_names_the_spans_that_its_rule_looks_at(alert: Alert) -> None:
    spans = set(re.findall(r"\[(\d+[mhd])\]|(?:increase|ratio|burst)(\d+[mhd])", alert.expr))
    looked_at = {span for found in spans for span in found if span} | {alert.waits}
    looked_at |= {f"{seconds // 60}m" for seconds in map(int, re.findall(r"< (\d+)\b", alert.expr))}
    for query in alert.asked():
        looked_at |= set(re.findall(r"(?:increase|increase\(.+\[)(\d+[mhd])", query))
    for count, unit in _SPAN.findall(alert.annotations["summary"]):
        assert f"{1 if count in ('a', 'an') else count}{_UNITS[unit]}" in looked_at


def runbook() -> dict[str, str]:
    """The sections of the runbook by their headings, in order."""
    text = (DASHBOARDS / "runbook.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_alert_has_its_section_in_the_runbook_and_the_link_leads_there() -> None:
    sections = runbook()
    assert list(sections) == [each.name for each in ALERTS]
    panels = {
        panel["id"]: panel["title"]
        for panel in json.loads((DASHBOARDS / "grafana" / "runbook.json").read_text(encoding="utf-8"))[
            "panels"
        ]
    }
    for number, alert in enumerate(ALERTS, start=1):
        assert alert.annotations["runbook_url"].endswith(f"/d/joinwatch-runbook?viewPanel={number}")
        assert panels[number] == alert.name
        assert "**What has happened.**" in sections[alert.name]


def test_every_alert_links_to_a_dashboard_of_ours_and_its_variables() -> None:
    boards: dict[str, set[str]] = {}
    for path in (DASHBOARDS / "grafana").glob("*.json"):
        board = json.loads(path.read_text(encoding="utf-8"))
        boards[board["uid"]] = {variable["name"] for variable in board["templating"]["list"]}
    for alert in ALERTS:
        found = re.search(r"/d/([a-z-]+)(?:\?|$)", alert.annotations["dashboard_url"])
        assert found is not None
        assert set(re.findall(r"var-(\w+)=", alert.annotations["dashboard_url"])) <= boards[found[1]]


CASES: Final = ("fires", "stays silent", "its words")


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not(alert: Alert) -> None:
    found = dict.fromkeys(CASES, 0)
    names = []
    for path in TEST_FILES:
        for case in loaded(path)["tests"]:
            kinds = list(_shown(alert, case))
            names += [case["name"]] if kinds else []
            for kind in kinds:
                found[kind] += 1
    assert found["fires"] >= 2
    assert found["stays silent"] >= 2
    assert found["its words"] >= 1
    about = " ".join(names)
    if alert.name not in {"JoinwatchDown", "JoinwatchMissing"}:  # `up` is Prometheus' own, and always there
        assert "no series" in about
        assert "older" in about


def _shown(alert: Alert, case: dict[str, Any]) -> Iterator[str]:
    for check in case.get("promql_expr_test", ()):
        if f'alertname="{alert.name}"' in check["expr"]:
            yield "fires" if check["exp_samples"][0]["value"] else "stays silent"
    for check in case.get("alert_rule_test", ()):
        if check["alertname"] == alert.name:
            yield "its words"


def test_what_inhibits_and_what_is_inhibited_exists() -> None:
    names = {each.name for each in ALERTS}
    rules = loaded(DASHBOARDS / "alertmanager.yml")["inhibit_rules"]
    mentioned = [
        name
        for rule in rules
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
        for name in re.findall(r"Joinwatch\w+", matcher)
    ]
    assert mentioned
    assert set(mentioned) <= names
