"""The ledger's schema as a chain of revisions (Alembic), and the one call that brings a database to its end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from ..errors import StoreError

# Alembic keeps the running migration in module globals.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Migration:
    """From which revision to which; `before` is None where there was no ledger yet."""

    before: str | None
    after: str | None


def upgrade(engine: Engine) -> Migration:
    """Bring the schema to the newest revision, in one transaction.

    Its transactions must begin with a lock that only one process can have (SQLite: BEGIN IMMEDIATE), so that of
    several that start at once one migrates and the others find it done.
    Raises StoreError where a newer release has migrated already.
    """
    with _one_at_a_time, engine.begin() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise StoreError(
                f"its schema (revision {before}) was made by a newer release of joinwatch ({error}): "
                "install that release, or configure another ledger.url"
            ) from error
        return Migration(before, MigrationContext.configure(connection).get_current_revision())


def check(connection: Connection) -> None:
    """Raises StoreError unless the schema is the one of this release."""
    found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(_config(connection)).get_current_head()
    if found != wanted:
        raise StoreError(
            f"its schema is revision {found}, not {wanted}: start this release of joinwatch on it once, which"
            " migrates it, or use the release that made it"
        )


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
