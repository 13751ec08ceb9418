"""Dashboard *Runbook*: dashboards/runbook.md, a panel for each section, so that an alert's link opens its own one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .dashboard import COLUMNS, SCHEMA
from .furniture import LINKS
from .model import Json

SOURCE: Final = Path(__file__).parents[1] / "runbook.md"

_LINE: Final = 150
"""Characters on a line of a panel as wide as the page."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """The sections of the file in their order; the number of a section is the id of its panel, which alerts link to."""

    text: str
    file: str = "runbook.json"

    def json(self) -> Json:
        """As the file that Grafana reads."""
        return {
            "uid": "joinwatch-runbook",
            "title": "joinwatch: Runbook",
            "description": "An alert came: what does it mean, and what to do?",
            "tags": ["joinwatch"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "timezone": "browser",
            "time": {"from": "now-3h", "to": "now"},
            "links": [LINKS[0]],
            "annotations": {"list": []},
            "templating": {"list": []},
            "panels": list(self._panels()),
        }

    def sections(self) -> list[tuple[str, str]]:
        """Heading and text of each `##` of the file."""
        parts = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)
        return list(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))

    def _panels(self) -> Iterator[Json]:
        y = 0
        for number, (heading, text) in enumerate(self.sections(), 1):
            content = _plain_links(text)
            height = 3 + sum(1 + len(line) // _LINE for line in content.splitlines())
            height = math.ceil(height * 0.7)
            yield {
                "id": number,
                "type": "text",
                "title": heading.strip("`"),
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": height},
                "options": {"mode": "markdown", "content": content},
            }
            y += height


def _plain_links(text: str) -> str:
    """Links to files of the repository, as Grafana has none: the file's name instead."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:|/d/)(?:\.\./)*([^)]+)\)", r"\1 (`\2`)", text)
