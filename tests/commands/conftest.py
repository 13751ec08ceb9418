"""Where commands are run that look for a configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.app import ENVIRONMENT


@pytest.fixture
def nobody_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an environment of our own: a joinwatch that nobody runs."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("JOINWATCH", "ZOOM")):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
