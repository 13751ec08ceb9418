"""The kinds of panels in use, each with the options that make it look the same on all dashboards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .looks import NO_COLOUR, thresholds
from .model import Json, Link, Override, Panel, Query, by_name

_LAST: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
Steps = tuple[tuple[float, str], ...]


def stat(
    title: str,
    description: str,
    *queries: Query,
    width: int,
    unit: str = "short",
    steps: Steps = NO_COLOUR,
    background: bool = False,
    names: bool = False,
    side_by_side: bool = False,
    defaults: Json | None = None,
    overrides: tuple[Override, ...] = (),
    links: tuple[Link, ...] = (),
    empty: str = "–",
) -> Panel:
    """Large figures: of a range as a whole, or now. `names` shows the series' names and no figures."""
    labelled = len(queries) > 1
    return Panel(
        "stat",
        title,
        description,
        queries,
        width,
        unit,
        {"thresholds": thresholds(steps), "color": {"mode": "thresholds"}, **(defaults or {})},
        {
            "reduceOptions": _LAST,
            "orientation": "vertical" if side_by_side else "horizontal" if labelled else "auto",
            "textMode": "name" if names else "value_and_name" if labelled else "value",
            "colorMode": "background_solid" if background else "value",
            "graphMode": "none",
            "justifyMode": "center" if background else "auto",
            "wideLayout": True,
            "showPercentChange": False,
        },
        overrides,
        links=links,
        empty=empty,
    )


def lines(
    title: str,
    description: str,
    *queries: Query,
    width: int,
    unit: str,
    floor: float | None = 0,
    ceiling: float | None = None,
    steps: Steps = NO_COLOUR,
    overrides: tuple[Override, ...] = (),
    repeat: str = "",
    empty: str = "–",
) -> Panel:
    """What changes with time. A gap is a time of which nothing is known. `steps` are drawn as dashed lines."""
    limits: Json = {"min": floor, "max": ceiling}
    custom: Json = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 2,
        "fillOpacity": 0,
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "thresholdsStyle": {"mode": "off" if steps is NO_COLOUR else "dashed"},
    }
    return Panel(
        "timeseries",
        title,
        description,
        queries,
        width,
        unit,
        {
            "custom": custom,
            "color": {"mode": "palette-classic"},
            "thresholds": thresholds(steps),
            **{key: value for key, value in limits.items() if value is not None},
        },
        {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        overrides,
        repeat=repeat,
        empty=empty,
    )


def bars(
    title: str,
    description: str,
    *queries: Query,
    width: int,
    unit: str = "short",
    ceiling: float | None = None,
    overrides: tuple[Override, ...] = (),
    empty: str = "–",
) -> Panel:
    """Counts of each step, stacked."""
    panel = lines(
        title,
        description,
        *queries,
        width=width,
        unit=unit,
        ceiling=ceiling,
        overrides=overrides,
        empty=empty,
    )
    custom: Json = {
        "drawStyle": "bars",
        "lineWidth": 0,
        "fillOpacity": 90,
        "barAlignment": 0,
        "stacking": {"mode": "normal", "group": "A"},
    }
    return replace(panel, defaults=panel.defaults | {"custom": custom})


def ranking(
    title: str,
    description: str,
    *queries: Query,
    width: int,
    unit: str = "short",
    steps: Steps = NO_COLOUR,
    colour: Json | None = None,
    upright: bool = False,
    ceiling: float | None = None,
    decimals: int | None = 0,
    overrides: tuple[Override, ...] = (),
    mappings: tuple[Json, ...] = (),
    empty: str = "–",
) -> Panel:
    """A bar per series, in the order of the queries. `upright` makes a curve of them."""
    defaults: Json = {"thresholds": thresholds(steps), "color": colour or {"mode": "thresholds"}, "min": 0}
    limits: Json = {"max": ceiling, "decimals": decimals, "mappings": mappings or None}
    return Panel(
        "bargauge",
        title,
        description,
        queries,
        width,
        unit,
        defaults | {key: value for key, value in limits.items() if value is not None},
        {
            "reduceOptions": _LAST,
            "orientation": "vertical" if upright else "horizontal",
            "displayMode": "basic",
            "valueMode": "text" if steps is NO_COLOUR else "color",
            "namePlacement": "auto",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 300,
        },
        overrides,
        empty=empty,
    )


def heatmap(
    title: str, description: str, query: Query, *, width: int, scheme: str = "Oranges", unit: str = "s"
) -> Panel:
    """Buckets of a histogram over time: the darker, the more. A point is one join: click it for its story."""
    return Panel(
        "heatmap",
        title,
        description,
        (query,),
        width,
        unit,
        {"custom": {"scaleDistribution": {"type": "linear"}}},
        {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": scheme,
                "fill": "dark-orange",
                "scale": "exponential",
                "exponent": 0.5,
                "steps": 64,
                "reverse": False,
            },
            "exemplars": {"color": "rgba(204,121,167,0.9)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
        points=120,
    )


def states(
    title: str,
    description: str,
    *queries: Query,
    width: int,
    mappings: Sequence[Json],
    empty: str,
    links: tuple[Link, ...] = (),
) -> Panel:
    """What was the case, and when: a row per series."""
    return Panel(
        "state-timeline",
        title,
        description,
        queries,
        width,
        "none",
        {
            "mappings": list(mappings),
            "custom": {"fillOpacity": 80, "lineWidth": 0},
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(NO_COLOUR),
        },
        {
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        links=links,
        empty=empty,
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures: its heading, its expression (by the table's key), and how it is shown."""

    heading: str
    expr: str
    unit: str = "short"
    decimals: int | None = 0
    steps: Steps | None = None
    mappings: Sequence[Json] = ()

    def override(self) -> Override:
        """The looks of the column."""
        shown: Json = {"unit": self.unit}
        if self.decimals is not None:
            shown["decimals"] = self.decimals
        if self.steps is not None:
            shown |= {
                "thresholds": thresholds(self.steps),
                "custom.cellOptions": {"type": "color-background", "mode": "basic"},
            }
        if self.mappings:
            shown["mappings"] = list(self.mappings)
        return by_name(self.heading, **shown)


def table(
    title: str,
    description: str,
    keys: Iterable[tuple[str, str]],
    *columns: Column,
    width: int,
    sort: str,
    links: tuple[Link, ...] = (),
    empty: str = "–",
) -> Panel:
    """A row for each value of the keys (label, heading), the largest of column `sort` on top."""
    headings = dict(keys)
    first = next(iter(headings.values()))
    values = {f"Value #{chr(ord('A') + index)}": column.heading for index, column in enumerate(columns)}
    linked: Json = {"links": [link.json() for link in links]} if links else {}
    return Panel(
        "table",
        title,
        description,
        tuple(Query(column.expr, instant=True, shape="table") for column in columns),
        width,
        "short",
        {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}, "thresholds": thresholds(NO_COLOUR)},
        {"showHeader": True, "cellHeight": "sm"},
        (*(column.override() for column in columns), *((by_name(first, **linked),) if linked else ())),
        (
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {name: index for index, name in enumerate([*headings, *values])},
                    "renameByName": headings | values,
                },
            },
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sort, "desc": True}]}},
        ),
        empty=empty,
    )
