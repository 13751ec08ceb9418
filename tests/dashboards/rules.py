"""The rules of dashboards/prometheus as values: what is recorded, what alerts, and with which words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

DASHBOARDS: Final = Path(__file__).parents[2] / "dashboards"
PROMETHEUS: Final = DASHBOARDS / "prometheus"
RULE_FILES: Final = tuple(sorted((PROMETHEUS / "rules").glob("*.yml")))
TEST_FILES: Final = tuple(sorted((PROMETHEUS / "tests").glob("*.yml")))

_QUERIED: Final = re.compile(r'printf "([^"]+?\{.+?\}.*?)" \$')
"""A query that a text asks as it is shown; its label values are put in by printf."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording rule."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `waits` and `stays`: `for` and `keep_firing_for`, None where they are not there."""

    name: str
    expr: str
    waits: str | None
    stays: str | None
    labels: dict[str, str]
    annotations: dict[str, str]

    def __str__(self) -> str:
        return self.name

    def asked(self) -> Iterator[str]:
        """The queries in its texts, with every value filled in."""
        for text in self.annotations.values():
            for query in _QUERIED.findall(text):
                yield query.replace("{%s}", "{job='java',backend=~'java'}").replace("%s", "java")


def loaded(path: Path) -> Any:
    """What a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _rules() -> Iterator[dict[str, Any]]:
    for path in RULE_FILES:
        for group in loaded(path)["groups"]:
            yield from group["rules"]


RECORDED: Final = tuple(Recorded(rule["record"], rule["expr"]) for rule in _rules() if "record" in rule)

ALERTS: Final = tuple(
    Alert(
        rule["alert"],
        rule["expr"],
        rule.get("for"),
        rule.get("keep_firing_for"),
        rule["labels"],
        rule["annotations"],
    )
    for rule in _rules()
    if "alert" in rule
)

RULES: Final[tuple[Recorded | Alert, ...]] = (*RECORDED, *ALERTS)
