"""/demo/faults on the admin listener of the demo: the faults listed, and switched on and off while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from .faults import PLANTED, Fault, Faults

HEADER: Final = "Joinwatch-Demo"
"""A page elsewhere cannot send it: browsers ask first, and nothing here answers that."""

MOST_BYTES: Final = 1024
_NO_STORE: Final = {"Cache-Control": "no-store"}


def switch_routes(faults: Faults) -> list[web.RouteDef]:
    """GET /demo/faults and POST /demo/faults/NAME."""

    async def listed(_request: web.Request) -> web.Response:
        return _json(200, {"faults": [_told(fault, on) for fault, on in faults]})

    async def switched(request: web.Request) -> web.Response:
        if not request.headers.get(HEADER):
            return _error(403, "header", f"send the header {HEADER}: 1 (a page of another site cannot)")
        on = _wanted(await request.content.read(MOST_BYTES + 1))
        if on is None:
            return _error(400, "body", 'the body must be {"on": true} or {"on": false}')
        try:
            fault = faults.switch(request.match_info["name"], on)
        except KeyError:
            names = ", ".join(fault.name for fault in PLANTED)
            return _error(404, "fault", f"there is no fault of this name: use one of {names}")
        return _json(200, _told(fault, on))

    return [web.get("/demo/faults", listed), web.post("/demo/faults/{name}", switched)]


def _wanted(body: bytes) -> bool | None:
    try:
        value = json.loads(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        return None
    on = value.get("on") if isinstance(value, dict) and len(value) == 1 else None
    return on if isinstance(on, bool) else None


def _told(fault: Fault, on: bool) -> Mapping[str, object]:
    return {"name": fault.name, "on": on, "cause": fault.cause, "bug": fault.bug, "mend": fault.mend}


def _error(status: int, code: str, message: str) -> web.Response:
    return _json(status, {"error": {"code": code, "message": message}})


def _json(status: int, value: Mapping[str, object]) -> web.Response:
    return web.json_response(value, status=status, headers=_NO_STORE)
