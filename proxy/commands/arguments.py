"""How the command line is parsed: no abbreviations, and no error repeats a value: it may be a signature or a secret."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

from .terminal import flush

_REPEATS: Final = re.compile(
    r"(?s)(?P<where>.*?)(?P<what>invalid choice|ignored explicit argument|invalid \S+ value|ambiguous option)\b.*"
)
"""What argparse says with the value in it."""

_MENDS: Final = {
    "invalid choice": "there is no such choice: --help lists them",
    "ignored explicit argument": "it takes no value",
    "ambiguous option": "an option is not written out: --help lists them",
}

_OPTION: Final = re.compile(r"--?[a-z][a-z-]{0,23}")
"""What may be named: a signature's or secret's part that begins with "-" is no option."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors name options and count the rest. Its sub-parsers are such ones too."""

    def __init__(self, *, hint: str = "", **others: object) -> None:
        """`hint` is told where arguments are left over."""
        super().__init__(**(others | {"allow_abbrev": False}))  # type: ignore[arg-type]  # argparse's own arguments
        self.set_defaults(left_over=hint)

    def parse_args(  # type: ignore[override]  # without a namespace of the caller's
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """Parse, or end the program with code 2 and a message on standard error."""
        arguments, left = self.parse_known_args(args, namespace)
        if left:
            self.error(_left_over(left, arguments.left_over))
        return arguments

    def error(self, message: str) -> NoReturn:
        """End the program; what argparse would repeat is left out."""
        repeats = _REPEATS.fullmatch(message)
        if repeats is not None:
            message = repeats["where"] + _MENDS.get(repeats["what"], "it cannot be read: see --help")
        super().error(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the program, after a help text is out. Raises terminal.NotWritten."""
        flush()
        super().exit(status, message)


def _left_over(left: Sequence[str], hint: str) -> str:
    count = len(left)
    were = "1 argument was" if count == 1 else f"{count} arguments were"
    named = ", ".join(_options(left))
    return f"{were} not understood{f' (options: {named})' if named else ''}{f': {hint}' if hint else ''}"


def _options(left: Iterable[str]) -> Iterable[str]:
    names = (each.partition("=")[0] for each in left)
    return dict.fromkeys(name for name in names if _OPTION.fullmatch(name))
