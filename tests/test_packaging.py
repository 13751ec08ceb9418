"""What is shipped is what was tested: the built wheel, installed and run elsewhere; the lock files; the Dockerfile."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

import aiohttp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from proxy import __version__

from .support.child import running
from .support.joinwatch import joinwatch

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGE_SCRIPT = "proxy/web/static/join-results.js"
LOOPBACK = {"JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:0", "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:0"}


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What a program prints; it must succeed, and gets no network by way of pip's settings."""
    clean = {"PATH": os.environ.get("PATH", os.defpath), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    ended = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**clean, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as a release would be."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of executables of a fresh environment with the wheel, its dependencies borrowed from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", "--disable-pip-version-check", wheel, cwd=folder)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "proxy").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read(PAGE_SCRIPT) == (ROOT / PAGE_SCRIPT).read_bytes()
    about = f"joinwatch-{__version__}.dist-info"
    assert {name for name in names if not name.startswith(f"{about}/")} == package
    assert {f"{about}/{name}" for name in ("METADATA", "entry_points.txt", "licenses/LICENSE")} <= names
    assert "proxy/ledger/migrations/env.py" in names
    assert any(name.startswith("proxy/ledger/migrations/versions/r0001") for name in names)


def test_what_the_wheel_says_of_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        about = f"joinwatch-{__version__}.dist-info"
        metadata = HeaderParser().parsestr(archive.read(f"{about}/METADATA").decode())
        entry_points = archive.read(f"{about}/entry_points.txt").decode()
    assert metadata["Version"] == PROJECT["project"]["version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert "joinwatch = proxy.cli:main" in entry_points
    required = {Requirement(text) for text in metadata.get_all("Requires-Dist", [])}
    assert required == {Requirement(text) for text in PROJECT["project"]["dependencies"]}


def test_a_typed_package_says_so() -> None:
    typed = "Typing :: Typed" in PROJECT["project"]["classifiers"]
    assert typed == (ROOT / "proxy" / "py.typed").exists()


def test_the_installed_command(installed: Path, tmp_path: Path) -> None:
    command = installed / "joinwatch"
    assert run(command, "--version", cwd=tmp_path) == f"joinwatch {__version__}\n"
    assert "no problems; routes: / to native" in run(command, "check-config", cwd=tmp_path)
    where = run(installed / "python", "-c", "import proxy; print(proxy.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


async def test_the_installed_command_serves(installed: Path, tmp_path: Path) -> None:
    async with running(str(installed / "joinwatch"), "serve", env=LOOPBACK, cwd=tmp_path) as child:
        public = (await child.match(r'"listener":"public","url":"([^"]+)"'))[1]
        admin = (await child.match(r'"listener":"admin","url":"([^"]+)"'))[1]
        await child.match('"ledger.available"')
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{admin}/readyz") as reply:
                assert (reply.status, (await reply.json())["status"]) == (200, "ready")
            async with http.post(public, json={"meetingNumber": "98765432101", "role": 0}) as reply:
                assert reply.status == 200
                assert reply.headers["Join-Receipt"]
            async with http.get(f"{public}/join-results.js") as reply:
                assert (reply.status, await reply.read()) == (200, (ROOT / PAGE_SCRIPT).read_bytes())
        assert await child.stop() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"var"}
    assert (tmp_path / "var" / "joinwatch.db").stat().st_size > 0


# The lock files


@dataclass(frozen=True, slots=True)
class Locked:
    """One requirement of a lock file."""

    requirement: Requirement
    hashes: list[str] = field(default_factory=list)

    @property
    def version(self) -> Version:
        """The one version that it allows."""
        [only] = self.requirement.specifier
        assert only.operator == "=="
        return Version(only.version)


def lock(name: str) -> dict[str, Locked]:
    """By name; a line that is none of a requirement, a hash or a comment is an error."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found: dict[str, Locked] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        written, *options = re.split(r"\s+(?=--)", line.strip())
        requirement = Requirement(written)
        assert requirement.url is None, written
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in options), written
        found[canonicalize_name(requirement.name)] = Locked(requirement, options)
    return found


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    locked = lock(name)
    assert len(locked) > 10
    assert [name for name, one in locked.items() if not one.hashes or one.version.is_prerelease] == []


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_a_lock_names_no_place_to_fetch_from(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|index|find-links|trusted-host|pypi", text)


def satisfied(wanted: list[str], locked: Mapping[str, Locked]) -> list[str]:
    """Those of the requirements that the lock does not meet."""
    missing = []
    for one in map(Requirement, wanted):
        found = locked.get(canonicalize_name(one.name))
        if found is None or not one.specifier.contains(found.version):
            missing.append(str(one))
    return missing


def test_the_locks_satisfy_the_project() -> None:
    project, dev = PROJECT["project"]["dependencies"], PROJECT["dependency-groups"]["dev"]
    assert satisfied(project, lock("run.txt")) == []
    assert satisfied([*project, *dev], lock("dev.txt")) == []


def test_tests_run_on_the_versions_that_run() -> None:
    dev = lock("dev.txt")
    assert {name: one.version for name, one in lock("run.txt").items()} == {
        name: dev[name].version for name in lock("run.txt")
    }


# The Dockerfile


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Dockerfile; `stage` counts from 0."""

    name: str
    text: str
    stage: int

    def program(self) -> list[str]:
        """Its exec form."""
        words = json.loads(self.text[self.text.index("[") :])
        assert isinstance(words, list)
        return words


def instructions(*names: str) -> list[Instruction]:
    """Those of the Dockerfile with these names, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    stage = -1
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(name, rest, stage))
    return [one for one in found if one.name in names]


def image_environment() -> dict[str, str]:
    """What ENV sets in the last stage."""
    [env] = instructions("ENV")
    return dict(pair.split("=", 1) for pair in env.text.split())


def test_images_are_pinned_and_the_same() -> None:
    images = {one.text.partition(" ")[0] for one in instructions("FROM")}
    assert len(images) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim(-[a-z]+)?", images.pop())


def test_only_what_exists_is_copied_and_nothing_is_fetched_unchecked() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [one.text.split()[0] for one in instructions("COPY") if not one.text.startswith("--from")]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
    assert instructions("ADD") == []
    [pip] = [one.text for one in instructions("RUN") if " pip " in one.text]
    assert "--require-hashes --only-binary :all:" in pip
    assert not re.search(r"\b(curl|wget|apt-get)\b", " ".join(one.text for one in instructions("RUN")))


def test_the_container_is_not_root_and_writes_to_one_place() -> None:
    [user], [volume], [folder] = instructions("USER"), instructions("VOLUME"), instructions("WORKDIR")
    uid, gid = map(int, user.text.split(":"))
    assert uid
    assert gid
    assert volume.text == folder.text
    assert f"--owner {uid} --group {gid} --mode 0700 {volume.text}" in instructions("RUN")[-1].text
    assert image_environment()["JOINWATCH_LEDGER__URL"].startswith(f"sqlite:///{volume.text}/")


def test_it_stops_as_joinwatch_wants_to_be_stopped() -> None:
    [signal] = instructions("STOPSIGNAL")
    assert signal.text == "SIGTERM"
    assert all(one.program() for one in instructions("ENTRYPOINT", "CMD", "HEALTHCHECK"))
    [ports] = instructions("EXPOSE")
    env = image_environment()
    listening = [env[f"JOINWATCH_LISTEN__{name}"] for name in ("PUBLIC", "ADMIN")]
    assert listening == [f"0.0.0.0:{port}" for port in ports.text.split()]


def test_its_configuration_has_no_problems(tmp_path: Path) -> None:
    [entry], [command] = instructions("ENTRYPOINT"), instructions("CMD")
    env = {name: value for name, value in image_environment().items() if name != "PATH"}
    # PYTHONSAFEPATH keeps the working folder out of sys.path; here the package is not installed, but beside.
    env["PYTHONPATH"] = str(ROOT)
    python, *module = entry.program()
    assert (python, command.program()) == ("python", ["serve"])
    assert "no problems" in run(sys.executable, *module, "check-config", cwd=tmp_path, env=env)


async def test_its_health_check_follows_the_process(tmp_path: Path) -> None:
    [check] = instructions("HEALTHCHECK")
    python, *arguments = check.program()
    assert python == "python"

    async def healthy(admin: str) -> bool:
        env = {"JOINWATCH_LISTEN__ADMIN": f"0.0.0.0:{admin.rpartition(':')[2]}"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=env, stderr=asyncio.subprocess.DEVNULL
        )
        return await asyncio.wait_for(process.wait(), 20) == 0

    async with joinwatch(tmp_path) as watch:
        assert await healthy(watch.admin)
        assert await watch.terminate() == 0
    assert not await healthy(watch.admin)
