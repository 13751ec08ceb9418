"""The migrated schema is the one that the code believes in, however many processes start at once."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from msgspec.structs import replace as changed
from sqlalchemy import StaticPool, create_engine, inspect

from proxy.ledger.errors import StoreError
from proxy.ledger.migrations import Migration
from proxy.ledger.migrations.versions import r0001_joins
from proxy.ledger.reading import NEWEST
from proxy.ledger.store import Store
from proxy.ledger.tables import metadata
from tests.support.child import running

from .builders import NOW, RAISED, record, url_of
from .homes import Home

REPOSITORY = Path(__file__).parents[2]


def test_the_migrated_schema_is_that_of_the_tables(home: Home) -> None:
    with closing(Store(home.url)) as store, store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        for name, table in metadata.tables.items():
            key = inspect(connection).get_pk_constraint(name)
            assert key["constrained_columns"] == [column.name for column in table.primary_key]
            found = {column["name"]: column["nullable"] for column in inspect(connection).get_columns(name)}
            assert found == {column.name: column.nullable for column in table.columns}
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_opening_again_changes_nothing(home: Home) -> None:
    with closing(Store(home.url)) as store:
        assert store.migration == Migration(None, "0002")
        store.append([record()], 5)
    with closing(Store(home.url)) as store:
        assert store.migration == Migration("0002", "0002")
        assert store.count() == 1


def test_a_ledger_of_the_first_release_is_migrated_with_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "joinwatch.db"
    old = [record(f"old {number}", received_at=NOW + number) for number in range(3)]
    with closing(Store(url_of(file))) as store:
        store.append(old, 5)
    downgrade_to_0001(file)
    with closing(Store(url_of(file))) as store:
        assert store.migration == Migration("0001", "0002")
        new = record("new", received_at=NOW + 9)
        assert new.issuance.role == 1
        store.append([new], 5)
        store.keep_causes([RAISED])
        without = [replace(each, issuance=changed(each.issuance, role=None)) for each in old]
        assert store.newest_joins(0.0, NEWEST, 10).joins == [new, *reversed(without)]
        assert store.suspected_since(0.0) == [RAISED]
        with store.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def downgrade_to_0001(file: Path) -> None:
    """What the first release made: the same tables and rows, without what came later."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE causes")
        connection.execute("ALTER TABLE joins DROP COLUMN role")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(joins)")]
    with closing(sqlite3.connect(":memory:")) as first:
        engine = create_engine("sqlite://", creator=lambda: first, poolclass=StaticPool)
        with engine.begin() as connection_of_first:
            with Operations.context(MigrationContext.configure(connection_of_first)):
                r0001_joins.upgrade()
            made = [column["name"] for column in inspect(connection_of_first).get_columns("joins")]
    assert made == columns


def test_a_ledger_of_a_newer_release_is_left_alone(home: Home) -> None:
    Store(home.url).close()
    home.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        StoreError, match=r"schema \(revision 9999\) was made by a newer release of joinwatch"
    ):
        Store(home.url)


async def test_processes_that_start_at_once_migrate_once(home: Home) -> None:
    at = time.time() + 2.0
    command = (sys.executable, "-m", "tests.ledger.program", "open_at", home.url, str(at))
    async with AsyncExitStack() as stack:
        children = [
            await stack.enter_async_context(running(*command, env={}, cwd=REPOSITORY)) for _ in range(6)
        ]
        opened = [(await child.match("^opened (.*)")).group(1) for child in children]
    assert time.time() > at
    assert sorted(opened) == ["0002 0002"] * 5 + ["None 0002"]
    with closing(Store(home.url)) as store:
        assert store.count() == 6
