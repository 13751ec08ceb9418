"""The command says what it found, writes it where it is told to, and fails by its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from .__main__ import main


def test_a_day_of_one_plan_is_told_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "alerts.md"
    page.write_text("<!-- honest: begin -->\n<!-- honest: end -->\n")
    asked = ["honest", "--only", "10/h, a third told", "--scrapes", "5760", "--jobs", "1"]
    assert main([*asked, "--write", str(page)]) == 0
    row = "| 10/h, a third told | 240 | 1 | 0 | none |"
    assert row in capsys.readouterr().out
    assert row in page.read_text()


def test_an_unknown_part_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["weather"])
    assert ended.value.code == 2
    assert "no such part: weather; there are honest, faults, late" in capsys.readouterr().err
