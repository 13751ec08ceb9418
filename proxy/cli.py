"""The command line: arguments in, exit codes out."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from . import __version__
from .commands import demo, inspect, probe, report
from .commands.arguments import Parser
from .commands.terminal import NotWritten, put, tell
from .domain.receipt import encode_key
from .ledger.kept_secret import kept_secret
from .settings import Settings, SettingsError, load, new_secret

OK: Final = 0
FINDING: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130

COMMANDS: Final = (demo, inspect, probe, report)
"""The commands that bring their own arguments: `add_parser(commands)` sets `run`, `run(arguments)` returns the code."""

THROWAWAY: Final = Path("var/throwaway-client-secret")
"""Kept, so that signatures of the embedded default still verify after a restart."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns its exit code: 0 fine, 1 something found, 2 wrong use or no output, 130 Ctrl-C."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except NotWritten as error:
        tell(f"joinwatch: standard output cannot be written ({error}): give it a place to go")
        return WRONG_USE


def _run(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] | None = getattr(arguments, "run", None)
    if run is not None:
        return run(arguments)
    command: str = arguments.command
    if command == "new-key":
        put(encode_key(secrets.token_bytes(32)))
        return OK
    try:
        # A check leaves nothing behind.
        make_secret = new_secret if command == "check-config" else _throwaway_secret
        settings = load(arguments.config, os.environ, make_secret)
    except SettingsError as error:
        return _explain(error)
    if command == "check-config":
        put(f"{settings.source}: no problems; {_sketch(settings)}")
        return OK
    return _serve(settings)


def parser() -> Parser:
    """Every command with its arguments."""
    top = Parser(
        prog="joinwatch",
        description="Explains why people cannot join Zoom meetings that are embedded with the Meeting SDK.",
        epilog="Exit codes: 0 fine; 1 something was found (a signature that gets refused, a cause, a problem in the"
        " configuration); 2 wrong use.",
    )
    top.add_argument("--version", action="version", version=f"joinwatch {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="run the proxy until SIGTERM or Ctrl-C",
        description="Issue or forward signatures, take join results, export metrics. Log lines go to standard"
        " output, one JSON object each. SIGTERM drains: requests in flight are finished, results flushed.",
    )
    check = commands.add_parser(
        "check-config",
        help="list every problem of the configuration, with its mend",
        description="Read the configuration, the files and variables that it names, and list every problem.",
    )
    for command in (serve, check):
        command.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="TOML file; default: $JOINWATCH_CONFIG, else ./joinwatch.toml, else the embedded default",
        )
    for module in COMMANDS:
        module.add_parser(commands)
    commands.add_parser(
        "new-key",
        help="print a new receipt key, for receipts.keys_file",
        description="Print a new receipt key. Put it first in receipts.keys_file and keep the older ones below it.",
    )
    return top


def _explain(error: SettingsError) -> int:
    for problem in error.problems:
        tell(str(problem))
    count = len(error.problems)
    tell(f"{count} problem{'s' if count != 1 else ''} in the configuration; nothing was started")
    return FINDING


def _sketch(settings: Settings) -> str:
    routes = "; ".join(
        f"{route.path} to {', '.join(name for name, _ in route.backends)}" for route in settings.routes
    )
    return f"routes: {routes}"


def _serve(settings: Settings) -> int:
    from .serve import serve  # noqa: PLC0415  # the server's imports would slow every other command down

    try:
        serve(settings)
    except OSError as error:
        tell(
            f"cannot listen: {error.strerror or error}: change listen.public or listen.admin "
            "(JOINWATCH_LISTEN__PUBLIC, JOINWATCH_LISTEN__ADMIN), or free the port"
        )
        return FINDING
    return OK


def _throwaway_secret() -> str:
    try:
        return kept_secret(THROWAWAY, new_secret)
    except OSError:
        return new_secret()
