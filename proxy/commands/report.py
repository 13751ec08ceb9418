"""joinwatch report: what a running joinwatch suspects, and how the joins went; from the ledger where none runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..services.summary import parse_period
from ..settings import Settings, SettingsError, load, new_secret
from .terminal import Paint, put, tell

if TYPE_CHECKING:
    from ..services.summary_shape import Summary
    from .arguments import Parser
    from .report_source import Reported

    Commands = argparse._SubParsersAction[Parser]

OK: Final = 0
BAD_CONFIGURATION: Final = 1
WRONG_USE: Final = 2

TOKEN_VARIABLE: Final = "JOINWATCH_ADMIN_TOKEN"  # noqa: S105  # where it is, not what it is

_ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # asked, not listened on


class _Trouble(Exception):
    """Nothing can be reported; the message says why and what to do."""


def add_parser(commands: Commands) -> None:
    """Register the command and its arguments."""
    parser = commands.add_parser(
        "report",
        help="print what is suspected and how the joins went",
        description="Asks the admin listener of a running joinwatch; where none answers, reads the ledger of the"
        " configuration, and says so. Changes nothing.",
        epilog="Exit codes: 0 reported; 1 a problem in the configuration; 2 wrong use, or nothing to report from."
        f" The admin token comes from listen.admin_token_file, else from ${TOKEN_VARIABLE}; with --admin only from"
        " there.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file; default: $JOINWATCH_CONFIG, else ./joinwatch.toml, else the embedded default",
    )
    source.add_argument("--admin", metavar="URL", help="of an admin listener, e.g. http://127.0.0.1:4001")
    parser.add_argument(
        "--since",
        type=_period,
        default="1h",
        metavar="TIME",
        help="how far back: 90s, 15m, 1h, 7d; default: 1h",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the summary as JSON")
    output.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write it with its pictures into one file, which asks for nothing",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Returns 0, 1 for a problem in the configuration, 2 where there is nothing to report from."""
    try:
        reported, source = _reported(arguments)
    except SettingsError as error:
        for problem in error.problems:
            tell(str(problem))
        _complain("the configuration has problems; --admin URL needs none")
        return BAD_CONFIGURATION
    except _Trouble as error:
        return _complain(str(error))
    if arguments.html is not None:
        return _write(arguments.html, reported, source)
    put(_as_json(reported.summary) if arguments.json else _as_text(reported.summary, source))
    return OK


def _period(text: str) -> float:
    try:
        return parse_period(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it {error}") from None


def _reported(arguments: argparse.Namespace) -> tuple[Reported, str]:
    """What there is to report, and where it came from. Raises _Trouble and SettingsError."""
    # aiohttp and SQLAlchemy would slow every other command down.
    from ..ledger.places import place_of  # noqa: PLC0415
    from .report_source import NoSummary, NothingAnswers, from_admin, from_ledger  # noqa: PLC0415

    token, period_s = os.environ.get(TOKEN_VARIABLE), arguments.since
    with_points = arguments.html is not None
    try:
        if arguments.admin is not None:
            return from_admin(arguments.admin, period_s, token, with_points=with_points), arguments.admin
        settings = load(arguments.config, _environment(), new_secret)
        if settings.listen.admin_token is not None:
            token = settings.listen.admin_token.reveal()
        url = _admin_url(settings)
        try:
            if url is None:
                raise NothingAnswers("listen.admin leaves the port open, so nobody can be asked")
            return from_admin(url, period_s, token, host="localhost", with_points=with_points), url
        except NothingAnswers as silence:
            backends = tuple(settings.backends)
            reported = from_ledger(settings.ledger, backends, period_s, silence, with_points=with_points)
            tell(f"joinwatch report: {silence}: reading the ledger instead")
    except (NothingAnswers, NoSummary) as error:
        raise _Trouble(str(error)) from error
    return reported, f"the ledger {place_of(settings.ledger.place())}"


def _environment() -> dict[str, str]:
    """Without the token, which is no setting."""
    return {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}


def _admin_url(settings: Settings) -> str | None:
    host, port = settings.listen.admin
    host = _ANYWHERE.get(host, host)
    if port == 0:
        return None
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _as_json(summary: Summary) -> str:
    import msgspec  # noqa: PLC0415  # as above

    # ASCII, so that no character of a ledger reaches the terminal unescaped.
    return json.dumps(msgspec.to_builtins(summary), indent=2)


def _as_text(summary: Summary, source: str) -> str:
    from .report_text import as_text  # noqa: PLC0415  # as above

    return as_text(summary, source, Paint.on(sys.stdout, os.environ))


def _write(file: Path, reported: Reported, source: str) -> int:
    """The HTML report; 2 where the file cannot be written."""
    from ..web.status.report import document  # noqa: PLC0415  # as above

    assert reported.points is not None  # noqa: S101  # they were asked for
    try:
        file.write_text(document(reported.summary, reported.points, source), encoding="utf-8")
    except OSError as error:
        return _complain(
            f"--html {file} cannot be written: {(error.strerror or type(error).__name__).lower()}"
        )
    return OK


def _complain(message: str) -> int:
    tell(f"joinwatch report: {message}")
    return WRONG_USE
