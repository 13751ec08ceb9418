"""joinwatch inspect: what is wrong with a signature that somebody has at hand."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ..clocks.kernel import interpret, read_kernel
from ..clocks.system import SystemTime
from ..domain.claims import FLOAT32_STEP_S, Redaction
from ..domain.credentials import Credentials
from ..domain.ports import ClockUnavailable, Offset, Time
from ..domain.rules.base import Verdict
from ..domain.secret import Secret
from ..domain.signature import Signature
from .inspect_text import as_text
from .inspection import Inspection, When, common_residue, inspect
from .pasted import MAX_BYTES, MAX_TOKENS, NotASignature, Pasted, read, text_of
from .secret_file import Unreadable, read_secret
from .terminal import Paint, is_terminal, put, tell

if TYPE_CHECKING:
    from .arguments import Parser

    Commands = argparse._SubParsersAction[Parser]

OK: Final = 0
REFUSED: Final = 1
WRONG_USE: Final = 2

STANDARD_INPUT: Final = "-"
OWN_NAME: Final = "--secret-file"
"""The name of the credentials of the command line, as findings say it."""


_NO_SIGNATURE: Final = (
    "no signature: give one as argument, with --response FILE, or on standard input"
    " (joinwatch inspect -, paste, Ctrl-D)"
)


class _WrongUse(Exception):
    """The command cannot do what it was asked; the message says why and what to do."""


def add_parser(commands: Commands) -> None:
    """Register the command and its arguments."""
    parser = commands.add_parser(
        "inspect",
        hint="put the signature into quotation marks, or into standard input",
        help="explain a signature, a token or a whole HTTP reply",
        description="Say what is in a signature and what is wrong with it. It may be given as it is, or in whatever"
        " it was copied with: quotation marks, JSON, a URL, an Authorization header, a whole HTTP reply as curl -i"
        " prints it, or several, one a line. No secret is needed. It is judged at --at, else at the Date of its reply,"
        " else now.",
        epilog="Exit codes: 0 nothing that gets it refused; 1 a finding that does; 2 wrong use, or no signature. What"
        " is on the command line can be read by others on this machine and stays in the shell's history: standard"
        " input is safer.",
    )
    parser.add_argument(
        "signature",
        nargs="?",
        metavar="SIGNATURE",
        help='the signature, or what it stands in; "-" or nothing: standard input',
    )
    parser.add_argument(
        "--response", type=Path, metavar="FILE", help="a file with the whole reply, as curl -i prints it"
    )
    parser.add_argument(
        "--secret-file", type=Path, metavar="F", help="a file with the client secret, to verify the HMAC with"
    )
    parser.add_argument(
        "--key", metavar="K", help="the client id of that secret; default: the key in the signature"
    )
    parser.add_argument(
        "--at", type=_epoch, metavar="EPOCH", help="judge it at this time, in seconds since 1970 (UTC)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, one a line for several")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain the signature. Returns 0, 1 where it gets refused, 2 where there is none."""
    try:
        secret = None if arguments.secret_file is None else read_secret(arguments.secret_file)
        if secret is None and arguments.key is not None:
            raise _WrongUse("--key says whose secret --secret-file is; give both")
        found = _given(arguments.signature, arguments.response)
    except Unreadable as error:
        return _complain(f"--secret-file {error}")
    except (NotASignature, _WrongUse) as error:
        return _complain(str(error))
    if len(found) > MAX_TOKENS:
        tell(f"joinwatch inspect: there are more than {MAX_TOKENS}: the first {MAX_TOKENS} are judged")
        found = found[:MAX_TOKENS]
    inspections = judge(found, at=arguments.at, key=arguments.key, secret=secret, time=SystemTime())
    if arguments.json:
        for each in inspections:
            put(json.dumps(each.as_json()))
    else:
        _print(inspections)
    _hint([each.signature for each in inspections])
    refused = any(each.verdict is Verdict.REFUSED for each in inspections)
    return REFUSED if refused else OK


