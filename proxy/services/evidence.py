"""How much one client may contribute as evidence: a receipt proves issuance, not that a report is true."""

from __future__ import annotations

import hashlib
from typing import Final

JOINS_PER_CLIENT: Final = 5
WINDOW_S: Final = 600.0
MAX_CLIENTS: Final = 50_000
"""Beyond this many addresses in one window, further ones are taken at their word: a crowd is no single liar."""


class EvidenceQuota:
    """Counts joins per client address and window, in memory only; addresses are kept as salted hashes."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._counts: dict[bytes, int] = {}
        self._window = -1

    def take(self, client: str, now_mono: float) -> bool:
        """Whether this join still counts as evidence."""
        window = int(now_mono // WINDOW_S)
        if window != self._window:
            self._window = window
            self._counts.clear()
        key = hashlib.blake2b(client.encode("utf-8", "replace"), key=self._salt, digest_size=16).digest()
        count = self._counts.get(key, 0)
        if count >= JOINS_PER_CLIENT:
            return False
        if count or len(self._counts) < MAX_CLIENTS:
            self._counts[key] = count + 1
        return True
