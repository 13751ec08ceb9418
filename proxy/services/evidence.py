"""How much one client may contribute as evidence: a receipt proves issuance, not that a report is true."""

from __future__ import annotations

import hashlib
from typing import Final

JOINS_PER_CLIENT: Final = 5
WINDOW_S: Final = 600.0
MAX_CLIENTS: Final = 50_000
"""Beyond this many addresses in one window, further ones are taken at their word: a crowd is no single liar."""

_DIGEST_BYTES: Final = 16


class EvidenceQuota:
    """Counts joins per client address and window, in memory only; addresses are kept as salted hashes."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._joins: dict[bytes, tuple[bytes, ...]] = {}
        self._window = -1

    def take(self, client: str, join: str, now_mono: float) -> bool:
        """Whether this join still counts as evidence. A delivery of the same join again takes nothing more."""
        window = int(now_mono // WINDOW_S)
        if window != self._window:
            self._window = window
            self._joins.clear()
        address, this = self._digest(client), self._digest(join)
        known = self._joins.get(address, ())
        if this in known:
            return True
        if len(known) >= JOINS_PER_CLIENT:
            return False
        if known or len(self._joins) < MAX_CLIENTS:
            self._joins[address] = (*known, this)
        return True

    def _digest(self, text: str) -> bytes:
        raw = text.encode("utf-8", "replace")
        return hashlib.blake2b(raw, key=self._salt, digest_size=_DIGEST_BYTES).digest()
