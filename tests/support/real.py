"""Where tests ask for the real programs that they run: found, or skipped by name, or (in CI) failed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

DEBIAN_PACKAGES = {
    "amtool": "prometheus-alertmanager",
    "chromium": "chromium",
    "chronyd": "chrony",
    "curl": "curl",
    "faketime": "faketime",
    "go": "golang-go",
    "haproxy": "haproxy",
    "java": "openjdk-17-jdk-headless",
    "javac": "openjdk-17-jdk-headless",
    "nginx": "nginx-light",
    "node": "nodejs",
    "npm": "npm",
    "php": "php-cli",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "wrk": "wrk",
}

_ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # often missing from an ordinary user's PATH


def find(program: str) -> str | None:
    """The path of an executable by its name, or of one given as a path; None where there is none."""
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *_ADMIN_FOLDERS]
    # Debian keeps PostgreSQL's server programs in a folder per major version, outside of every PATH.
    versioned = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    return shutil.which(program, path=os.pathsep.join([*folders, *map(str, versioned)]))


def require(program: str) -> str:
    """The path of a real program; without it the test is skipped, or fails where CI=true is set."""
    path = find(program)
    if path is not None:
        return path
    package = DEBIAN_PACKAGES.get(Path(program).name, Path(program).name)
    return missing(
        f"{program} is not installed: this test runs the real one (Debian: apt-get install {package})"
    )


def missing(what: str) -> NoReturn:
    """Skip the test, saying what this machine lacks; where CI=true is set, fail it."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def _major(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0
