"""The test tools written in Go: what they refuse, so that a check which passes means something."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ..support.go_tools import built

_DEPENDS = """services:
  web: {image: "web:1", depends_on: {data: {condition: service_started}}}
  data: {image: "data:1", profiles: [more]}
"""


def _compose(folder: Path, text: str, profiles: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "compose.yml").write_text(text, encoding="utf-8")
    return subprocess.run(
        (built("compose"), "compose.yml"),
        cwd=folder,
        env=os.environ | {"COMPOSE_PROFILES": profiles},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_sound_project_is_printed(tmp_path: Path) -> None:
    """The services of the active profiles, as JSON."""
    done = _compose(tmp_path, _DEPENDS, "more")
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)["services"]) == ["data", "web"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(_DEPENDS, 'depends on undefined service "data"', id="profile_is_off"),
        pytest.param('services: {web: {imag: "web:1"}}', "services.web.imag", id="unknown_key"),
        pytest.param('services: {web: {image: "w:1", secrets: [key]}}', "undefined secret key", id="secret"),
        pytest.param('services: {web: {image: "w:${TAG:?set TAG}"}}', "set TAG", id="variable"),
    ],
)
def test_an_unsound_project_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """What an engine would refuse at start is refused here."""
    done = _compose(tmp_path, text)
    assert done.returncode == 1
    assert reason in done.stderr
