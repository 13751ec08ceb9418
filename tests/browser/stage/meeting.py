"""The meeting's own servers (rwc and rwg at zoom.us), as far as the real SDK needs them to say that it has joined.

What they say was found by trying, with values invented; Zoom's real ones were never seen.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from aiohttp import WSMsgType, web

_USER: Final = {"id": 16778240, "zoomID": "aW52ZW50ZWQ", "userGUID": "invented", "role": 0}
_READY: Final = {"evt": 0, "seq": 0, "body": {"status": "READY"}}
_NO_SIGNATURE: Final = ".".join(
    base64.urlsafe_b64encode(part).decode().strip("=") for part in (b"{}", b"{}", b"{}")
)
_LOCKED: Final = 12


class Meeting(StrEnum):
    """What becomes of somebody whose signature Zoom has accepted."""

    JOINED = "joined"
    LOCKED = "locked"
    WAITING_ROOM = "waiting_room"
    SILENT = "silent"


@dataclass(slots=True)
class Meetings:
    """Both servers; `meeting` may be changed while they run."""

    meeting: Meeting = Meeting.SILENT
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    """The meeting connections that are open."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Any path of rwc.zoom.us and rwg.zoom.us."""
        if "/wc/ping/" in request.path:
            headers = {
                "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
                "Access-Control-Allow-Credentials": "true",
                "Cross-Origin-Resource-Policy": "cross-origin",
            }
            return web.json_response({"rwg": "rwg.zoom.us", "rwcAuth": "invented"}, headers=headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if not request.path.startswith("/wc/api/"):  # Sound and pictures: accepted, and silent.
            async for _ in socket:
                pass
            return socket
        self.sockets.append(socket)
        try:
            if self.meeting is not Meeting.SILENT:
                await self._welcome(socket, request.path.rpartition("/")[2])
            async for message in socket:
                if message.type is WSMsgType.TEXT and (said := json.loads(message.data)).get("evt") == 0:
                    await socket.send_json({"evt": 0, "seq": said.get("seq", 0)})
        finally:
            self.sockets.remove(socket)
        return socket

    async def _welcome(self, socket: web.WebSocketResponse, meeting: str) -> None:
        await socket.send_json(_READY)
        if self.meeting is Meeting.WAITING_ROOM:
            await socket.send_json({"evt": 7942, "seq": 1, "body": {"bHold": True}})
        await socket.send_json({"evt": 4098, "seq": 2, "body": self._answer(meeting)})
        if self.meeting is not Meeting.LOCKED:
            name = base64.b64encode(b"A Person").decode()
            added = [
                {**_USER, "dn2": name, "os": 7, "type": 1, "bHold": self.meeting is Meeting.WAITING_ROOM}
            ]
            await socket.send_json(
                {"evt": 7937, "seq": 3, "body": {"add": added, "update": None, "remove": None}}
            )
            attributes = {
                "bLock": False,
                "bHoldUponEntry": False,
                "encryptKey": base64.b64encode(bytes(32)).decode(),
            }
            await socket.send_json({"evt": 7938, "seq": 4, "body": attributes})

    def _answer(self, meeting: str) -> dict[str, Any]:
        return {
            "res": _LOCKED if self.meeting is Meeting.LOCKED else 0,
            "userID": _USER["id"],
            "zoomID": _USER["zoomID"],
            "mn": meeting,
            "participantID": 100,
            "conID": "invented",
            "confID": "invented",
            "role": 0,
            "userGUID": _USER["userGUID"],
            "svcUrl": "rwg.zoom.us",
            "meetingtoken": "invented",
            "encType": 1,
        }

    async def drop(self) -> None:
        """End every meeting connection, as a network does."""
        await asyncio.gather(*(socket.close(code=1011) for socket in list(self.sockets)))


def accepted(params: dict[str, str]) -> dict[str, Any]:
    """The reply of wc/info to an accepted signature, with what all four SDKs read of it."""
    result = {
        "meetingNumber": params["meetingNumber"],
        "userName": params["userName"],
        "userEmail": "",
        "passWord": "",
        "mid": "AAAAAAAAAAAAAAAAAAAAAA==",
        "tid": "invented",
        "ts": "1795280241000",
        "auth": "invented",
        "sign": _NO_SIGNATURE,
        "track_auth": "invented",
        "encryptedRWC": json.dumps({"rwc.zoom.us": "invented"}),
        "encryptedGEORWC": "[]",
        "meetingTopic": "A meeting",
        "meetingOptions": "{}",
        "isWebinar": "0",
        "isOriginHost": "false",
        "toll_numbers_json": "[]",
        "call_out_country_json": "[]",
        "recordingDisclaimer": "{}",
        "recordingDisclaimerForRecorder": "{}",
        "invite_email": "",
    }
    return {"status": True, "errorCode": 0, "errorMessage": None, "result": result}
