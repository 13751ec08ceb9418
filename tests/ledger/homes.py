"""The databases that a ledger can be in, each empty, and reached behind the ledger's back."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from psycopg import sql

from proxy.ledger.postgresql import LOCK
from tests.support.postgresql import Cluster

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Home:
    """An empty database: its URL, and `run`, which gives what a statement of a test's own finds, committed."""

    kind: str
    url: str
    run: Callable[[LiteralString], list[tuple[Any, ...]]]


def sqlite_home(folder: Path) -> Home:
    """A file that is not there yet."""
    file = folder / "joinwatch.db"

    def run(statement: LiteralString) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(file)) as connection, connection:
            return connection.execute(statement).fetchall()

    return Home("sqlite", f"sqlite:///{file}", run)


def postgresql_home(server: Cluster) -> Home:
    """A schema of its own."""
    name = f"ledger_{next(_numbers)}"
    with server.connected() as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))

    def run(statement: LiteralString) -> list[tuple[Any, ...]]:
        # The server ends what a killed process had begun: its lock is waited for.
        server.run("SELECT pg_advisory_xact_lock(%s)", LOCK)
        return server.run(statement, schema=name)

    return Home("postgresql", server.url(name), run)