def judge(
    found: Sequence[Pasted], *, at: float | None, key: str | None, secret: Secret | None, time: Time
) -> list[Inspection]:
    """Every signature, judged. `time` is asked where neither `at` nor a reply's Date says when."""
    redaction = Redaction(secrets=() if secret is None else (secret.reveal(),))
    needs_clock = at is None and any(each.date is None for each in found)
    host_clock = _host_clock(time) if needs_clock else None
    return [
        inspect(
            each,
            When.of(each, at, time.wall(), host_clock),
            () if secret is None else (_credentials(each.signature, key, secret),),
            redaction,
        )
        for each in found
    ]


def _given(argument: str | None, response: Path | None) -> list[Pasted]:
    """What the command line or standard input gives. Raises NotASignature or _WrongUse."""
    if response is not None:
        replies = read_from(response)
        if argument is None:
            return replies
        # The signature of the argument, judged at the Date of the reply.
        date, headers = replies[0].date, replies[0].headers
        return [Pasted(each.signature, date, headers, each.notes) for each in _of_argument(argument)]
    if argument is not None and argument != STANDARD_INPUT:
        return _of_argument(argument)
    if argument is None and is_terminal(sys.stdin):
        raise _WrongUse(_NO_SIGNATURE)
    return read(text_of(_standard_input()))


def _of_argument(argument: str) -> list[Pasted]:
    if argument == STANDARD_INPUT:
        return read(text_of(_standard_input()))
    try:
        return read(argument)
    except NotASignature:
        with suppress(OSError, ValueError):
            if Path(argument).is_file():
                raise _WrongUse("no signature: this is the name of a file; give it with --response") from None
        raise


def read_from(file: Path) -> list[Pasted]:
    """The signatures in a file. Raises NotASignature or _WrongUse."""
    try:
        with file.open("rb") as opened:
            data = _all_of(opened)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise _WrongUse(f"--response {file} cannot be read ({reason.lower()})") from None
    return read(text_of(data))


def _standard_input() -> bytes:
    """What comes there. Raises _WrongUse where it is closed or cannot be read."""
    if sys.stdin is None:
        raise _WrongUse(_NO_SIGNATURE)
    try:
        return _all_of(sys.stdin.buffer)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _WrongUse(f"standard input cannot be read ({reason.lower()}): {_NO_SIGNATURE}") from None


def _all_of(stream: BinaryIO) -> bytes:
    return stream.read(MAX_BYTES + 1)


def _credentials(signature: Signature, key: str | None, secret: Secret) -> Credentials:
    own = signature.claims.key or ""
    # Where the signature names the secret, the true key is not known.
    swapped = bool(own) and (secret.reveal() in own or own in secret.reveal())
    return Credentials(OWN_NAME, key if key is not None else "" if swapped else own, secret)


def _host_clock(time: Time) -> Offset | None:
    """What the kernel knows of this host's clock; None where it knows nothing."""
    try:
        return interpret(read_kernel(), time.wall())
    except ClockUnavailable:
        return None


def _print(inspections: Sequence[Inspection]) -> None:
    paint = Paint.on(sys.stdout, os.environ)
    texts = [as_text(each, paint) for each in inspections]
    if len(texts) > 1:
        texts = [
            f"{paint.bold(f'{number} of {len(texts)}')}\n{text}\n" for number, text in enumerate(texts, 1)
        ]
    put("\n".join(texts))


def _hint(signatures: Sequence[Signature]) -> None:
    residue = common_residue(signatures)
    if residue is not None:
        tell(
            f"joinwatch inspect: all iats leave the rest {residue} when divided by {FLOAT32_STEP_S}: this looks like a"
            " time rounded to a 32-bit float, as Java's Math.round(long) does. `joinwatch probe URL` makes sure."
        )


def _complain(message: str) -> int:
    tell(f"joinwatch inspect: {message}")
    return WRONG_USE


def _epoch(text: str) -> float:
    try:
        at = float(text)
    except ValueError:
        at = math.nan
    if not 0 <= at < 1e11:
        raise argparse.ArgumentTypeError("it is not a time in seconds since 1970: date +%s prints one")
    return at
