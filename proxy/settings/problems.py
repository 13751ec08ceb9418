"""What is wrong with a configuration: collected, all of it, each with its place and how to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `path` as in `backends.java.url`; `what` reads on from it; `mend` is an order."""

    path: str
    what: str
    mend: str

    def __str__(self) -> str:
        line = f"{self.path}: {self.what}; {self.mend}"
        return "".join(c if c.isprintable() else "�" for c in line)


class SettingsError(Exception):
    """The configuration cannot be used. `problems` has all that was found; none of them shows a secret."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Wrong(ValueError):
    """A value that a parser of this package refuses: what is wrong with it, and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what = what
        self.mend = mend


@dataclass(slots=True)
class Problems:
    """The list being collected; the first problem of a path hides later ones, which mostly follow from it."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Path -> the environment variable that set it, to be named in the mend."""
    found: dict[str, Problem] = field(default_factory=dict)

    def add(self, path: str, what: str, mend: str) -> None:
        """Note a problem."""
        if path in self.variables:
            mend = f"{mend} (set by {self.variables[path]})"
        self.found.setdefault(path, Problem(path, what, mend))

    def attempt(self, path: str, parser: Callable[[str], V], text: str) -> V | None:
        """The parsed text, or None after noting what is wrong with it."""
        try:
            return parser(text)
        except Wrong as wrong:
            self.add(path, wrong.what, wrong.mend)
            return None

    def attempt_each(self, path: str, parser: Callable[[str], V], texts: list[str]) -> tuple[V, ...]:
        """The texts that parse, in order; a value that comes twice is a problem too."""
        parsed: dict[V, None] = {}
        for index, text in enumerate(texts):
            # A list that the environment set has no entries of its own in the file to point at.
            place = path if path in self.variables else f"{path}[{index}]"
            value = self.attempt(place, parser, text)
            if value is None:
                continue
            if value in parsed:
                self.add(place, "is there twice", "remove one of the two")
            parsed[value] = None
        return tuple(parsed)

    def raise_if_any(self) -> None:
        """Raises SettingsError."""
        if self.found:
            raise SettingsError(tuple(self.found.values()))


def join(*parts: str | int) -> str:
    """A path as TOML would spell it: join("routes", 0, "path") is "routes[0].path"."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            bare = part if re.fullmatch(r"[A-Za-z0-9_.\[\]-]+", part) else json.dumps(part)
            path += f".{bare}" if path else bare
    return path
