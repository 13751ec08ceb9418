"""The Dockerfile as hadolint judges it, and what docker-compose.yml starts in its image."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from proxy.cli import parser

from ..support.real import require
from ..test_packaging import instructions
from .project import ROOT, whole


def test_hadolint_finds_nothing() -> None:
    hadolint = require(str(Path(sysconfig.get_path("scripts")) / "hadolint"))
    done = subprocess.run(
        (hadolint, ROOT / "Dockerfile"), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["joinwatch", "joinwatch-a", "joinwatch-b", "joinwatch-c"])
def test_its_command_is_one_of_joinwatch(name: str) -> None:
    service = whole().services[name]
    [entry] = instructions("ENTRYPOINT")
    assert (service.get("entrypoint") or entry.program())[-3:] == entry.program()
    arguments = parser().parse_args(service["command"])
    assert (arguments.command, str(arguments.config)) == ("serve", "/etc/joinwatch/joinwatch.toml")


def test_the_demo_is_one_too() -> None:
    arguments = parser().parse_args(whole().services["joinwatch-demo"]["command"])
    assert arguments.command == "demo"
