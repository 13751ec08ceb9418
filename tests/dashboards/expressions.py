"""Every expression of the dashboards, with the variables filled in as Grafana fills them: what Prometheus is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

GRAFANA: Final = Path(__file__).parents[2] / "dashboards" / "grafana"

VARIABLES: Final = {
    "job": ".+",
    "instance": ".+",
    "backend": ".+",
    "source": ".+",
    "window": "1m",
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "1h",
}
"""As after opening a dashboard: everything chosen, the last hour."""

ANNOTATION: Final = "annotation: "
VARIABLE: Final = "variable: "


@dataclass(frozen=True, slots=True)
class Expression:
    """One query. `panel` is the panel's title, or the name of an annotation or variable after what it is.

    `instant`: asked once, at the end of the range. A variable's query is the selector that its values are taken from.
    """

    dashboard: str
    panel: str
    ref: str
    expr: str
    instant: bool
    source: str

    def source_with(self, **variables: str) -> str:
        """The query with these variables as they are given."""
        return filled(self.source, VARIABLES | variables)

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel} ({self.ref})"


def committed() -> dict[str, dict[str, Any]]:
    """The dashboards, by the names of their files without the ending."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GRAFANA.glob("*.json"))
    }


def dashboards() -> dict[str, dict[str, Any]]:
    """Those that ask something: all but the runbook."""
    return {name: each for name, each in committed().items() if name != "runbook"}


def expressions(**variables: str) -> Iterator[Expression]:
    """Every query of panels, annotations and variables; `variables` replace what VARIABLES says."""
    values = VARIABLES | variables
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                expr = target["expr"]
                yield Expression(
                    name, panel["title"], target["refId"], filled(expr, values), target["instant"], expr
                )
        for each in dashboard["annotations"]["list"]:
            expr = each["target"]["expr"]
            yield Expression(name, ANNOTATION + each["name"], "Anno", filled(expr, values), False, expr)
        for each in dashboard["templating"]["list"]:
            if each["type"] == "query":
                expr = label_values(each["query"])[0]
                yield Expression(name, VARIABLE + each["name"], "", filled(expr, values), True, expr)


def label_values(query: str) -> tuple[str, str]:
    """The selector and the label of a variable's query. ValueError: it is of another form."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    if not found:
        raise ValueError(f"not label_values(selector, label): {query}")
    return found[1], found[2]


def filled(expr: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced. KeyError: one has no value."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], expr)
