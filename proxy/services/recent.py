"""The signatures that this process has issued last, with their claims as they may be shown: the ledger keeps none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from ..domain.claims import JsonValue
from ..domain.receipt import Issuance
from ..domain.rules.base import Verdict

KEPT: Final = 2000
"""Some two megabytes."""


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """What was written to the log of one signature. `claims` are redacted as [privacy] says."""

    issuance: Issuance
    claims: Mapping[str, JsonValue]
    verdict: Verdict
    status: int
    duration_s: float


class RecentSignatures:
    """Forgets the oldest."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[str, Remembered] = OrderedDict()

    def keep(self, remembered: Remembered) -> None:
        """A signature has left."""
        self._kept[remembered.issuance.receipt_id] = remembered
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def get(self, receipt_id: str) -> Remembered | None:
        """One of them; None where it is not remembered."""
        return self._kept.get(receipt_id)
