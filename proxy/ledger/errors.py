"""How storing can fail: the store is ill, or one record is, or nobody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..domain.ports import AppendedResult


class StoreError(Exception):
    """The store cannot be opened, read or written now; the message says where, why, and how to mend it."""


class RecordError(Exception):
    """The store is well, but it refuses at least one of the records; nothing of the batch was stored."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction was to store, and the answers that are true if it did."""

    answers: Sequence[AppendedResult]
    rows: Sequence[Mapping[str, object]]


class CommitUnknown(StoreError):
    """The connection broke while a batch was committed: the store has all of it, or nothing."""

    def __init__(self, message: str, batch: Batch) -> None:
        super().__init__(message)
        self.batch = batch
