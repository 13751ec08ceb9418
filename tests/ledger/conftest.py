"""A PostgreSQL for the tests of the ledger; what the store promises is tried in each database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.ledger.store import Store
from tests.support.postgresql import Cluster, cluster

from .homes import Home, postgresql_home, sqlite_home


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """A PostgreSQL that nobody stops."""
    with cluster() as started:
        yield started


@pytest.fixture(scope="session")
def mortal_server() -> Iterator[Cluster]:
    """See own_server."""
    with cluster() as started:
        yield started


@pytest.fixture
def own_server(mortal_server: Cluster) -> Cluster:
    """A PostgreSQL that the test may stop and kill; it runs, whatever the test before has done."""
    mortal_server.start()
    return mortal_server


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """One of each."""
    if request.param == "sqlite":
        return sqlite_home(tmp_path)
    return postgresql_home(request.getfixturevalue("server"))


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """Opened there."""
    with closing(Store(home.url)) as opened:
        yield opened
