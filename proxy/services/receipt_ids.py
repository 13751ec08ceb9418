"""Receipt ids: 128 random bits each."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

ID_BYTES: Final = 16
IDS_AT_ONCE: Final = 256
"""Asking the system for randomness costs several times as much as all else about an id."""


class ReceiptIds:
    """Makes ids of 22 URL-safe characters. `random_bytes` gives that many bytes that nobody can guess."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._made: list[str] = []

    def next(self) -> str:
        """An id that was never given before."""
        if not self._made:
            pool = self._random_bytes(ID_BYTES * IDS_AT_ONCE)
            self._made = [
                base64.urlsafe_b64encode(pool[at : at + ID_BYTES])[:22].decode("ascii")
                for at in range(0, len(pool), ID_BYTES)
            ]
        return self._made.pop()
