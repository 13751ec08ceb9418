"""The secret beside the ledger is still there after the power fails."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from proxy.ledger.kept_secret import kept_secret


def test_the_secret_and_every_new_folder_above_it_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "deep" / "ledger.receipt-key"
    synced: list[tuple[int, list[str]]] = []
    really = os.fsync

    def noting(descriptor: int) -> None:
        """What is in a folder when it is synced is what a power failure leaves."""
        really(descriptor)
        status = os.fstat(descriptor)
        synced.append((status.st_ino, os.listdir(descriptor) if stat.S_ISDIR(status.st_mode) else []))

    monkeypatch.setattr(os, "fsync", noting)
    assert kept_secret(path, lambda: "first") == "first"
    draft = synced.pop(2)
    assert draft == (path.stat().st_ino, [])
    assert synced == [
        (tmp_path.stat().st_ino, ["new"]),
        ((tmp_path / "new").stat().st_ino, ["deep"]),
        (path.parent.stat().st_ino, [path.name]),
    ]

    synced.clear()
    assert kept_secret(path, lambda: "second") == "first"
    assert synced == []
