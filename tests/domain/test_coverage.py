"""docs/coverage.md has all known reasons for failing joins, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.domain.causes import Cause
from proxy.domain.findings import RULES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text(encoding="utf-8")
TABLE, _, REST = DOCUMENT.partition("\nCauses without a row of their own:\n")
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", TABLE, re.MULTILINE)
LOOSE = re.findall(r"^- `(\w+)`: .+\.$", REST, re.MULTILINE)
INVISIBLE = "not visible from here: "


def named(told_by: str) -> tuple[set[str], set[str]]:
    """The findings and the causes that a row names; its other words in backticks are neither."""
    quoted = set(re.findall(r"`([a-z0-9_/]+)`", told_by))
    findings = {each for each in quoted if "/" in each}
    return findings, quoted - findings - {"meeting_from", "signature_intact", "local"}


def test_there_are_39_reasons() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 40))
    assert len({reason for _, reason, _ in ROWS}) == 39


@pytest.mark.parametrize(("number", "reason", "told_by"), ROWS, ids=[number for number, _, _ in ROWS])
def test_what_a_row_names_exists(number: str, reason: str, told_by: str) -> None:
    findings, causes = named(told_by)
    assert findings <= set(RULES)
    assert causes <= set(Cause)
    assert told_by.startswith(INVISIBLE) or findings | causes


@pytest.mark.parametrize(("number", "reason", "told_by"), ROWS, ids=[number for number, _, _ in ROWS])
def test_a_row_names_the_causes_that_its_findings_point_to(number: str, reason: str, told_by: str) -> None:
    findings, causes = named(told_by)
    pointed = {RULES[each].cause for each in findings} - {None}
    if (
        Cause.SHARED_STATE in causes
    ):  # It brings wrong HMACs and meetings with it, and is named in their place.
        pointed -= {Cause.WRONG_SECRET, Cause.MEETING_MISMATCH}
    assert pointed <= causes


def test_few_are_invisible() -> None:
    assert [number for number, _, told_by in ROWS if told_by.startswith(INVISIBLE)] == ["33", "34"]


def test_every_cause_is_named_by_a_row_or_listed_below() -> None:
    by_rows = {cause for _, _, told_by in ROWS for cause in named(told_by)[1]}
    assert by_rows | set(LOOSE) == set(Cause)
    assert not by_rows & set(LOOSE)
