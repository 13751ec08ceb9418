"""deploy/make-secrets makes what docker-compose.yml wants, and joinwatch starts on it without a problem."""

from __future__ import annotations

import os
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.engine import make_url

from proxy.settings import NativeBackend, Settings
from proxy.settings.load import from_mapping

from ..support.secrets import CLIENT_SECRET, KEY
from ..test_packaging import image_environment
from .project import FILE, OWN, PROFILES, ROOT, project, whole

ZOOM: Final = {"zoom_client_id": KEY, "zoom_client_secret": CLIENT_SECRET}
"""What nobody can make up: deploy/own.yml says how to write them down."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once."""
    made = tmp_path_factory.mktemp("compose") / "secrets"
    make(made)
    for name, value in ZOOM.items():
        (made / name).write_text(value, encoding="utf-8")
    return made


def make(folder: Path) -> str:
    """What the program says."""
    done = subprocess.run(
        (ROOT / "deploy" / "make-secrets", folder),
        env={"PATH": os.environ.get("PATH", os.defpath)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


def test_every_secret_is_made_or_said_to_be_missing(folder: Path) -> None:
    wanted = {Path(secret["file"]).name for secret in whole().secrets.values()}
    assert {path.name for path in folder.iterdir()} == wanted
    steps = (ROOT / OWN).read_text(encoding="utf-8").partition("\n\n")[0]
    for name in ZOOM:
        assert f"> secrets/{name}\n" in steps


def test_only_the_folder_s_owner_gets_in_and_every_service_can_read(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made = [path for path in folder.iterdir() if path.name not in ZOOM]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o444}


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    said = make(folder)
    assert "made" not in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert not any(secret.decode() in said for secret in before.values())


def test_no_two_are_alike(folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "others")
    values = [
        path.read_text(encoding="utf-8")
        for place in (folder, tmp_path / "others")
        for path in place.iterdir()
    ]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= min(map(len, ZOOM.values()))


def test_the_ledger_s_url_fits_the_database(folder: Path) -> None:
    services = whole().services
    postgres = services["postgres"]["environment"]
    url = make_url((folder / "ledger_url").read_text(encoding="utf-8"))
    assert url.host in services
    assert (url.username, url.database) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])
    assert url.password == (folder / "postgres_password").read_text(encoding="utf-8")


# joinwatch on it


def settings(name: str, folder: Path, *files: str) -> Settings:
    """What a service of ours would serve with. Raises SettingsError."""
    one = project(*PROFILES, files=files).services[name]
    given: Mapping[str, str] = one.get("environment") or {}
    env = {**image_environment(), **given}
    for word in one.get("entrypoint") or ():
        env.pop(word.removeprefix("--unset="), None)
    env = {
        key: value.replace("/run/secrets", str(folder))
        for key, value in env.items()
        if key.startswith("JOINWATCH_")
    }
    mapping = tomllib.loads((ROOT / "deploy" / "joinwatch.toml").read_text(encoding="utf-8"))
    return from_mapping(mapping, env, Path("/etc/joinwatch"))


def test_alone_it_needs_nothing(tmp_path: Path) -> None:
    alone = settings("joinwatch", tmp_path / "not_there", FILE)
    assert alone.throwaway
    assert alone.receipts.keys == ()
    assert str(alone.ledger.path).startswith("/var/lib/joinwatch/")


def test_your_own_app_signs(folder: Path) -> None:
    native = settings("joinwatch", folder, FILE, OWN).backends["native"]
    assert isinstance(native, NativeBackend)
    assert (native.credentials.client_id, native.credentials.client_secret.reveal()) == (KEY, CLIENT_SECRET)


@pytest.mark.parametrize("name", ["joinwatch-a", "joinwatch-b", "joinwatch-c"])
def test_replicas_share_their_keys_and_their_ledger(folder: Path, name: str) -> None:
    replica = settings(name, folder, FILE, OWN)
    [key] = replica.receipts.keys
    assert key.reveal() == (folder / "receipt_keys").read_text(encoding="utf-8")
    assert name in replica.listen.admin_hosts
    assert not replica.throwaway
