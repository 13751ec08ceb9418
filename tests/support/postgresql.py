"""A real PostgreSQL of the tests' own: on loopback, in a temporary folder, with TLS, started and killed at will."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, LiteralString
from urllib.parse import quote

import psycopg

from .real import require
from .secrets import DATABASE_PASSWORD
from .servers import self_signed, unused_port

USER: Final = "joinwatch"
DATABASE: Final = "joinwatch"
STARTED_S: Final = 30.0

_AS: Final[dict[str, Any]] = (
    {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}
)
"""The server refuses to run as root."""


class Cluster:
    """A server and its files; `certificate` makes a client trust it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = unused_port()
        self.certificate = folder / "certificate.pem"
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its files. Texts are ordered as people do, which is not byte by byte."""
        password = self.folder / "password"
        password.write_text(DATABASE_PASSWORD)
        self_signed(self.folder)
        (self.folder / "key.pem").chmod(0o600)
        if _AS:
            owner = pwd.getpwnam("postgres")
            for each in (self.folder, *self.folder.iterdir()):
                os.chown(each, owner.pw_uid, owner.pw_gid)
        options = ("--auth", "scram-sha-256", "--pwfile", str(password), "--username", USER, "--no-sync")
        locale = ("--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8", "--encoding=UTF8")
        command = (require("initdb"), "--pgdata", str(self._data), *options, *locale)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **_AS)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": f"{self.port}",
            "unix_socket_directories": f"{self.folder}",
            "ssl": "on",
            "ssl_cert_file": f"{self.certificate}",
            "ssl_key_file": f"{self.folder / 'key.pem'}",
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + STARTED_S
        while not self._answers():
            # What a killed server's children still hold, the next one refuses to take: it ends, and is started again.
            if self._process is None or self._process.poll() is not None:
                with (self.folder / "log").open("ab") as log:
                    command = (require("postgres"), "-D", str(self._data), *given)
                    self._process = subprocess.Popen(
                        command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **_AS
                    )
            if time.monotonic() > deadline:
                raise TimeoutError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """Orderly; connections are ended."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of the server and of each process that it has started."""
        if self._process is None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.send_signal(signal.SIGSTOP)  # or it would start others
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._end(signal.SIGKILL)

    def url(
        self,
        schema: str | None = None,
        *,
        user: str = USER,
        password: str = DATABASE_PASSWORD,
        port: int | None = None,
        database: str = DATABASE,
        more: str = "",
    ) -> str:
        """The ledger's URL, with the password in it."""
        options = f"&options={quote(f'-c search_path={schema}')}" if schema else ""
        place = f"127.0.0.1:{port or self.port}/{database}"
        return f"postgresql://{user}:{password}@{place}?{options.removeprefix('&')}{more}".removesuffix("?")

    def run(self, statement: LiteralString, *values: object, schema: str = "public") -> list[tuple[Any, ...]]:
        """What a statement gives, committed."""
        with self.connected(schema) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def connected(self, schema: str = "public") -> psycopg.Connection:
        """A connection of a test's own, which commits each statement."""
        return psycopg.connect(self.url(schema), autocommit=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20.0)
            self._process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return self._process is not None


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running one, with an empty database."""
    require("postgres")
    folder = Path(tempfile.mkdtemp(prefix="joinwatch-postgresql-"))
    one = Cluster(folder)
    try:
        one.make()
        one.start()
        with psycopg.connect(one.url(database="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        yield one
    finally:
        one.kill()
        shutil.rmtree(folder)
