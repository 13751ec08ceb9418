"""The README is true: its commands run against a real joinwatch, and what it says they print is what they print.

How its fenced blocks are marked:
  sh serve    runs in a terminal of its own, for as long as the others of its section
  sh          runs, in order, in one shell per section
  sh make     only its targets are looked up: they would run this test
  sh usage    only its arguments are read: it would ask somebody's endpoint
  sh compose  only what it names is looked up: it needs a container engine
  text        what the block before it prints; … stands for any text, alone on a line for any lines
  json log    a line of the log
  json body   the body of POST /join-results
  html        what a page has
  toml        joinwatch.toml
  promql      queries
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from proxy.cli import parser
from proxy.domain.causes import Cause, Suspicion
from proxy.domain.ports import RaisedCause
from proxy.domain.sdk_error import clean
from proxy.telemetry.logs import Logs
from proxy.web import page_script

from .support import endpoints
from .support.child import Child, running
from .support.fake_time import FakeTime
from .support.joinwatch import Joinwatch, Samples, joinwatch, sample
from .support.real import require

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANY = "…"
PUBLIC, ADMIN = "127.0.0.1:4000", "127.0.0.1:4001"
BETWEEN = "==== next block ===="
CREDENTIALS = {"ZOOM_CLIENT_ID": endpoints.SDK_KEY, "ZOOM_CLIENT_SECRET": endpoints.SDK_SECRET}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its mark, its text, the section it is in."""

    mark: str
    text: str
    section: str


def _blocks() -> Iterator[Block]:
    for section in re.split(r"^## ", README, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        for found in re.finditer(r"^```([^\n]+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            yield Block(found[1], found[2], title)


BLOCKS = list(_blocks())


def blocks(section: str, *marks: str) -> list[Block]:
    """The blocks of a section, in order."""
    found = [block for block in BLOCKS if block.section == section and block.mark in marks]
    assert found, f"no {marks} in the section {section!r}"
    return found


def commands(section: str) -> list[tuple[str, str]]:
    """Each `sh` block of a section with the `text` that follows it."""
    shown = blocks(section, "sh", "sh serve", "text")
    pairs = [(one, after) for one, after in pairwise(shown) if one.mark == "sh"]
    assert {after.mark for _, after in pairs} == {"text"}, "a command without what it prints"
    return [(one.text, after.text) for one, after in pairs]


def prints(expected: str, actual: str) -> bool:
    """Whether the text is as the README says."""
    lines = [
        r"(?:.*\n)*" if line == ANY else ".*".join(map(re.escape, line.split(ANY))) + r"\n"
        for line in expected.splitlines()
    ]
    tidy = "".join(f"{line.rstrip()}\n" for line in actual.splitlines())
    return re.fullmatch("".join(lines), tidy) is not None


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a 1…\n", "a 12.5\n", True),
        ("a 1…\n", "b 12.5\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\nb\n", False),
        ("a\n", "a\nb\n", False),
        ("a.b\n", "axb\n", False),
    ],
)
def test_what_counts_as_the_same(expected: str, actual: str, same: bool) -> None:
    assert prints(expected, actual) is same


def test_every_block_is_marked() -> None:
    marks = {
        "sh",
        "sh serve",
        "sh make",
        "sh usage",
        "sh compose",
        "text",
        "json log",
        "json body",
        "html",
        "toml",
        "promql",
    }
    assert {block.mark for block in BLOCKS} == marks
    assert README.count("\n```") == 2 * len(BLOCKS)


# One minute


@dataclass(frozen=True, slots=True)
class Clone:
    """What a clone of the repository is after `make run` has made its environment, and the ports it serves on."""

    folder: Path
    child: Child
    public: str
    admin: str

    def here(self, text: str) -> str:
        """The README's text with the real ports."""
        return text.replace(PUBLIC, self.public).replace(ADMIN, self.admin)

    def there(self, text: str) -> str:
        """Real text with the README's ports."""
        return text.replace(self.public, PUBLIC).replace(self.admin, ADMIN)


