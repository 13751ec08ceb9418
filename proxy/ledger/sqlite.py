"""All that the ledger does in SQLite's own way: connections, locks, durability, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Insert, NullPool, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from .errors import StoreError
from .tables import upsert, upsert_cause

BEGIN = "ledger_begin"
"""The execution option with the statement that begins a transaction; plain BEGIN (reading) where it is not given."""

WRITING: Mapping[str, str] = {BEGIN: "BEGIN IMMEDIATE"}
"""For transactions that write: a lock taken later, at the first write, fails at once whatever the busy timeout is."""

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process holds its lock: let that one end, or give each its own file",
    sqlite3.SQLITE_CANTOPEN: "give a file, not a folder, in a folder where this user may create files",
    sqlite3.SQLITE_CORRUPT: "move the file away (a new one is made) or restore a copy of it",
    sqlite3.SQLITE_FULL: "free space on its disk",
    sqlite3.SQLITE_IOERR: "see the system's log about its disk, and the limits on file sizes",
    sqlite3.SQLITE_NOTADB: "move the file away (a new one is made) or configure another ledger.url",
    sqlite3.SQLITE_READONLY: "let this user write to the file and its folder",
}


_RECORD_FAULTS = (
    IntegrityError,
    DataError,
    InterfaceError,
    ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)

_WAL_ATTEMPTS = 20
"""Each waits for one other process that is opening a new ledger at the same moment."""


def file_of(url: URL) -> Path:
    """The file that a SQLite URL names, absolute and without symbolic links. Raises StoreError."""
    if url.database in (None, "", ":memory:") or url.query:
        raise StoreError("ledger.url must name a file and no options, for example sqlite:///var/joinwatch.db")
    return Path(str(url.database)).resolve()


def make_folder(file: Path) -> None:
    """Create the folders above the file, durably: a lost folder entry loses all that was ever synced below it."""
    missing = [folder for folder in file.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class SqliteFile:
    """Implements places.Place."""

    writing: Mapping[str, str] = WRITING
    migrating: Mapping[str, str] = WRITING
    put: Insert = upsert(insert)
    put_cause: Insert = upsert_cause(insert)

    def __init__(self, file: Path, wait_s: float) -> None:
        self._file, self._wait_s = file, wait_s
        self._inodes: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        return f"{self._file}"

    def connect(self) -> Engine:
        """See places.Place. Folders that are missing are made."""
        make_folder(self._file)
        return _connect_writing(self._file, self._wait_s)

    def connect_reading(self) -> Engine:
        """See places.Place. Makes no file where there is none."""
        uri = f"file:{quote(str(self._file))}?mode=ro"
        return create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(uri, uri=True),
            poolclass=NullPool,
            hide_parameters=True,
        )

    def opened(self) -> None:
        """Note which files the connection has open."""
        self._inodes = _inodes(self._file)

    def committed(self) -> None:
        """See places.Place. Writing to an unlinked file succeeds, but nobody will ever read it."""
        try:
            same = _inodes(self._file) == self._inodes
        except FileNotFoundError:
            same = False
        if not same:
            raise StoreError("the file was removed or replaced while in use: stop joinwatch before moving it")

    def reason(self, error: BaseException) -> str:
        """See places.Place."""
        remedy = _REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return f"{error}: {remedy}" if remedy else f"{error}"

    def refuses(self, error: Exception) -> bool:
        """See places.Place."""
        return isinstance(error, _RECORD_FAULTS)


def _connect_writing(file: Path, busy_timeout_s: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
    )
    pragmas: dict[str, int | str] = {
        "busy_timeout": int(busy_timeout_s * 1000),
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "fullfsync": 1,  # macOS: its fsync alone leaves the data in the disk's cache
        "checkpoint_fullfsync": 1,
        "foreign_keys": 1,
    }

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # Left to itself, Python's driver begins deferred transactions, and only before some statements.
        connection.isolation_level = None
        try:
            _set(connection, pragmas)
        except BaseException:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))

    return engine


def _set(connection: DBAPIConnection, pragmas: dict[str, int | str]) -> None:
    cursor = connection.cursor()
    for name, wanted in pragmas.items():
        if name == "journal_mode":
            _begin_wal(cursor)
        else:
            cursor.execute(f"PRAGMA {name} = {wanted}")
        cursor.execute(f"PRAGMA {name}")
        row = cursor.fetchone()
        found = row[0] if row is not None else "unknown"
        if found != wanted:  # SQLite refuses a PRAGMA without an error
            raise StoreError(
                f"PRAGMA {name} is {found}, not {wanted}: without it a stored result may be lost; "
                "put the ledger on a local file system"
            )
    cursor.close()


def _begin_wal(cursor: DBAPICursor) -> None:
    """Turn write-ahead logging on. SQLite does not apply the busy timeout here, so wait as a writer would."""
    for _ in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("ROLLBACK")
    cursor.execute("PRAGMA journal_mode = wal")


def _inodes(file: Path) -> tuple[tuple[int, int], ...]:
    found = [os.stat(path) for path in (file, f"{file}-wal")]  # noqa: PTH116 - twice a commit
    return tuple((each.st_dev, each.st_ino) for each in found)
