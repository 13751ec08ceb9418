"""What holds for the repository as a whole: what its files may not say, how large they are, where their links lead."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import __version__
from proxy.telemetry.manifest import MANIFEST

from .support.real import require

ROOT = Path(__file__).parents[1]
MODULE_LINES = 350

# Written in pieces, so that this file does not say them itself.
FORBIDDEN = {
    "a path of one machine": "/" + "work/",
    "another one": "/" + "farm/",
    "a job's folder": "/tmp/" + "bash_jobs",
    "a host of Python packages": r"files\." + "pythonhosted",
    "another one of these": r"pypi\." + "org",
    "a host of Node packages": r"registry\." + "npmjs",
    "a host of Debian packages": r"deb\." + r"debian\.org",
}


def tracked() -> list[Path]:
    """Every file that git knows, and the new ones that it does not ignore."""
    command = (
        require("git"),
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    )
    listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    return [path for path in (ROOT / name for name in listed.split("\0") if name) if path.is_file()]


def modules(*folders: str) -> Iterator[Path]:
    """The Python files below these folders."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """A path as a test's id."""
    return str(path.relative_to(ROOT))


def test_nothing_speaks_of_where_it_was_made() -> None:
    pattern = re.compile("|".join(f"({one})" for one in FORBIDDEN.values()).encode(), re.IGNORECASE)
    found = [
        f"{name_of(path)}:{number}: {list(FORBIDDEN)[said.lastindex - 1]}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if (said := pattern.search(line)) and said.lastindex
    ]
    assert found == []


def test_no_file_is_left_over() -> None:
    """Ledgers, keys, logs and environments are made where a process runs; none is anybody else's."""
    made = re.compile(r"\.(db|db-wal|db-shm|log|receipt-key|pem|key|pyc|orig|rej|swp)$")
    assert [name_of(path) for path in tracked() if made.search(path.name)] == []


def test_every_module_says_what_belongs_in_it() -> None:
    silent = []
    for path in modules("proxy", "bench", "tests"):
        text = path.read_text(encoding="utf-8")
        if not ast.get_docstring(ast.parse(text)) and (
            text.strip() or not path.is_relative_to(ROOT / "tests")
        ):
            silent.append(name_of(path))
    assert silent == []


def test_modules_are_small() -> None:
    lines = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules("proxy", "bench")
    }
    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


# Documents


def documents() -> list[Path]:
    """Every Markdown file."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "client" / "README.md"]


def prose(path: Path) -> str:
    """A document without its code, in which brackets are no links."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path: Path) -> set[str]:
    """What #fragments may name: each heading as GitHub spells it."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    for target in targets:
        if re.match(r"https://", target):
            continue
        file, _, fragment = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.is_relative_to(ROOT), target
        assert found.exists(), target
        assert not fragment or fragment in anchors(found), target


def test_every_document_can_be_found_from_the_readme() -> None:
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in found or path.suffix != ".md":
            continue
        found.add(path)
        waiting += [
            (path.parent / target).resolve() for target in re.findall(r"\]\(([^)#:\s]+)[^)]*\)", prose(path))
        ]
    assert {name_of(path) for path in documents()} - {name_of(path) for path in found} == set()


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([0-9.]+)\] - (Unreleased|\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    assert len(versions) == len(re.findall(r"^## ", text, re.MULTILINE))
    assert versions[0][0] == __version__
    assert [date for _, date in versions[1:] if date == "Unreleased"] == []


def test_every_metric_is_explained() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(joinwatch_\w+)` \| .+ \|$", text, re.MULTILINE)
    assert rows == list(MANIFEST)


def test_metrics_named_anywhere_exist() -> None:
    """Also those in prose and queries: a metric's parts (_bucket, _count, _sum) and prefixes that end in _ aside."""
    for path in documents():
        for name in set(re.findall(r"\bjoinwatch_[a-z0-9_]+[a-z0-9]\b", path.read_text(encoding="utf-8"))):
            whole = re.sub(r"_(bucket|count|sum)$", "", name)
            assert whole in MANIFEST, f"{name_of(path)}: {name}"


def test_decisions_are_dated_in_order() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d): \S", text, re.MULTILINE)
    assert len(dates) == len(re.findall(r"^## ", text, re.MULTILINE))
    assert dates == sorted(dates)
