"""The routes of the pages and of /api/joins: read what is asked, have it looked up, and render it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from ...domain.ports import JoinKey, JoinRecord, Newest, Time
from ...services.joins import FAILED, JoinsService
from ...services.summary import SummaryService, parse_period
from . import home, picture, story
from .assets import asset, page_headers, picture_headers
from .environment import page

DEFAULT_PERIOD: Final = "1h"
FAILED_SHOWN: Final = 12
ROWS: Final = 100
"""On a page of the list of joins."""

READERS: Final = 4
"""Pages that look into the ledger at once, each with three questions at most: the ledger lets sixteen wait and refuses
the next, and an alert's link is opened by many. The others wait here for their turn."""

_CURSOR: Final = re.compile(r"([0-9]{1,12}\.[0-9]{1,9}),([\w-]{1,64}),([\w-]{1,64})", re.ASCII)
_RECEIPT_ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


class _Unreadable(Exception):
    """A part of the address cannot be read; the message says which, and what may stand there."""


class StatusPages:
    """All of them. `index` is what a client that is no browser gets of "/"."""

    def __init__(
        self, summary: SummaryService, joins: JoinsService, *, script_tag: str, index: str, time: Time
    ) -> None:
        self._summary = summary
        self._joins = joins
        self._script_tag = script_tag
        self._index = index
        self._time = time
        self._turns = asyncio.Semaphore(READERS)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/", self.home)
        router.add_get("/joins", self.list)
        router.add_get("/joins/{receipt}", self.join)
        router.add_get("/picture.svg", self.picture)
        router.add_get("/api/joins", self.points)
        router.add_get("/static/{name}", asset)

    async def home(self, request: web.Request) -> web.Response:
        """The status page; plain text for whoever does not ask for HTML."""
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(text=self._index, headers={"Vary": "Accept"})
        try:
            period, period_s = _period(request)
        except _Unreadable as error:
            return _message(400, "That time cannot be read", str(error))
        newest = Newest(self._time.wall() - period_s, FAILED_SHOWN, outcomes=FAILED)
        async with self._turns:
            summary, ages, failed = await asyncio.gather(
                self._summary.summary(period_s), self._joins.ages(period_s), self._joins.newest(newest)
            )
        return _page(
            "home",
            period=period,
            period_name=home.period_name(period_s),
            periods=home.PERIODS,
            summary=summary,
            answer=home.answer(summary),
            backends=home.backends(summary),
            ages=None if ages.found is None else home.age_table(ages.found),
            clocks=home.clocks(summary),
            failed=failed.found,
            remembered=self._joins.remembered(failed.found or ()),
            script_tag=self._script_tag,
        )

    async def list(self, request: web.Request) -> web.Response:
        """Joins as a table, newest first: the picture in words."""
        try:
            period, period_s = _period(request)
            before, backend = _cursor(request), _backend(request)
        except _Unreadable as error:
            return _message(400, "That address cannot be read", str(error))
        only = request.query.get("only")
        newest = Newest(
            self._time.wall() - period_s,
            ROWS + 1,
            before=before,
            backend=backend,
            outcomes=FAILED if only == "failed" else None,
        )
        async with self._turns:
            told = await self._joins.newest(newest)
        if told.found is None:
            return _message(503, "The ledger cannot be read", told.detail)
        rows = told.found[:ROWS]
        asked = {"since": period, "backend": backend, "only": only}
        return _page(
            "joins",
            period=period,
            period_name=home.period_name(period_s),
            backend=backend,
            only_failed=only == "failed",
            all_address=_address("/joins", {**asked, "only": None}),
            failed_address=_address("/joins", {**asked, "only": "failed"}),
            older=_address("/joins", {**asked, "before": _key(rows[-1])}) if len(told.found) > ROWS else None,
            rows=rows,
            remembered=self._joins.remembered(rows),
        )

    async def join(self, request: web.Request) -> web.Response:
        """The story of one signature."""
        receipt_id = request.match_info["receipt"]
        told = None
        if _RECEIPT_ID.fullmatch(receipt_id):
            async with self._turns:
                told = await self._joins.story(receipt_id)
        if told is None or told.found is None:
            if told is not None and told.detail:
                return _message(503, "The ledger cannot be read", told.detail)
            return _message(
                404,
                "Nothing is known of this receipt",
                "It has no join result, and this process has not issued it lately. Look for it in the log lines"
                " signature.issued of all replicas.",
            )
        found = told.found
        return _page(
            "join",
            story=found,
            issuance=found.issuance,
            events=story.events(found),
            line=story.line(found),
            ledger_detail=told.detail,
        )

    async def picture(self, request: web.Request) -> web.Response:
        """The picture of one backend, for browsers without JavaScript."""
        try:
            (_, period_s), backend = _period(request), _backend(request)
        except _Unreadable as error:
            return _message(400, "That address cannot be read", str(error))
        async with self._turns:
            told = await self._joins.points(period_s, backend)
        end = told.generated_at.timestamp()
        title = f"Joins of {home.period_name(period_s)}"
        joins = told.joins or ()
        begin = picture.beginning(joins, end - period_s, end)
        drawn = picture.svg(joins, begin, end, title, alone=True)
        return web.Response(text=drawn, content_type="image/svg+xml", headers=picture_headers(picture.STYLE))

    async def points(self, request: web.Request) -> web.Response:
        """GET /api/joins."""
        try:
            (_, period_s), backend = _period(request), _backend(request)
        except _Unreadable as error:
            return _json(400, {"error": {"code": str(error).partition(" ")[0], "message": str(error)}})
        async with self._turns:
            told = await self._joins.points(period_s, backend)
        response = _json(200, told)
        response.enable_compression()
        return response


def _period(request: web.Request) -> tuple[str, float]:
    text = request.query.get("since", DEFAULT_PERIOD)
    try:
        return text, parse_period(text)
    except ValueError as error:
        # Without what was sent: it is not repeated to whoever made somebody open a link.
        raise _Unreadable(f"since {error}") from None


def _backend(request: web.Request) -> str | None:
    name = request.query.get("backend")
    if name is not None and not name.isprintable():  # PostgreSQL refuses a text with a NUL
        raise _Unreadable("backend is not the name of one: take a link of the status page")
    return name


def _cursor(request: web.Request) -> JoinKey | None:
    text = request.query.get("before")
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise _Unreadable('before is not a place in the list: take the link "older" of the page before')
    return float(found[1]), found[2], found[3]


def _key(record: JoinRecord) -> str:
    return f"{record.received_at!r},{record.issuance.receipt_id},{record.result.result_id}"


def _address(path: str, query: Mapping[str, str | None]) -> str:
    return f"{path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def _page(template: str, status: int = 200, **values: Any) -> web.Response:
    text = page(template, **values)
    return web.Response(status=status, text=text, content_type="text/html", headers=page_headers())


def _message(status: int, title: str, detail: str) -> web.Response:
    return _page("message", status, title=title, detail=detail)


def _json(status: int, value: object) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
