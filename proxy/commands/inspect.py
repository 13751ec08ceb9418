"""joinwatch inspect: what is wrong with a signature that somebody has at hand."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Commands) -> None:
    """Register the command and its arguments."""
    parser = commands.add_parser("inspect", help="explain a signature, a token or a whole HTTP reply")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain the signature. Returns 0, 1 where it gets refused, 2 where there is none."""
    raise NotImplementedError(arguments)
