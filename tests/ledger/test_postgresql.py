"""What PostgreSQL refuses, and what is said of it: where, why, how to mend it, and never the password."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from proxy.ledger.errors import StoreError
from proxy.ledger.places import place_of
from proxy.ledger.read_only import tally_of
from proxy.ledger.store import Store
from tests.support.postgresql import Cluster
from tests.support.secrets import DATABASE_PASSWORD, OTHER_CLIENT_SECRET
from tests.support.servers import self_signed, unused_port

from .builders import NOW, record
from .homes import postgresql_home

STRANGER = "stranger"


@pytest.fixture(scope="module")
def strange(server: Cluster) -> Iterator[Cluster]:
    """With a user who owns nothing, and a database in an encoding of old."""
    with server.connected() as connection:
        connection.execute(f"CREATE USER {STRANGER} PASSWORD '{DATABASE_PASSWORD}'")
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    yield server
    with server.connected() as connection:
        connection.execute(f"DROP USER {STRANGER}")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param(
            {"password": OTHER_CLIENT_SECRET},
            'password authentication failed for user "joinwatch": correct the user or the password in ledger.url',
            id="wrong password",
        ),
        pytest.param(
            {"user": STRANGER},
            "permission denied for schema public: let this user own the database, or grant it USAGE and CREATE",
            id="no right to make tables",
        ),
        pytest.param(
            {"database": "nowhere"},
            'database "nowhere" does not exist: create it, or correct ledger.url',
            id="no such database",
        ),
        pytest.param(
            {"database": "latin"},
            "its encoding is LATIN1: create the database with ENCODING 'UTF8'",
            id="another encoding",
        ),
        pytest.param(
            {"more": "&default_transaction_read_only=on"},
            "ledger.url is not a URL that PostgreSQL's client library can read",
            id="no such option",
        ),
        pytest.param(
            {"more": "options=-c%20default_transaction_read_only%3Don"},
            "in a read-only transaction: name the primary server",
            id="a server that only reads",
        ),
    ],
)
def test_a_database_that_cannot_be_used(strange: Cluster, parts: dict[str, Any], message: str) -> None:
    url = strange.url(**parts)
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    if "ledger.url is" not in message:
        where = f"the ledger postgresql://127.0.0.1:{strange.port}/{parts.get('database', 'joinwatch')}: "
        assert str(caught.value).startswith(where)
    shown = f"{caught.value!r} {caught.value.__cause__}"
    assert not [secret for secret in (DATABASE_PASSWORD, OTHER_CLIENT_SECRET) if secret in shown]


def test_a_server_that_is_not_there(server: Cluster) -> None:
    port = unused_port()
    for ask in (Store, lambda url: tally_of(url, 0.0)):
        with pytest.raises(
            StoreError, match=rf"^the ledger postgresql://127.0.0.1:{port}/.*Connection refused"
        ):
            ask(server.url(port=port))


def test_a_server_that_takes_the_connection_and_says_nothing(server: Cluster) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = server.url(port=silent.getsockname()[1], more="connect_timeout=1")
        with pytest.raises(StoreError, match="timeout expired"):
            Store(url)


def test_tls_as_the_url_asks_for_it(server: Cluster, tmp_path: Path) -> None:
    trusting = f"&sslmode=verify-full&sslrootcert={server.certificate}"
    home = postgresql_home(server)
    with closing(Store(home.url + trusting)) as store, store.engine.connect() as connection:
        own = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.exec_driver_sql(own).scalar_one() is True
    _, other = self_signed(tmp_path)
    for wrong in (f"&sslmode=verify-full&sslrootcert={other}", "&sslmode=verify-full&sslrootcert=/nowhere"):
        with pytest.raises(
            StoreError, match=r"certificate.*: correct sslmode and sslrootcert in ledger\.url"
        ):
            Store(home.url + wrong)


def test_the_promises_about_durability_are_on(server: Cluster) -> None:
    home = postgresql_home(server)
    careless = home.url.replace("options=", "options=-c%20synchronous_commit%3Doff%20")
    with closing(Store(careless)) as store, store._write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "5s"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "15s"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"


def test_a_server_that_does_not_sync_is_refused(own_server: Cluster) -> None:
    try:
        set_fsync(own_server, "off")
        with pytest.raises(
            StoreError, match="fsync is off on this server: without it a stored result may be"
        ):
            Store(own_server.url())
    finally:
        set_fsync(own_server, "on")


def set_fsync(server: Cluster, wanted: LiteralString) -> None:
    """For every connection, also those of the next start."""
    with server.connected() as connection:
        connection.execute("ALTER SYSTEM SET fsync = " + wanted)
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW fsync").fetchone() != (wanted,):
            time.sleep(0.01)


def test_who_only_reads_cannot_write(server: Cluster) -> None:
    home = postgresql_home(server)
    with closing(Store(home.url)) as store:
        store.append([record()], 5)
    engine = place_of(home.url).connect_reading()
    with engine.connect() as connection, pytest.raises(Exception, match="read-only transaction"):
        connection.exec_driver_sql("DELETE FROM joins")
    assert len(tally_of(home.url, NOW - 1).spans) >= 1


def test_tables_that_are_gone_are_the_ledgers_trouble_and_not_a_records(server: Cluster) -> None:
    home = postgresql_home(server)
    with closing(Store(home.url)) as store:
        home.run("DROP TABLE joins")
        with pytest.raises(StoreError, match='relation "joins" does not exist'):
            store.append([record()], 5)


def test_a_connection_that_was_lost_while_idle_is_not_noticed(server: Cluster) -> None:
    home = postgresql_home(server)
    with closing(Store(home.url)) as store:
        store.append([record("before")], 5)
        with store.engine.connect() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with psycopg.connect(home.url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        store.append([record("after")], 5)
        assert store.count() == 2
