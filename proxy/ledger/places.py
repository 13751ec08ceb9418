"""Where a ledger is: what the store asks of a database, whichever it is, and the one that a URL names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, Insert, make_url
from sqlalchemy.exc import ArgumentError

from .errors import StoreError
from .libpq import is_postgresql


class Place(Protocol):
    """A database. `str()` tells where it is, and no secret.

    `writing` and `migrating` are the execution options of transactions that do so: of all that run, in whatever
    process, one at a time gets past its beginning.
    """

    writing: Mapping[str, str]
    migrating: Mapping[str, str]
    put: Insert
    """A join's row is inserted, or replaces the provisional one of the same key; any other stays as it is."""
    put_cause: Insert
    """The row of a raising is inserted or brought up to date."""

    def connect(self) -> Engine:
        """An engine with one connection, on which every promise about durability has been read back."""

    def connect_reading(self) -> Engine:
        """An engine that cannot write."""

    def opened(self) -> None:
        """The schema is there."""

    def committed(self) -> None:
        """Raises StoreError where nobody will ever read what was committed."""

    def reason(self, error: BaseException) -> str:
        """What the driver says, in one line, and how to mend it."""

    def refuses(self, error: Exception) -> bool:
        """Whether the fault is a record's, of which some value fits no column, and not the database's."""


def place_of(url: str | Path, wait_s: float = 5.0) -> Place:
    """The file, or what a URL names; `wait_s`: how long another process is waited for.

    Raises StoreError, which does not show the URL.
    """
    if isinstance(url, str) and is_postgresql(url):
        from .postgresql import PostgresqlDatabase  # noqa: PLC0415  # its driver is loaded where it is used

        return PostgresqlDatabase(url, wait_s)
    from .sqlite import SqliteFile, file_of  # noqa: PLC0415  # as above

    if isinstance(url, Path):
        return SqliteFile(url.resolve(), wait_s)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # whose message may repeat the URL and with it a password
        raise StoreError("ledger.url is not a URL: write for example sqlite:///var/joinwatch.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(
            f"ledger.url: {parsed.drivername} is not supported; use sqlite:///FILE or postgresql://HOST/DATABASE"
        )
    return SqliteFile(file_of(parsed), wait_s)
