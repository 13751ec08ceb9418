"""The access log, where [log] access is on: one line a request, with the route's path and never the client's."""

from __future__ import annotations

from typing import ClassVar

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from ..telemetry.logs import Logs


class AccessLog(AbstractAccessLogger):
    """aiohttp makes one for each connection; where it writes to is the class's."""

    _logs: ClassVar[Logs | None] = None

    @classmethod
    def writing_to(cls, logs: Logs) -> type[AccessLog]:
        """A class that aiohttp can make instances of."""
        return type("AccessLog", (cls,), {"_logs": logs})

    @property
    def enabled(self) -> bool:
        """Asked by aiohttp before every line."""
        return self._logs is not None

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """One request has been answered, `time` seconds after it came."""
        if self._logs is None or not isinstance(request, web.Request):
            return
        try:
            resource = request.match_info.route.resource
        except AssertionError:  # aiohttp's own refusal of a malformed request, which has no route.
            resource = None
        self._logs.access(
            listener="public",
            method=request.method,
            path=resource.canonical if resource else "(none)",
            status=response.status,
            duration_s=time,
        )
