"""A secret that is made at first start and kept in a file of its own beside the ledger."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file; made, and written for the owner's eyes only, where there is none yet.

    Two processes that start at once agree on one secret. Raises OSError where the file cannot be read or written.
    """
    if not path.exists():
        _make(path, make)
    return path.read_text().strip()


def _make(path: Path, make: Callable[[], str]) -> None:
    """Written under another name and linked into place, so that no reader ever sees half a secret."""
    from .sqlite import make_folder  # noqa: PLC0415  # SQLAlchemy would slow every command down

    make_folder(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600, no one else's
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # Another process was first: its secret counts.
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """A secret is in use from now on; a lost folder entry would have the next start make another."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
