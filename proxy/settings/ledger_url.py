"""What ledger.url names: a SQLite file or a PostgreSQL database. No problem repeats it: a password may be in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..domain.secret import Secret
from ..ledger.errors import StoreError
from ..ledger.libpq import MEND, SECRET_OPTIONS, is_postgresql, options_of
from .problems import Wrong

_SQLITE: Final = 'write "sqlite:///var/joinwatch.db" (from the configuration file\'s folder) or "sqlite:////an/absolute/path.db"'

LedgerUrl = Path | Secret
"""The file of SQLite, perhaps relative, or the URL of PostgreSQL."""


def ledger_url(url: str) -> LedgerUrl:
    """What a variable or a file gives. Raises Wrong."""
    if is_postgresql(url):
        _options(url)
        return Secret(url)
    return _sqlite_file(url)


def ledger_url_in_sight(url: str) -> LedgerUrl:
    """What the configuration itself gives: no password. Raises Wrong."""
    if is_postgresql(url) and passwords(url):
        raise Wrong(
            "has a password in it, and a configuration is no place for secrets",
            "put the URL into a file or variable and name that: ledger.url_file or ledger.url_env",
        )
    return ledger_url(url)


def passwords(url: str) -> tuple[Secret, ...]:
    """What of a PostgreSQL URL is secret in itself. Raises Wrong."""
    options = _options(url)
    return tuple(Secret(options[name]) for name in SECRET_OPTIONS if options.get(name))


def _options(url: str) -> Mapping[str, str]:
    try:
        return options_of(url)
    except StoreError as error:
        raise Wrong(str(error), MEND) from None


def _sqlite_file(url: str) -> Path:
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0].lower() in ("postgresql", "postgres"):
        raise Wrong("names a driver, or is not in lower case", MEND)
    if scheme != "sqlite":
        raise Wrong("is neither a sqlite nor a postgresql URL", _SQLITE)
    file = rest.removeprefix("/")
    if not rest.startswith("/") or file in ("", ":memory:") or file.endswith("/"):
        raise Wrong("names no file, and a ledger in memory would forget", _SQLITE)
    if any(c in file for c in "?#%\0"):
        raise Wrong("has options or characters that a ledger's file name cannot have", _SQLITE)
    return Path(file)
