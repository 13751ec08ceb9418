"""What Grafana is provisioned with: the data sources that the dashboards ask, and the folder that they are in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from .expressions import dashboards

FOLDER: Final = Path(__file__).parents[2] / "dashboards" / "provisioning"


def read(name: str) -> dict[str, Any]:
    """A YAML file."""
    value: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return value


def test_data_sources() -> None:
    """Prometheus, whose exemplars lead to the story of a join, and Alertmanager; neither can be changed in Grafana."""
    given = read("datasources/joinwatch.yml")
    assert given["apiVersion"] == 1
    by_type = {each["type"]: each for each in given["datasources"]}
    assert {name: (each["url"], each["access"], each["editable"]) for name, each in by_type.items()} == {
        "prometheus": ("http://prometheus:9090", "proxy", False),
        "alertmanager": ("http://alertmanager:9093", "proxy", False),
    }
    prometheus = by_type["prometheus"]
    assert prometheus["isDefault"] is True
    assert prometheus["jsonData"]["exemplarTraceIdDestinations"] == [
        {
            "name": "receipt",
            # $$ is how a provisioned file writes the $ that Grafana fills in when somebody clicks.
            "url": "http://localhost:4001/joins/$${__value.raw}",
            "urlDisplayLabel": "The story of this join",
        }
    ]


def test_exemplars_are_asked_for_where_the_metrics_have_them() -> None:
    """Join metrics carry receipts; panels that show single joins ask for them."""
    asked = {
        target["expr"].split("joinwatch_")[1].split("{")[0]
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        if target["exemplar"]
    }
    assert asked == {
        "joins_total",
        "join_duration_seconds_bucket",
        "join_token_age_seconds_bucket",
        "join_token_lead_seconds_bucket",
    }


def test_dashboards_provider() -> None:
    (provider,) = read("dashboards/joinwatch.yml")["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["updateIntervalSeconds"] >= 10
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards/joinwatch"
