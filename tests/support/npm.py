"""Packages of a lock file as npm installs them, kept between runs in a folder that git ignores."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .real import require

_CACHE: Final = Path(__file__).parents[2] / ".testdeps"


def installed(listed: Path, files: Sequence[str], name: str) -> Path:
    """node_modules after `npm ci` of these files of a folder; done anew when one has changed, one process at a time."""
    npm = require("npm")
    require("node")
    cache = _CACHE / name
    cache.mkdir(parents=True, exist_ok=True)
    stamp = cache / "installed"
    wanted = "".join((listed / file).read_text(encoding="utf-8") for file in files)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            stamp.unlink(missing_ok=True)
            for file in files:
                shutil.copyfile(listed / file, cache / file)
            done = subprocess.run(
                (npm, "ci"), cwd=cache, capture_output=True, text=True, timeout=600, check=False
            )
            if done.returncode:
                raise RuntimeError(f"npm ci in {listed.name} failed: {done.stderr.strip()[-2000:]}")
            stamp.write_text(wanted, encoding="utf-8")
    return (cache / "node_modules").resolve()
