"""Reads a bad configuration of tests/settings/bad: the TOML, the environment it wants, the problems it must give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "settings" / "bad"


@dataclass(frozen=True, slots=True)
class Bad:
    """Comment lines `#env NAME=value` and `#problem text` of one file; `#file NAME text` is a file beside it."""

    path: Path
    environ: dict[str, str]
    files: dict[str, str]
    problems: list[str]


def bad_configurations() -> list[Bad]:
    """All of them, by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.toml"))]


def _read(path: Path) -> Bad:
    bad = Bad(path, {}, {}, [])
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        name, _, text = rest.partition("=" if kind == "#env" else " ")
        match kind:
            case "#env":
                bad.environ[name] = text.encode().decode("unicode_escape")
            case "#file":
                bad.files[name] = text.encode().decode("unicode_escape")
            case "#problem":
                bad.problems.append(rest)
            case _:
                pass
    return bad
