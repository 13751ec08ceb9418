"""Every configuration in bad/ gives exactly the problems that it lists, and no problem shows a secret."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from proxy.settings import SettingsError, load

from ..support.settings_bad import Bad, bad_configurations

SECRET = "test-secret-not-real"


@pytest.mark.parametrize("bad", bad_configurations(), ids=lambda bad: bad.path.stem)
def test_gives_exactly_its_problems(bad: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(bad.path, tmp_path / "joinwatch.toml")
    for name, text in bad.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load(None, bad.environ)
    assert [str(problem) for problem in raised.value.problems] == bad.problems
    assert SECRET not in str(raised.value)
    assert "\n" not in "".join(map(str, raised.value.problems))
