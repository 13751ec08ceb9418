"""joinwatch probe: ask a signature endpoint directly until it is known what is wrong with it, or that nothing is."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..domain.credentials import Credentials
from ..services.probe_request import DEFAULT_BODY, EVERY_LEAST_S, Plan, Unusable, template
from .secret_file import Unreadable, read_secret
from .terminal import tell

if TYPE_CHECKING:
    from .arguments import Parser

    Commands = argparse._SubParsersAction[Parser]

WRONG_USE: Final = 2

LONGEST_S: Final = 3600.0

_DURATION: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def add_parser(commands: Commands) -> None:
    """Register the command and its arguments."""
    parser = commands.add_parser(
        "probe",
        help="ask a signature endpoint directly and say what is wrong with it",
        description="Asks a signature endpoint as a page would, from here, for a few minutes, and stops as soon as it"
        " knows what is wrong. {meeting} and {role} in the URL or the body stand for what pages fill in. For GET,"
        " use the names that the page uses, as in 'https://example.com/sign?meetingNumber={meeting}&role={role}'."
        " Redirects are not followed. At most 8 requests run at once.",
        epilog="Exit codes: 0 nothing found; 1 a cause; 2 wrong use, or no signature at all; 130 interrupted.",
    )
    parser.add_argument(
        "url", metavar="URL", help="of the endpoint; for GET with {meeting}, in quotation marks for the shell"
    )
    parser.add_argument(
        "--method", help="default: POST, but GET where the URL has {meeting} and there is no --body"
    )
    parser.add_argument(
        "--body",
        metavar="JSON",
        help=f"default: {DEFAULT_BODY}, but nothing for GET or where the URL has {{meeting}}",
    )
    parser.add_argument(
        "--header", action="append", default=[], metavar="H", help='"Name: value"; may be given several times'
    )
    parser.add_argument(
        "--for",
        dest="for_s",
        type=_longest,
        default=300.0,
        metavar="TIME",
        help="at most so long; default: 5m",
    )
    parser.add_argument(
        "--every",
        dest="every_s",
        type=_spacing,
        default=5.0,
        metavar="TIME",
        help="default: 5s, at least 1.5s",
    )
    parser.add_argument(
        "--key", metavar="K", help="the client id (SDK key), to verify HMACs; needs --secret-file"
    )
    parser.add_argument("--secret-file", metavar="F", type=Path, help="a file with its client secret")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Probe and print. Returns 0, 1 where a cause was found, 2 where nothing could be probed, 130 if interrupted."""
    from .probe_run import probe  # noqa: PLC0415  # an HTTP client's imports would slow every other command down

    try:
        asked = template(
            arguments.url, method=arguments.method, body=arguments.body, headers=arguments.header
        )
        credentials = _credentials(arguments.key, arguments.secret_file)
    except Unusable as error:
        tell(f"joinwatch probe: {error}")
        return WRONG_USE
    return probe(asked, Plan(arguments.for_s, arguments.every_s), credentials, as_object=arguments.json)


def _credentials(key: str | None, file: Path | None) -> Credentials | None:
    if key is None and file is None:
        return None
    if not key or file is None:
        raise Unusable("--key and --secret-file go together; give both, or none")
    try:
        secret = read_secret(file)
    except Unreadable as error:
        raise Unusable(f"--secret-file {error}") from None
    return Credentials("probe", key, secret)


def _longest(text: str) -> float:
    return _duration(text, 1.0, LONGEST_S)


def _spacing(text: str) -> float:
    return _duration(text, EVERY_LEAST_S, LONGEST_S)


def _duration(text: str, least_s: float, most_s: float) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("it is not a time: write 90s, 5m or 1h")
    found = float(match[1]) * _UNITS[match[2] or "s"]
    if not least_s <= found <= most_s:
        raise argparse.ArgumentTypeError(f"it is not between {least_s:g} s and {most_s:g} s")
    return found
