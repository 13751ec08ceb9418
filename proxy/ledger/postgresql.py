"""All that the ledger does in PostgreSQL's own way: connections, locks, durability, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, Insert, NullPool, create_engine, event
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from .errors import StoreError
from .libpq import MEND, name_of, options_of
from .tables import upsert, upsert_cause

LOCK: Final = int.from_bytes(b"joinwatc")
"""The advisory lock of all who write in this database. It ends with its transaction, also through a pooler."""

BEGIN: Final = "ledger_begin"
"""The execution option with what is said first in a transaction."""

STATEMENT_S: Final = 15

OPTIONS: Final = {
    "connect_timeout": "5",
    # A server that vanished is noticed after some 20 s, not after the system's two hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",
    "fallback_application_name": "joinwatch",
}
"""Those of the URL come before these."""

_REMEDIES: Final = {
    "25006": "name the primary server; among several hosts, target_session_attrs=read-write finds it",
    "42501": "let this user own the database, or grant it USAGE and CREATE on its schema",
    "53100": "free space on the server's disk",
    "53300": "allow more connections: each replica of joinwatch holds one",
    "55P03": "another joinwatch, or somebody's transaction, holds its lock: let that one end",
    "57014": "the server takes too long: see what else it is doing",
    "57P03": "wait until it has started",
}
"""By SQLSTATE."""

_CONNECTING: Final = {
    "certificate": "correct sslmode and sslrootcert in ledger.url, or the server's certificate",
    "password authentication failed": "correct the user or the password in ledger.url",
    "no password supplied": "put the password into ledger.url",
    "does not exist": "create it, or correct ledger.url",
    "pg_hba.conf": "let the server take this user from this host (pg_hba.conf), or correct sslmode in ledger.url",
    "unexpected eof": "see why the server ended the connection",
    "SSL": "correct sslmode in ledger.url, or turn TLS on at the server",
    "starting up": "wait until it has started",
    "shutting down": "start it",
}
"""The library gives no codes for these."""

_RECORD_FAULTS: Final = ("22", "23", "54")
"""Classes of SQLSTATE: data, constraints, limits of what a row may hold."""


class PostgresqlDatabase:
    """Implements places.Place."""

    put: Insert = upsert(insert)
    put_cause: Insert = upsert_cause(insert)

    def __init__(self, url: str, wait_s: float) -> None:
        try:
            options = options_of(url)
        except StoreError as error:
            raise StoreError(f"ledger.url {error}: {MEND}") from None
        self._options = {**OPTIONS, **options, "client_encoding": "utf8"}
        self._name = name_of(options)
        # A replica that hangs with the lock is thrown out by the server.
        limits = (
            f"SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = {int(wait_s * 1000)};"
            f" SET LOCAL idle_in_transaction_session_timeout = '{STATEMENT_S}s';"
        )
        lock = f"SELECT pg_advisory_xact_lock({LOCK})"
        self.writing: Mapping[str, str] = {
            BEGIN: f"{limits} SET LOCAL statement_timeout = '{STATEMENT_S}s'; {lock}"
        }
        self.migrating: Mapping[str, str] = {BEGIN: f"{limits} SET LOCAL statement_timeout = 0; {lock}"}

    def __str__(self) -> str:
        return self._name

    def connect(self) -> Engine:
        """See places.Place. A connection that was lost while nobody used it is replaced unseen."""
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connected,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",  # what was committed before the lock was had must be seen
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
            try:
                _check(connection)
            except BaseException:
                connection.close()
                raise

        return _limited(engine, f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")

    def connect_reading(self) -> Engine:
        """See places.Place."""
        engine = create_engine(
            "postgresql+psycopg://", creator=self._connected, poolclass=NullPool, hide_parameters=True
        )
        return _limited(engine, f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '{STATEMENT_S}s'")

    def opened(self) -> None:
        """See places.Place."""

    def committed(self) -> None:
        """See places.Place."""

    def reason(self, error: BaseException) -> str:
        """See places.Place. Without details, which repeat the values of a row."""
        if not isinstance(error, psycopg.Error):
            return f"{error}"
        told = " ".join((error.diag.message_primary or f"{error}").split())
        if error.sqlstate is not None:
            remedy = _REMEDIES.get(error.sqlstate)
        else:
            remedy = next((mend for text, mend in _CONNECTING.items() if text in told), None)
        return f"{told}: {remedy}" if remedy else told

    def refuses(self, error: Exception) -> bool:
        """See places.Place."""
        if not isinstance(error, DBAPIError):
            return isinstance(error, OverflowError | TypeError | ValueError)
        state = getattr(error.orig, "sqlstate", None)
        if state is None:  # the driver's own verdict
            return isinstance(error.orig, psycopg.DataError | psycopg.ProgrammingError)
        return str(state).startswith(_RECORD_FAULTS)

    def _connected(self) -> psycopg.Connection:
        # Prepared statements would not survive a pooler that hands out connections by transaction.
        return psycopg.connect(**self._options, prepare_threshold=None)  # type: ignore[arg-type]  # by name


def _limited(engine: Engine, otherwise: str) -> Engine:
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, otherwise))

    return engine


def _check(connection: DBAPIConnection) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT current_setting('fsync'), current_setting('server_encoding')")
    fsync, encoding = cursor.fetchone() or ("unknown", "unknown")
    cursor.close()
    connection.rollback()
    if fsync != "on":
        raise StoreError(
            f"fsync is {fsync} on this server: without it a stored result may be lost; turn it on"
        )
    if encoding != "UTF8":
        raise StoreError(f"its encoding is {encoding}: create the database with ENCODING 'UTF8'")
