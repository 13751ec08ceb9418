"""How storing can fail: the store is ill, or one record is."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be opened, read or written now; the message says where, why, and how to mend it."""


class RecordError(Exception):
    """The store is well, but it refuses at least one of the records; nothing of the batch was stored."""
