"""The runbook as a dashboard: the sections of the file, and what the alerts' links hold on to."""

from __future__ import annotations

import re
from pathlib import Path

from dashboards.source.runbook import Runbook

from .expressions import committed

RULES = Path(__file__).parents[2] / "dashboards" / "prometheus" / "rules"

TEXT = """# Runbook

What to do.

## `JoinwatchFirst`

One, see [its cause](../docs/causes.md#no_margin) and [Zoom](https://zoom.us/).

## JoinwatchSecond

Two, and [the joins](/d/joinwatch-join-failures).
"""


def test_each_section_is_a_panel_with_its_number() -> None:
    panels = Runbook(TEXT).json()["panels"]
    assert panels == [
        {
            "id": 1,
            "type": "text",
            "title": "JoinwatchFirst",
            "gridPos": {"x": 0, "y": 0, "w": 24, "h": 3},
            "options": {
                "mode": "markdown",
                "content": "One, see its cause (`docs/causes.md#no_margin`) and [Zoom](https://zoom.us/).",
            },
        },
        {
            "id": 2,
            "type": "text",
            "title": "JoinwatchSecond",
            "gridPos": {"x": 0, "y": 3, "w": 24, "h": 3},
            "options": {"mode": "markdown", "content": "Two, and [the joins](/d/joinwatch-join-failures)."},
        },
    ]


def test_each_alert_links_to_its_own_panel() -> None:
    """The link of an alert ends in the number of the panel that has its name."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.yml")))
    named = re.findall(r"- alert: (\w+)\n.*?/d/joinwatch-runbook\?viewPanel=(\d+)", text, re.DOTALL)
    assert len(named) == text.count("- alert: ")
    titles = {panel["id"]: panel["title"] for panel in committed()["runbook"]["panels"]}
    assert {int(number): name for name, number in named} == titles
