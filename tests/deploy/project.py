"""docker-compose.yml as Docker Compose itself would read it, by compose-go; no engine is asked."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from ..support.go_tools import built

ROOT: Final = Path(__file__).parents[2]
FILE: Final = "docker-compose.yml"
OWN: Final = "deploy/own.yml"
PROFILES: Final = ("demo", "replicas")

Service = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Project:
    """What `docker compose config` would show."""

    services: Mapping[str, Service]
    secrets: Mapping[str, Mapping[str, str]]
    networks: Mapping[str, Mapping[str, Any]]
    volumes: Mapping[str, Any]


@cache
def project(*profiles: str, files: tuple[str, ...] = (FILE,)) -> Project:
    """The project with these profiles on. Raises AssertionError with what compose-go says against it."""
    return read(files, {"COMPOSE_PROFILES": ",".join(profiles)})


def read(files: tuple[str, ...], env: Mapping[str, str], folder: Path = ROOT) -> Project:
    """The project of these files of a folder, with nothing but `env` in the environment."""
    ended = subprocess.run(
        (built("compose"), *files),
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == "", ended.stderr  # a warning, as of a variable that is not set
    loaded = json.loads(ended.stdout)
    return Project(
        loaded["services"], loaded.get("secrets", {}), loaded["networks"], loaded.get("volumes", {})
    )


def whole() -> Project:
    """Every service there can be, with everything that one can have."""
    return project(*PROFILES, files=(FILE, OWN))


def mounted(service: Service, kind: str) -> dict[str, Mapping[str, Any]]:
    """The mounts of a kind ("bind", "volume") by their place in the container."""
    return {mount["target"]: mount for mount in service.get("volumes", []) if mount["type"] == kind}


def temporary(service: Service) -> set[str]:
    """The places in the container that are kept in memory."""
    return {one.partition(":")[0] for one in service.get("tmpfs", [])}
