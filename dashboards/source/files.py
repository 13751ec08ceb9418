"""Which dashboard is in which file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from . import join_failures, signatures_and_clocks, telemetry_health
from .dashboard import Dashboard
from .runbook import SOURCE, Runbook

FOLDER: Final = Path(__file__).parents[1] / "grafana"

DASHBOARDS: Final[tuple[Dashboard | Runbook, ...]] = (
    join_failures.DASHBOARD,
    signatures_and_clocks.DASHBOARD,
    telemetry_health.DASHBOARD,
    Runbook(SOURCE.read_text(encoding="utf-8")),
)


def rendered() -> dict[Path, str]:
    """The text of every file."""
    return {
        FOLDER / each.file: json.dumps(each.json(), indent=2, ensure_ascii=False) + "\n"
        for each in DASHBOARDS
    }
