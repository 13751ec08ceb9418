"""docs/alerts.md is about the alerts that there are, and about every fault and rate that is played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .faults import KINDS
from .honest import PLANS
from .late import OUTAGES
from .promtool import alerts
from .report import PARTS, write

PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"


def test_the_page_lists_every_alert_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(Joinwatch\w+)` \|", text, re.MULTILINE)) == set(alerts())


def test_the_tables_are_of_what_is_played_now() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for plan in PLANS:
        assert f"| {plan.id} |" in text
    for kind in KINDS:
        assert text.count(f"| {kind.row} | {kind.id} |") == len(kind.pacings)
    for outage in OUTAGES:
        assert f"| {outage.id} |" in text


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_written_between_its_marks_only(part: str, tmp_path: Path) -> None:
    page = tmp_path / "alerts.md"
    page.write_text(f"before\n<!-- {part}: begin -->\nold\n<!-- {part}: end -->\nafter\n")
    write(page, part, "new")
    assert page.read_text() == f"before\n<!-- {part}: begin -->\n\nnew\n\n<!-- {part}: end -->\nafter\n"
    with pytest.raises(ValueError, match="needs the lines"):
        write(page, "another", "new")
