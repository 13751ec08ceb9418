"""Panels and their queries as values, and how Grafana writes each of them (classic JSON, schema version 39)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

JsonValue: TypeAlias = bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
Json: TypeAlias = dict[str, JsonValue]

DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression. `shape`: time_series, table or heatmap; `step`: the shortest that Grafana may choose.

    `instant` asks once, at the end of the dashboard's range. `exemplars` shows single joins as points to click.
    """

    expr: str
    legend: str = "__auto"
    instant: bool = False
    shape: str = "time_series"
    step: str = ""
    exemplars: bool = False

    def json(self, ref: str) -> Json:
        """As a panel's target."""
        written: Json = {
            "refId": ref,
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend,
            "instant": self.instant,
            "range": not self.instant,
            "exemplar": self.exemplars,
            "format": self.shape,
        }
        if self.step:
            written["interval"] = self.step
        return written


@dataclass(frozen=True, slots=True)
class Override:
    """Properties of the fields that a matcher finds."""

    matcher: str
    name: str
    properties: Json

    def json(self) -> Json:
        """As Grafana writes it."""
        return {
            "matcher": {"id": self.matcher, "options": self.name},
            "properties": [{"id": key, "value": value} for key, value in self.properties.items()],
        }


def by_name(name: str, **properties: JsonValue) -> Override:
    """For the series or column of this name."""
    return Override("byName", name, properties)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click on a value leads."""

    title: str
    url: str
    new_tab: bool = False

    def json(self) -> Json:
        """As a data link."""
        return {"title": self.title, "url": self.url, "targetBlank": self.new_tab}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel, `width` of 24 columns wide. `defaults` and `options` are Grafana's own, of the panel's kind.

    `empty` is shown where there is no value: unknown is never shown as 0. `repeat` names a variable: a panel per value.
    """

    kind: str
    title: str
    description: str
    queries: tuple[Query, ...]
    width: int
    unit: str = "short"
    defaults: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    transformations: tuple[Json, ...] = ()
    links: tuple[Link, ...] = ()
    empty: str = "–"
    repeat: str = ""
    points: int = 0

    def json(self, number: int, grid: Mapping[str, int]) -> Json:
        """The panel at its place on the grid."""
        defaults: Json = {"unit": self.unit, "noValue": self.empty, **self.defaults}
        if self.links:
            defaults["links"] = [link.json() for link in self.links]
        written: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "gridPos": dict(grid),
            "datasource": DATASOURCE,
            "targets": [query.json(_ref(index)) for index, query in enumerate(self.queries)],
            "fieldConfig": {
                "defaults": defaults,
                "overrides": [override.json() for override in self.overrides],
            },
            "options": self.options,
        }
        if self.transformations:
            written["transformations"] = list(self.transformations)
        if self.points:
            written["maxDataPoints"] = self.points
        if self.repeat:
            written |= {"repeat": self.repeat, "repeatDirection": "h", "maxPerRow": 3}
        return written


def _ref(index: int) -> str:
    return chr(ord("A") + index)