def make_clone(folder: Path) -> None:
    """Copies what `make run` needs. Its environment stands already: this interpreter's, so that nothing is fetched."""
    for name in ("proxy", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Makefile", folder)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / "run.stamp").touch()


@asynccontextmanager
async def made(folder: Path, section: str = "One minute") -> AsyncIterator[Clone]:
    """What a section's terminal of its own runs, in a clone, on free ports."""
    make_clone(folder)
    [serve] = blocks(section, "sh serve")
    env = {"JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:0", "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:0"}
    program, *arguments = shlex.split(serve.text)  # without a shell, which would end alone at SIGTERM
    async with running(require(program), *arguments, env=env, cwd=folder) as child:
        public = await child.match(r'"listener":"public","url":"http://([0-9.:]+)"')
        admin = await child.match(r'"listener":"admin","url":"http://([0-9.:]+)"')
        await child.match('"ledger.available"')
        yield Clone(folder, child, public[1], admin[1])


async def in_one_shell(scripts: list[str], folder: Path, env: Mapping[str, str] | None = None) -> list[str]:
    """What each of the scripts prints."""
    require("curl")
    script = f"\necho; echo '{BETWEEN}'\n".join(scripts)
    ended = await asyncio.to_thread(
        subprocess.run,
        [require("bash"), "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split(f"\n{BETWEEN}\n")


async def test_one_minute(tmp_path: Path) -> None:
    async with made(tmp_path) as clone:
        await clone.child.match("or write a joinwatch.toml")
        greeting = next(block.text for block in blocks("One minute", "text"))
        assert prints(greeting, clone.there("\n".join(clone.child.err)))

        pairs = commands("One minute")
        printed = await in_one_shell([clone.here(command) for command, _ in pairs], tmp_path)
        for (command, expected), actual in zip(pairs, printed, strict=True):
            assert prints(expected, clone.there(actual.rstrip("\n"))), f"{command}\nprinted\n{actual}"

        await clone.child.match('"join.reported"')
        [shown] = [json.loads(block.text) for block in blocks("One minute", "json log")]
        lines = [json.loads(line) for line in clone.child.out if line.startswith("{")]
        [line] = [line for line in lines if line["event"] == "join.reported"]
        assert list(shown) == list(line)
        assert shown == {name: ANY if shown[name] == ANY else value for name, value in line.items()}
        assert [line["event"] for line in lines].count("signature.issued") == 1


# The demo


async def test_the_demo(tmp_path: Path) -> None:
    async with made(tmp_path, "The demo") as clone:
        await clone.child.match(r"^0:\d\d  milliseconds: milliseconds named$", 60.0)
        greeting = next(block.text for block in blocks("The demo", "text"))
        assert prints(greeting, clone.there("\n".join(clone.child.err)))
        [(command, expected)] = commands("The demo")
        [printed] = await in_one_shell([clone.here(command)], tmp_path)
        assert prints(expected, printed)


# On the page


def test_the_line_of_a_refused_join_has_the_fields_of_a_real_one() -> None:
    """tests/browser/test_samples.py has the real one, whole."""
    [shown] = [json.loads(block.text) for block in blocks("On the page", "json log")]
    [real] = [json.loads(block.text) for block in blocks("One minute", "json log")]
    assert list(shown) == list(real)
    assert clean(shown["error"]) == shown["error"]


def test_the_tag_names_what_is_served() -> None:
    [tag] = [block.text for block in blocks("On the page", "html")]
    assert re.findall(r'src="https://[\w.]+(/.*?)"', tag) == [page_script.PATH]


# In front of an endpoint, and what the page sends


@asynccontextmanager
async def in_front(folder: Path) -> AsyncIterator[Joinwatch]:
    """The README's joinwatch.toml, with a real endpoint for each of its two addresses."""
    [config] = [block.text for block in blocks("In front of your own endpoints", "toml")]
    urls = re.findall(r'^url = "(.+)"$', config, re.MULTILINE)
    assert len(urls) == 2
    async with endpoints.python() as one, endpoints.python() as other:
        for url, endpoint in zip(urls, (one, other), strict=True):
            config = config.replace(url, endpoint.url)
        async with joinwatch(folder, config, CREDENTIALS) as watch:
            yield watch


async def test_check_config(tmp_path: Path) -> None:
    make_clone(tmp_path)
    [config] = [block.text for block in blocks("In front of your own endpoints", "toml")]
    (tmp_path / "joinwatch.toml").write_text(config, encoding="utf-8")
    [(command, expected)] = commands("In front of your own endpoints")
    [printed] = await in_one_shell([command], tmp_path, CREDENTIALS)
    assert prints(expected, printed)


async def test_in_front_of_endpoints(tmp_path: Path) -> None:
    body = _body()
    async with in_front(tmp_path) as watch, aiohttp.ClientSession() as http:
        for number in range(6):
            async with http.post(
                f"{watch.public}/zoom/signature", json={"meetingNumber": "98765432101", "role": 0}
            ) as reply:
                assert reply.status == 200
                sent = {**body, "receipt": reply.headers["Join-Receipt"], "id": f"{number:032x}"}
            async with http.post(f"{watch.public}/join-results", json=sent) as reply:
                assert reply.status == 204
        metrics = await watch.metrics()
        rows = watch.ledger_rows()
    signers = ("java_a", "java_b")
    for name, outcome in (("signatures", "issued"), ("joins", "invalid_signature")):
        counted = [
            metrics[sample(f"joinwatch_{name}_total", backend=each, outcome=outcome)] for each in signers
        ]
        assert sum(counted) == 6
    _check_queries(metrics)
    _check_row(rows[0], body)


def _body() -> dict[str, object]:
    [block] = blocks("What the script sends", "json body")
    body: dict[str, object] = json.loads(block.text)
    return body


def _check_row(row: Mapping[str, object], body: Mapping[str, object]) -> None:
    """Every field that the README names is one that joinwatch keeps."""
    told = {name: value for name, value in body.items() if name not in ("receipt", "id")}
    kept = {name: row["age_asked" if name == "asked" else name] for name in told}
    assert {**kept, "error": json.loads(str(kept["error"]))} == {**told, "outcome": "invalid_signature"}


def test_every_field_is_explained() -> None:
    section = README.partition("## What the script sends")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert list(rows) == list(_body())
    fields = re.findall(r"`(\w+)`", rows["error"])
    given: dict[str, object] = dict.fromkeys(fields, "text")
    assert list(clean({**given, "other": "text"})) == fields


QUERIED = re.compile(
    r"sum by \(([a-z, ]+)\) \((?:rate|increase)\((joinwatch_\w+)(?:\{([^}]*)\})?\[\d+[mh]\]\)\)"
)


def _check_queries(metrics: Samples) -> None:
    """Each metric of the queries is on the page, with the labels and values that the queries name."""
    for block in blocks("Questions for Prometheus", "promql"):
        queried = QUERIED.findall(block.text)
        assert len(queried) == block.text.count("joinwatch_")
        for groups, name, matchers in queried:
            there = [dict(labels) for metric, labels in metrics if metric == name]
            assert there, name
            assert all({*groups.split(", ")} <= labels.keys() for labels in there), name
            for label, value in re.findall(r'(\w+)!?="([^"]*)"', matchers):
                assert any(labels.get(label) == value for labels in there), (name, label, value)


# Promises


async def test_a_broken_ledger_costs_no_signature(tmp_path: Path) -> None:
    (tmp_path / "joinwatch.db").mkdir()
    async with joinwatch(tmp_path, with_ledger=False) as watch, aiohttp.ClientSession() as http:
        [trouble] = await watch.logged("ledger.unavailable")
        async with http.post(watch.public, json={"meetingNumber": "98765432101", "role": 0}) as reply:
            assert reply.status == 200
            sent = {**_body(), "receipt": reply.headers["Join-Receipt"]}
        async with http.post(f"{watch.public}/join-results", json=sent) as reply:
            assert reply.status == 503
            assert int(reply.headers["Retry-After"]) >= 1
        async with http.get(f"{watch.admin}/readyz") as reply:
            assert reply.status == 200
            assert (await reply.json())["ledger"]["detail"] == trouble["reason"]
        metrics = await watch.metrics()
        assert await watch.terminate() == 0
    assert metrics[sample("joinwatch_ledger_writable")] == 0
    assert metrics[sample("joinwatch_signatures_total", backend="native", outcome="issued")] == 1


def test_every_promise_has_its_test() -> None:
    section = README.partition("## What it promises")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!promise |---)(.+) \| (.+) \|$", section, re.MULTILINE)
    assert rows
    for promise, named in rows:
        tests = re.findall(r"`(\S+?)::(\w+)`", named)
        assert tests, promise
        for file, name in tests:
            assert re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), promise


def test_development_commands_are_targets() -> None:
    [block] = blocks("Development", "sh make")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in block.text.splitlines():
        assert re.search(rf"^{line.removeprefix('make ')}:", makefile, re.MULTILINE), line


def test_compose_has_the_profiles_and_make_the_targets() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    profiles = set(re.findall(r"profiles: \[(\w+)\]", compose))
    shown = set()
    for line in "".join(block.text for block in blocks("The whole stack", "sh compose")).splitlines():
        found = re.fullmatch(r"docker compose(?: --profile (\w+))? up|make (\w+)", line)
        assert found, line
        shown |= {found[1]} - {None}
        assert found[2] is None or re.search(rf"^{found[2]}:", makefile, re.MULTILINE), line
    assert shown == profiles


def test_usages_are_usages() -> None:
    for block in blocks("Ask an endpoint from your desk", "sh usage"):
        program, *arguments = shlex.split(block.text)
        assert (program, arguments[:2]) == (".venv/bin/python", ["-m", "proxy"])
        assert callable(parser().parse_args(arguments[2:]).run)


def test_a_cause_is_logged_as_shown() -> None:
    [shown] = [json.loads(block.text) for block in blocks("In front of your own endpoints", "json log")]
    written: list[bytes] = []
    suspicion = Suspicion(Cause.FLOAT32_ROUNDING, 0.99, ANY, ANY, (), 67 / 256, 0.27, 34.0)
    Logs(written.append, time=FakeTime()).cause_suspected(RaisedCause("java_a", suspicion, 0.0))
    assert json.loads(written[0]) | {"timestamp": ANY} == shown
