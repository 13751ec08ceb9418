"""joinwatch demo: a simulated world around a real joinwatch, live."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..settings import SettingsError
from .terminal import tell

if TYPE_CHECKING:
    from .arguments import Parser

    Commands = argparse._SubParsersAction[Parser]

FINDING: Final = 1

SEED: Final = 1
RATE: Final = 4.0
DURATION_S: Final = 3600.0
MOST_RATE: Final = 50.0
LONGEST_S: Final = 7 * 86400.0


def add_parser(commands: Commands) -> None:
    """Register the command and its arguments."""
    parser = commands.add_parser(
        "demo",
        help="a simulated world, live: faulty backends, a verifier, browsers, and joinwatch among them",
        description="Starts backends with one real fault each, a verifier that judges as Zoom does, and simulated"
        " browsers, all on this machine, with a real joinwatch between them. Its ledger is in a temporary folder."
        " Faults are switched on and off by keys, or by POST /demo/faults/NAME on the admin listener.",
        epilog="Exit codes: 0 it ended; 1 it could not listen, or its counts disagree; 2 wrong use. Log lines go to"
        " standard output where that is no terminal. JOINWATCH_LISTEN__… and JOINWATCH_LOG__… are read as by serve.",
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, metavar="N", help=f"the same seed, the same world; default: {SEED}"
    )
    parser.add_argument(
        "--rate",
        type=_number(0.1, MOST_RATE),
        default=RATE,
        metavar="N",
        help=f"visitors a second, over all backends, at most {MOST_RATE:g}; default: {RATE:g}",
    )
    parser.add_argument(
        "--duration",
        type=_number(1.0, LONGEST_S),
        default=DURATION_S,
        metavar="S",
        help=f"seconds after which it ends by itself; default: {DURATION_S:g}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run it to its end, or to Ctrl-C. Returns 0, or 1 where it cannot listen or the counts disagree."""
    # aiohttp and SQLAlchemy would slow every other command down.
    from .demo_run import CannotListen, play  # noqa: PLC0415

    try:
        return play(arguments.seed, arguments.rate, arguments.duration, os.environ)
    except SettingsError as error:
        for problem in error.problems:
            tell(str(problem))
        tell("joinwatch demo: of the environment it reads JOINWATCH_LISTEN__… and JOINWATCH_LOG__…")
    except CannotListen as error:
        tell(
            f"joinwatch demo: cannot listen: {error}: is another joinwatch running? End it, or set"
            " JOINWATCH_LISTEN__PUBLIC=127.0.0.1:4100 and JOINWATCH_LISTEN__ADMIN=127.0.0.1:4101"
        )
    return FINDING


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"it must be a number from {least:g} to {most:g}")
        return value

    return read
