"""Zoom's part: a server that takes or refuses signatures at the join, and shares no code with those that it judges.

It looks at the signature first, then at the times, then at what was asked for, by a clock of its own and with a
tolerance that it keeps to itself. The texts are those that Zoom's server sends; the SDK makes its codes of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from .clock import Clock

PATH: Final = "/api/v1/wc/info"

GOOD: Final = ""
INVALID: Final = "Invalid signature."
EXPIRED: Final = "The signature has expired."
WRONG_KEY: Final = "The api key is wrong."
WRONG_MEETING: Final = "The meeting number is wrong."
WRONG_ROLE: Final = "The role is not applicable."
NOT_STARTED: Final = "The meeting has not started"

SHORTEST_S: Final = 1800
LONGEST_S: Final = 172_800


class Verifier:
    """`secrets` are those of the apps by client id; `not_started` meetings that nobody can join yet.

    `judged` counts the verdicts (GOOD or the text of the refusal) by the customer key that pages pass.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        clock: Clock,
        rng: random.Random,
        not_started: frozenset[str] = frozenset(),
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._ahead_s = rng.uniform(-0.2, 0.2)
        self._tolerance_s = rng.uniform(0.0, 0.5)
        self._not_started = not_started
        self.judged: Counter[tuple[str, str]] = Counter()

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application()
        app.router.add_post(PATH, self._info)
        return app

    async def _info(self, request: web.Request) -> web.Response:
        form = await request.post()
        verdict = self.judge(str(form.get("signature", "")), str(form.get("meetingNumber", "")))
        self.judged[str(form.get("customerKey", "")), verdict] += 1
        if verdict == GOOD:
            return web.json_response({"status": True, "errorCode": 0, "errorMessage": "", "result": {}})
        code = 3008 if verdict == NOT_STARTED else 200
        body = {"status": False, "errorCode": code, "errorMessage": verdict, "result": None}
        return web.json_response(body)

    def judge(self, signature: str, meeting: str) -> str:
        """GOOD, or the text of the refusal."""
        parts = signature.split(".")
        if len(parts) != 3:
            return INVALID
        head, claims = _object(parts[0]), _object(parts[1])
        if head is None or claims is None or head.get("alg") != "HS256":
            return INVALID
        secret = self._secrets.get(str(claims.get("appKey")))
        if secret is None:
            return WRONG_KEY
        expected = hmac.new(secret.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(_decoded(parts[2]) or b"", expected):
            return INVALID
        return self._times(claims) or self._asked_for(claims, meeting)

    def _times(self, claims: Mapping[str, Any]) -> str:
        now = self._clock.wall() + self._ahead_s
        iat, exp = claims.get("iat"), claims.get("exp")
        if type(iat) is not int or type(exp) is not int or iat > now + self._tolerance_s:
            return INVALID
        if exp < now:
            return EXPIRED
        return GOOD if SHORTEST_S <= exp - iat <= LONGEST_S else INVALID

    def _asked_for(self, claims: Mapping[str, Any], meeting: str) -> str:
        if claims.get("mn") != meeting:
            return WRONG_MEETING
        if claims.get("role") != 0:
            return WRONG_ROLE
        return NOT_STARTED if meeting in self._not_started else GOOD


def _object(segment: str) -> dict[str, Any] | None:
    raw = _decoded(segment)
    if raw is None:
        return None
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _decoded(segment: str) -> bytes | None:
    """base64url without padding; None for anything else."""
    try:
        return base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
