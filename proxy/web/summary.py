"""GET /api/summary on the admin listener: what is suspected, and what the ledger counted."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from ..services.summary import SummaryService, parse_period

DEFAULT_PERIOD: Final = "1h"
_NO_STORE: Final = {"Cache-Control": "no-store"}


class SummaryPage:
    """The handler; `?since=` is how long before now the counts begin."""

    def __init__(self, service: SummaryService) -> None:
        self._service = service

    async def handle(self, request: web.Request) -> web.Response:
        """The summary as JSON; 400 for a time that cannot be read."""
        try:
            period_s = parse_period(request.query.get("since", DEFAULT_PERIOD))
        except ValueError as error:
            # Without what was sent: it is not repeated to whoever made somebody open a link.
            return _json(400, {"error": {"code": "since", "message": f"since {error}"}})
        return _json(200, await self._service.summary(period_s))


def _json(status: int, value: object) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers=_NO_STORE,
    )
