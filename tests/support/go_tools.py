"""Test tools written in Go, built from the pinned modules of tests/dashboards/tools into a folder that git ignores."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from typing import Final

from .real import require

_REPOSITORY: Final = Path(__file__).parents[2]
_MODULE: Final = _REPOSITORY / "tests" / "dashboards" / "tools"
_CACHE: Final = _REPOSITORY / ".testdeps" / "go"


def built(tool: str) -> Path:
    """The program of a folder of tests/dashboards/tools; built anew when its sources, a pin or Go changed.

    A folder with a go.mod of its own holds no source: its tool is somebody else's program. One process builds at a
    time. RuntimeError: it does not build.
    """
    go = require("go")
    _CACHE.mkdir(parents=True, exist_ok=True)
    program, stamp = _CACHE / tool, _CACHE / f"{tool}.built"
    own = (_MODULE / tool / "go.mod").is_file()
    module, package = (_MODULE / tool, "tool") if own else (_MODULE, f"./{tool}")
    wanted = _sources(module, tool) + _run(module, go, "version")
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (program.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted):
            stamp.unlink(missing_ok=True)
            _run(module, go, "build", "-mod=readonly", "-trimpath", "-o", str(program), package)
            stamp.write_text(wanted, encoding="utf-8")
    return program


def _sources(module: Path, tool: str) -> str:
    files = [module / "go.mod", module / "go.sum", *sorted((_MODULE / tool).glob("*.go"))]
    return "".join(file.read_text(encoding="utf-8") for file in files)


def _run(module: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=module,
        env=os.environ | {"GOTOOLCHAIN": "local"},  # Go as it is installed, never one that it would download
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
