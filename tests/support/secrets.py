"""The fake secrets of the suite: obviously fake, known to all, and so easy to look for where none may ever be."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final

KEY: Final = "test_sdk_key_not_real_0"
"""A client id is no secret, but it is masked where it is shown."""

CLIENT_SECRET: Final = "test-secret-not-real-0123456789abcd"
OTHER_CLIENT_SECRET: Final = "test-secret-not-real-of-another-app-01"
ADMIN_TOKEN: Final = "test-admin-token-not-real-0123456789"
BACKEND_TOKEN: Final = "test-backend-token-not-real-0123456789"
RECEIPT_KEY: Final = base64.urlsafe_b64encode(b"test-receipt-key-not-real-000001").decode()
OLD_RECEIPT_KEY: Final = base64.urlsafe_b64encode(b"test-receipt-key-not-real-000000").decode()
DATABASE_PASSWORD: Final = "test-database-password-not-real-01"
PASSCODE: Final = "test-passcode-not-real"
ZAK: Final = "test-zak-not-real-" + "Zk9" * 20

ALL: Final = (
    CLIENT_SECRET,
    OTHER_CLIENT_SECRET,
    ADMIN_TOKEN,
    BACKEND_TOKEN,
    RECEIPT_KEY,
    OLD_RECEIPT_KEY,
    DATABASE_PASSWORD,
    PASSCODE,
    ZAK,
)

_WHOLE_JWT: Final = re.compile(r"ey[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{20,}")


def found_in(text: str, more: Iterable[str] = ()) -> list[str]:
    """The fake secrets (and those of `more`) that a text contains, and "a whole JWT" where it has one."""
    found = [secret for secret in (*ALL, *more) if secret in text]
    return [*found, "a whole JWT"] if _WHOLE_JWT.search(text) else found
