"""The dashboards as files: what their source writes, laid out without gaps, every panel explained, units, links, looks.

What grafana/dashboard-linter asks of a dashboard is asked here and in test_grafana_queries.py; the linter itself is no
package of the registries that the tests may use.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any, Final

import pytest

from dashboards.source import files, looks

from .expressions import GRAFANA, dashboards, label_values
from .promql import selectors

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
ALL: Final = dashboards()
PANELS: Final = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in ALL.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
UNITS: Final = {"short", "percentunit", "s", "cpm", "none", "dateTimeAsIso"}
"""Ids of Grafana's units; a wrong one would be shown behind the number as it is."""


OKABE_ITO: Final = {"#009E73", "#56B4E9", "#0072B2", "#F0E442", "#E69F00", "#D55E00", "#CC79A7", "#8E8E8E"}
"""Colours that people with any kind of colour blindness tell apart; a grey for their black."""

each_dashboard = pytest.mark.parametrize(
    "dashboard", [pytest.param(each, id=name) for name, each in ALL.items()]
)


each_panel = pytest.mark.parametrize("panel", PANELS)


def test_files_are_what_their_source_writes() -> None:
    """After a change of dashboards/source: make dashboards."""
    written = files.rendered()
    assert sorted(written) == sorted(GRAFANA.glob("*.json"))
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: run make dashboards"


def test_names_that_links_and_alerts_hold_on_to() -> None:
    assert {name: each["uid"] for name, each in ALL.items()} == {
        "join-failures": "joinwatch-join-failures",
        "signatures-and-clocks": "joinwatch-signatures-clocks",
        "telemetry-health": "joinwatch-telemetry-health",
    }


@each_dashboard
def test_dashboard(dashboard: dict[str, Any]) -> None:
    """Not editable, for Grafana 11 and later, without an id of one Grafana, and linked to the others."""
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] == 39
    assert dashboard["version"] >= 1
    assert "id" not in dashboard
    assert dashboard["tags"] == ["joinwatch"]
    assert dashboard["description"].endswith("?")
    assert [(link["title"], link["url"], link["tags"]) for link in dashboard["links"]] == [
        ("joinwatch", "", ["joinwatch"]),
        ("Status page", "${status_page}/", []),
        ("Runbook", "/d/joinwatch-runbook", []),
    ]


@each_dashboard
def test_panels_fill_the_grid(dashboard: dict[str, Any]) -> None:
    """Every line of 24 columns is covered, each cell once, from the top to the end."""
    cells: list[tuple[int, int]] = []
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        cells += [
            (y, x)
            for y in range(grid["y"], grid["y"] + grid["h"])
            for x in range(grid["x"], grid["x"] + grid["w"])
        ]
    assert sorted(cells) == [(y, x) for y in range(max(cells)[0] + 1) for x in range(24)]
    assert [panel["id"] for panel in dashboard["panels"]] == list(range(1, len(dashboard["panels"]) + 1))
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in dashboard["panels"]]
    assert all(one < other for one, other in pairwise(places))


@each_dashboard
def test_titles_are_told_apart(dashboard: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len(set(titles)) == len(titles)


@each_panel
def test_panel_says_what_it_shows_and_what_is_normal(panel: dict[str, Any]) -> None:
    assert panel["title"]
    description = panel["description"]
    assert len(description) > 60
    assert re.search(r" Normal: [^.]+(\.|;)", description), description


@each_panel
def test_panel_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["datasource"] == DATASOURCE
    assert panel["targets"]
    assert all(target["datasource"] == DATASOURCE for target in panel["targets"])
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == sorted(set(refs))


@each_panel
def test_panel_has_a_unit_and_says_what_is_unknown(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["noValue"] not in {"", "0"}
    if defaults["unit"] == "percentunit":
        assert defaults["min"] == 0


@each_panel
def test_panel_fits_its_queries(panel: dict[str, Any]) -> None:
    """One figure for the range is asked once; what moves is asked over time; a heatmap takes buckets."""
    instant = {target["instant"] for target in panel["targets"]}
    shapes = {target["format"] for target in panel["targets"]}
    assert instant == {panel["type"] in {"stat", "bargauge", "table"}}
    assert shapes == {{"heatmap": "heatmap", "table": "table"}.get(panel["type"], "time_series")}


@each_panel
def test_colours_are_told_apart_by_everybody(panel: dict[str, Any]) -> None:
    """Only Okabe and Ito's colours, and the same name always in the same one."""
    config = json.dumps(panel["fieldConfig"])
    assert set(re.findall(r"#[0-9A-Fa-f]{6}", config)) <= OKABE_ITO
    meanings = looks.JOIN_OUTCOMES
    for override in panel["fieldConfig"]["overrides"]:
        name = override["matcher"]["options"]
        fixed = [each["value"]["fixedColor"] for each in override["properties"] if each["id"] == "color"]
        if name in meanings and fixed:
            assert fixed == [meanings[name]]


@each_panel
def test_links_lead_somewhere(panel: dict[str, Any]) -> None:
    for url in re.findall(r'"url": "([^"]+)"', json.dumps(panel)):
        if found := re.match(r"/d/([\w-]+)\?", url):
            assert found[1] in {dashboard["uid"] for dashboard in ALL.values()}
        else:
            assert url == "${status_page}/"


@each_dashboard
def test_variables(dashboard: dict[str, Any]) -> None:
    """As dashboard-linter wants them: several values, all of them by .+, renewed with the time range."""
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert list(variables)[:5] == ["datasource", "job", "instance", "backend", "status_page"]
    assert (variables["datasource"]["type"], variables["datasource"]["label"]) == (
        "datasource",
        "Data source",
    )
    assert variables["status_page"]["query"] == "http://localhost:4001"
    for each in variables.values():
        if each["type"] == "query":
            assert each["datasource"] == DATASOURCE
            assert (each["multi"], each["includeAll"], each["allValue"], each["refresh"]) == (
                True,
                True,
                ".+",
                2,
            )
            selector, label = label_values(each["query"])
            assert label == each["name"]
            assert len(selectors(selector)) == 1


@each_dashboard
def test_variables_are_used_and_known(dashboard: dict[str, Any]) -> None:
    """No $name that Grafana would leave as it is, and no choice without an effect."""
    known = {each["name"] for each in dashboard["templating"]["list"]}
    text = json.dumps([dashboard["panels"], dashboard["annotations"], dashboard["links"]])
    named = set(re.findall(r"\$\{?(\w+)", text))
    assert {name for name in named if not name.startswith("__")} | {"source"} == known | {"source"}
    assert {name for name in named if name.startswith("__")} <= {
        "__rate_interval",
        "__range",
        "__url_time_range",
        "__value",
    }


@each_dashboard
def test_annotations(dashboard: dict[str, Any]) -> None:
    """Causes as regions, deploys at the time of the start, steps of the clock."""
    listed = {each["name"]: each for each in dashboard["annotations"]["list"]}
    assert list(listed) == ["Causes", "Deploys", "Clock steps"]
    assert all(each["datasource"] == DATASOURCE and each["enable"] for each in listed.values())
    assert all(each["expr"] == each["target"]["expr"] for each in listed.values())
    assert listed["Deploys"]["useValueForTime"] == "on"


def test_repeated_panels_have_a_row_of_their_own() -> None:
    """Grafana lays the copies of a panel side by side over the whole width."""
    for dashboard in ALL.values():
        for panel in dashboard["panels"]:
            if "repeat" in panel:
                assert panel["gridPos"]["w"] == 24
                assert f"${panel['repeat']}" in panel["title"]
