"""The migrated schema is the one that the code believes in, however many processes start at once."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from proxy.ledger.errors import StoreError
from proxy.ledger.migrations import Migration
from proxy.ledger.store import Store
from proxy.ledger.tables import joins, metadata
from tests.support.child import running

from .builders import record, url_of

REPOSITORY = Path(__file__).parents[2]


def test_the_migrated_schema_is_that_of_the_tables(tmp_path: Path) -> None:
    with closing(Store(url_of(tmp_path / "joinwatch.db"))) as store, store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        key = inspect(connection).get_pk_constraint("joins")
        assert key["constrained_columns"] == [column.name for column in joins.primary_key]
        found = {column["name"]: column["nullable"] for column in inspect(connection).get_columns("joins")}
        assert found == {column.name: column.nullable for column in joins.columns}


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = url_of(tmp_path / "joinwatch.db")
    with closing(Store(url)) as store:
        assert store.migration == Migration(None, "0002")
        store.append([record()], 5)
    with closing(Store(url)) as store:
        assert store.migration == Migration("0002", "0002")
        assert store.count() == 1


def test_a_ledger_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    Store(url_of(file)).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        StoreError, match=r"schema \(revision 9999\) was made by a newer release of joinwatch"
    ):
        Store(url_of(file))


async def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    at = time.time() + 2.0
    command = (sys.executable, "-m", "tests.ledger.program", "open_at", str(file), str(at))
    async with AsyncExitStack() as stack:
        children = [
            await stack.enter_async_context(running(*command, env={}, cwd=REPOSITORY)) for _ in range(6)
        ]
        opened = [(await child.match("^opened (.*)")).group(1) for child in children]
    assert time.time() > at
    assert sorted(opened) == ["0002 0002"] * 5 + ["None 0002"]
    with closing(Store(url_of(file))) as store:
        assert store.count() == 6
