"""What happens while a fault is on, in the order of time: alerts, causes, notifications; kept as an artefact."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from ...support.alertmanager import Receiver
from ...support.joinwatch import Joinwatch
from ...support.prometheus import Alert, Prometheus

ARTEFACTS: Final = Path(__file__).parents[3] / "artifacts"
EVERY_S: Final = 1.0

Key = tuple[str, str]
"""An alert's name, and its backend; for an alert about something else the instance, or nothing."""


def key(labels: Mapping[str, str]) -> Key:
    """What alerts are told apart by here."""
    return labels["alertname"], labels.get("backend", labels.get("instance", ""))


@dataclass(slots=True)
class Watching:
    """Looks at the alerts once a second, and remembers what was new; the others say themselves when it was."""

    prometheus: Prometheus
    replicas: Sequence[Joinwatch]
    receiver: Receiver
    began: float = field(default_factory=time.time)
    firing: dict[Key, Alert] = field(default_factory=dict)
    """What fires now."""
    fired: dict[Key, Alert] = field(default_factory=dict)
    """What has ever fired, as it was when that was first seen."""
    twice: set[Key] = field(default_factory=set)
    """Where there ever were two alerts of one name and backend at the same time."""
    _noted: list[tuple[float, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Remember that this happens now."""
        self._noted.append((time.time(), what))

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            found = [alert for alert in await self.prometheus.alerts() if alert.state == "firing"]
            now = {key(alert.labels): alert for alert in found}
            for each in sorted(now.keys() - self.firing.keys()):
                self.note(f"{' '.join(each)} fires")
                self.fired.setdefault(each, now[each])
            for each in sorted(self.firing.keys() - now.keys()):
                self.note(f"{' '.join(each)} is over")
            self.twice |= {
                each for each, count in Counter(key(one.labels) for one in found).items() if count > 1
            }
            self.firing = now
            await asyncio.sleep(EVERY_S)

    def keep(self, name: str) -> str:
        """The timeline in seconds since the beginning; written to a file of this name too."""
        happened = sorted([*self._noted, *self._delivered(), *self._logged()])
        text = "".join(f"{at - self.began:7.1f} s  {what}\n" for at, what in happened)
        ARTEFACTS.mkdir(exist_ok=True)
        (ARTEFACTS / name).write_text(text, encoding="utf-8")
        return text

    def _delivered(self) -> Iterator[tuple[float, str]]:
        for told in self.receiver.told:
            yield told.at, f"{told.receiver} delivered, {told.status}: {' | '.join(told.summaries)}"

    def _logged(self) -> Iterator[tuple[float, str]]:
        for event, what in (("cause.suspected", "named"), ("cause.cleared", "cleared")):
            for number, replica in enumerate(self.replicas, 1):
                for line in replica.logs(event):
                    at = datetime.fromisoformat(line["timestamp"]).timestamp()
                    yield at, f"{line['backend']}: {line['cause']} {what} by replica {number}"
