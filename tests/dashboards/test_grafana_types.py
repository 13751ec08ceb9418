"""The dashboards against Grafana's own types: every property of panels, fields and variables has its name and type."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..support.npm import installed
from ..support.real import require
from .expressions import committed

_HERE: Final = Path(__file__).parent / "grafana"
_OURS: Final = ("package.json", "package-lock.json", ".npmrc")
_COMPILER: Final = (
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
)


def test_dashboards_are_of_grafanas_types(tmp_path: Path) -> None:
    statements = [line for dashboard in committed().values() for line in _statements(dashboard)]
    assert _complaints(tmp_path, statements) == []


def test_what_is_not_of_grafanas_types_is_found(tmp_path: Path) -> None:
    """A misspelt option, a value that is none, and a property of another panel's kind."""
    wrong = [
        _typed({"colorMode": "value", "graphmode": "none"}, 'Options["stat"]'),
        _typed({"displayMode": "bars"}, 'Options["bargauge"]'),
        _typed({"fillBelow": "at least"}, 'Custom["timeseries"]'),
        _typed({"unit": 1}, "FieldConfig"),
        _typed({"schemaVersion": "39"}, "Dashboard"),
    ]
    assert len(_complaints(tmp_path, wrong)) == len(wrong)


def _statements(dashboard: dict[str, Any]) -> Iterator[str]:
    """The parts of a dashboard, each with the type that Grafana has for it."""
    yield _typed({key: dashboard[key] for key in dashboard.keys() - {"panels", "annotations"}}, "Dashboard")
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield _typed(panel["options"], f'Options["{panel["type"]}"]')
            config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})  # a text has none
            defaults = {key: value for key, value in config["defaults"].items() if key != "custom"}
            custom = {f"custom.{key}": value for key, value in config["defaults"].get("custom", {}).items()}
            yield from _fields(panel["type"], defaults | custom)
            for override in config["overrides"]:
                yield from _fields(
                    panel["type"], {each["id"]: each["value"] for each in override["properties"]}
                )


def _fields(kind: str, properties: dict[str, Any]) -> Iterator[str]:
    custom = {
        key.removeprefix("custom."): value for key, value in properties.items() if key.startswith("custom.")
    }
    own = {
        key: value for key, value in properties.items() if not key.startswith("custom.") and key != "links"
    }
    yield _typed(own, "FieldConfig")
    if custom:
        yield _typed(custom, f'Custom["{kind}"]')


def _typed(value: Any, name: str) -> str:
    return f"({json.dumps(value)}) satisfies {name};"


def _complaints(folder: Path, statements: list[str]) -> list[str]:
    """What TypeScript's compiler finds wrong."""
    packages = installed(_HERE, _OURS, "grafana-types")
    (folder / "node_modules").symlink_to(packages)
    shutil.copy(_HERE / "shapes.ts", folder)
    program = ['import type { Custom, Dashboard, FieldConfig, Options } from "./shapes";', *statements]
    (folder / "dashboards.ts").write_text("\n".join(program), encoding="utf-8")
    done = subprocess.run(
        (require("node"), packages / "typescript" / "bin" / "tsc", *_COMPILER, "dashboards.ts"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert not done.stderr
    return [line for line in done.stdout.splitlines() if "error" in line]
