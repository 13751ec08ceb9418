"""A PostgreSQL URL as PostgreSQL's own client library reads it. What is raised here shows no part of the URL."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from .errors import StoreError

MEND: Final = 'write "postgresql://USER:PASSWORD@HOST:5432/DATABASE", with special characters as %XX'

SECRET_OPTIONS: Final = ("password", "sslpassword", "oauth_client_secret")


def is_postgresql(url: str) -> bool:
    """Whether the scheme is one that the library knows."""
    return url.startswith(("postgresql://", "postgres://"))


def options_of(url: str) -> dict[str, str]:
    """The library's connection options by name. Raises StoreError."""
    from psycopg import Error  # noqa: PLC0415  # who keeps the ledger in a file need not load it
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  # as above

    try:
        options = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except (Error, UnicodeError):
        raise StoreError("is not a URL that PostgreSQL's client library can read") from None
    if not options.get("dbname"):
        raise StoreError("names no database")
    # Of a password with an "@" or a "/" in it, the rest would be taken for these and shown.
    shown = (options["dbname"], options.get("host", ""), options.get("hostaddr", ""))
    if "@" in "".join(shown) or "/" in shown[0]:
        raise StoreError("has an @ or a / in the name of its host or database")
    if not re.fullmatch(r"[0-9]{0,5}(,[0-9]{0,5})*", options.get("port", "")):
        raise StoreError("has a port that is no number")
    return options


def name_of(options: dict[str, str]) -> str:
    """The URL without user, password and options."""
    host = options.get("host") or options.get("hostaddr") or ""
    port = f":{options['port']}" if options.get("port") else ""
    return f"postgresql://{quote(host, safe=',:[]')}{port}/{quote(options['dbname'])}"
