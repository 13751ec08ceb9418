"""Where a report comes from: the admin listener of a running joinwatch, or a ledger."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import aiohttp
import msgspec
from yarl import URL

from ..domain.ports import Newest
from ..ledger.errors import StoreError
from ..ledger.read_only import points_of, tally_of
from ..services.joins import MAX_POINTS, Points, Told, as_points
from ..services.summary import Known, summarise
from ..services.summary_shape import Summary
from ..settings import LedgerPlace

CONNECT_S: Final = 5.0
ANSWER_S: Final = 40.0
"""joinwatch itself gives up counting after 20 s."""

MAX_BYTES: Final = 16 << 20

_T = TypeVar("_T")


class NothingAnswers(Exception):
    """No connection, or no answer; the message says where and why."""


class NoSummary(Exception):
    """What answered gave no summary, or the ledger none; the message says why and what to do."""


class _Refusal(msgspec.Struct):
    code: str
    message: str


class _Refused(msgspec.Struct):
    error: _Refusal


@dataclass(frozen=True, slots=True)
class Reported:
    """What was found. `points`: the joins one by one, where they were wanted."""

    summary: Summary
    points: Points | None = None


def from_admin(
    base: str, period_s: float, token: str | None, host: str | None = None, *, with_points: bool = False
) -> Reported:
    """Ask an admin listener; `host` is the Host header where it is not the URL's.

    Raises NothingAnswers and NoSummary; neither shows the token.
    """
    url = _checked(base)
    headers = {"Host": host} if host else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.strip()}"
    summary = _asked(url, "summary", period_s, headers, Summary)
    return Reported(summary, _asked(url, "joins", period_s, headers, Points) if with_points else None)


def _asked(url: URL, what: str, period_s: float, headers: Mapping[str, str], wanted: type[_T]) -> _T:
    try:
        status, body = asyncio.run(_ask(url, what, period_s, headers))
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise NothingAnswers(f"nothing answers at {url} ({_why(error)})") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise NoSummary(
            f"{url} does not answer as an admin listener does ({type(error).__name__})"
        ) from error
    if status != 200:
        raise NoSummary(f"{url} answered {status}{_reason(status, body)}")
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.MsgspecError as error:
        raise NoSummary(
            f"{url} answered what is no summary ({error}): name the admin listener of this release"
        ) from error


def from_ledger(
    ledger: LedgerPlace,
    backends: tuple[str, ...],
    period_s: float,
    silence: NothingAnswers,
    *,
    with_points: bool = False,
) -> Reported:
    """What a ledger holds, because of that silence. Raises NoSummary."""
    now = time.time()
    if ledger.path is not None:
        _check_file(ledger.path, silence)
    try:
        tally = tally_of(ledger.place(), now - period_s)
        newest = Newest(now - period_s, MAX_POINTS + 1)
        found = points_of(ledger.place(), newest) if with_points else None
    except StoreError as error:
        raise NoSummary(f"{silence}, and {error}") from error
    suspected = [each for each in tally.causes if each.cleared_at is None]
    summary = summarise(
        Known(now=now, since=now - period_s, tally=tally, suspected=suspected, backends=backends)
    )
    return Reported(summary, None if found is None else as_points(Told(found), now, period_s))


def _check_file(file: Path, silence: NothingAnswers) -> None:
    if not file.exists():
        raise NoSummary(
            f"{silence}, and there is no ledger {file}: start joinwatch, or name --config FILE or --admin URL"
        )
    if not file.is_file():
        raise NoSummary(
            f"{silence}, and the ledger {file} is no file, but a folder, a pipe or a device: correct ledger.url"
        )


def _checked(base: str) -> URL:
    try:
        url = URL(base)
        sound = url.scheme in ("http", "https") and bool(url.host)
    except ValueError:  # Also of a host that no IDNA name stands for, as "xn--" is.
        sound = False
    if not sound:
        raise NoSummary("--admin is not a URL: write for example http://127.0.0.1:4001")
    if url.user is not None or url.password is not None:
        raise NoSummary("--admin has a user or password in it: put the token into JOINWATCH_ADMIN_TOKEN")
    return url.with_query(None).with_fragment(None)


async def _ask(base: URL, what: str, period_s: float, headers: Mapping[str, str]) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
    url = (base / "api" / what).with_query(since=f"{period_s:.0f}s")
    async with (
        aiohttp.ClientSession(timeout=timeout, skip_auto_headers=("Accept-Encoding",)) as session,
        session.get(url, headers=headers, allow_redirects=False) as reply,
    ):
        body = b""
        while len(body) <= MAX_BYTES and (chunk := await reply.content.read(65536)):
            body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError
        return reply.status, body


def _why(error: aiohttp.ClientConnectionError | TimeoutError) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    number = error.errno if isinstance(error, aiohttp.ClientOSError) else None
    return os.strerror(number).lower() if number is not None and number > 0 else type(error).__name__


def _reason(status: int, body: bytes) -> str:
    """joinwatch's own words, where it was joinwatch."""
    try:
        told = ": " + msgspec.json.decode(body, type=_Refused).error.message
    except msgspec.MsgspecError:
        told = ": is that the admin listener of this release?"
    text = "".join(each if each.isprintable() else "?" for each in told[:500])
    return text + (" ($JOINWATCH_ADMIN_TOKEN)" if status == 401 else "")
