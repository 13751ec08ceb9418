"""A dashboard as a whole: its rows, of 24 columns each, and what every dashboard has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .furniture import ANNOTATIONS, LINKS, VARIABLES
from .model import Json, Panel

SCHEMA: Final = 39
"""Of Grafana 11.0; later versions bring it up to date when they load it."""

COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, together 24 columns wide."""

    height: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a heading; the first section of a dashboard needs none."""

    title: str
    rows: tuple[Row, ...]


def row(height: int, *panels: Panel) -> Row:
    """ValueError: the panels leave a gap, or do not fit."""
    width = sum(panel.width for panel in panels)
    if width != COLUMNS:
        raise ValueError(f"{[panel.title for panel in panels]} are {width} columns wide, not {COLUMNS}")
    return Row(height, panels)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. `version` goes up with every change that people should notice; `variables` are its own ones."""

    uid: str
    file: str
    title: str
    question: str
    version: int
    sections: tuple[Section, ...]
    variables: tuple[Json, ...] = ()

    def json(self) -> Json:
        """As the file that Grafana reads."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.question,
            "tags": ["joinwatch"],
            "schemaVersion": SCHEMA,
            "version": self.version,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": {"from": "now-3h", "to": "now"},
            "refresh": "30s",
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "liveNow": False,
            "timepicker": {},
            "links": LINKS,
            "annotations": {"list": ANNOTATIONS},
            "templating": {"list": [*VARIABLES, *self.variables]},
            "panels": self._panels(),
        }

    def _panels(self) -> list[Json]:
        placed: list[Json] = []
        y = 0
        for section in self.sections:
            if section.title:
                placed.append(_heading(section.title, len(placed) + 1, y))
                y += 1
            for each in section.rows:
                x = 0
                for panel in each.panels:
                    grid = {"x": x, "y": y, "w": panel.width, "h": each.height}
                    placed.append(panel.json(len(placed) + 1, grid))
                    x += panel.width
                y += each.height
        return placed


def _heading(title: str, number: int, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        "panels": [],
    }
