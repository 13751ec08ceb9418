"""docs/demo.md has what there is."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.commands.demo import DURATION_S, RATE, SEED
from proxy.demo.faults import HONEST, PLANTED
from proxy.demo.switches import HEADER

PAGE = (Path(__file__).parents[2] / "docs" / "demo.md").read_text(encoding="utf-8")


def test_every_backend_with_its_cause() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| `?(\w+)`? \| .*\|$", PAGE, re.MULTILINE)
    assert rows == [*((fault.name, fault.cause) for fault in PLANTED), (HONEST, "nothing")]


def test_every_option_with_its_default() -> None:
    rows = re.findall(r"^\| `(--\w+)` \| .+ \| (\d+) \|$", PAGE, re.MULTILINE)
    assert rows == [("--seed", str(SEED)), ("--rate", f"{RATE:g}"), ("--duration", f"{DURATION_S:g}")]


def test_the_header() -> None:
    assert f"`{HEADER}: 1`" in PAGE
