"""The rules for a backend: from many signatures and joins to named causes with their evidence."""

from __future__ import annotations

from collections.abc import Mapping

from .diagnosis.base import FLEET, Cause, Suspicion
from .diagnosis.fleet import fleet_causes
from .diagnosis.join_causes import with_joins
from .diagnosis.joins import Joins
from .diagnosis.signature_causes import signature_causes
from .diagnosis.windows import BackendWindow

__all__ = ["FLEET", "Cause", "Suspicion", "diagnose", "diagnose_backend"]


def diagnose(windows: Mapping[str, BackendWindow], now: float) -> dict[str, tuple[Suspicion, ...]]:
    """What is suspected now: for each backend its causes, and under FLEET what concerns all of them.

    `now` is this host's wall time in epoch seconds. A look costs milliseconds: not for the signature's way.
    """
    joins = {name: Joins(window, now) for name, window in windows.items()}
    found = {
        name: tuple(with_joins(signature_causes(window, now), joins[name]))
        for name, window in windows.items()
    }
    return fleet_causes(found, windows, joins, now)


def diagnose_backend(window: BackendWindow, now: float) -> tuple[Suspicion, ...]:
    """What one backend is suspected of, by itself; the surest first."""
    return tuple(with_joins(signature_causes(window, now), Joins(window, now)))
