"""Reads what joinwatch says, by /api/summary as anybody would, and keeps when each cause was named and cleared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .browsers import Web

Named = tuple[str, str]
"""A backend, or "all", and a cause."""


@dataclass(slots=True)
class Watcher:
    """`named` has the time of each cause's first naming, in seconds since the beginning; `standing` what is named now.

    `on_change` is told of each change: the backend, the cause, whether it is raised (or else cleared).
    """

    web: Web
    admin: str
    headers: dict[str, str]
    began: float
    began_wall: float
    on_change: list[Callable[[str, str, bool], None]] = field(default_factory=list)
    named: dict[Named, float] = field(default_factory=dict)
    standing: set[Named] = field(default_factory=set)

    async def look(self) -> None:
        """See what is suspected now."""
        summary = await self.summary(60)
        standing = {
            (name, each["cause"])
            for name, backend in summary["backends"].items()
            for each in backend["causes"]
        }
        since_s = self.web.clock.mono() - self.began
        for name, cause in sorted(standing - self.standing):
            self.named.setdefault((name, cause), since_s)
            self._tell(name, cause, True)
        for name, cause in sorted(self.standing - standing):
            self._tell(name, cause, False)
        self.standing = standing

    async def told(self) -> dict[tuple[str, str], int]:
        """The joins that the ledger has, by backend and outcome; the late ones under the outcome "late"."""
        # By the wall clock, as the ledger has it: where the machine slept, the other one stood still.
        summary = await self.summary(self.web.clock.wall() - self.began_wall + 60)
        if not summary["ledger"]["available"]:
            raise RuntimeError(f"the ledger cannot be read: {summary['ledger']['detail']}")
        counts = {
            (name, outcome): count
            for name, backend in summary["backends"].items()
            if name != "all"
            for outcome, count in [*backend["joins"].items(), ("late", backend["late"])]
        }
        return {key: count for key, count in counts.items() if count}

    async def summary(self, since_s: float) -> dict[str, Any]:
        """What /api/summary says of the last seconds."""
        web = self.web
        url = f"{self.admin}/api/summary"
        with web.asking():
            async with web.http.get(
                url, params={"since": f"{since_s:.0f}s"}, headers=self.headers, raise_for_status=True
            ) as reply:
                found: dict[str, Any] = await reply.json()
        return found

    def _tell(self, name: str, cause: str, raised: bool) -> None:
        for tell in self.on_change:
            tell(name, cause, raised)
