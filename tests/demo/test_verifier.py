"""The verifier judges as Zoom does: the signature first, then the times, then what was asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from typing import Any

import pytest

from proxy.demo.verifier import (
    EXPIRED,
    GOOD,
    INVALID,
    NOT_STARTED,
    WRONG_KEY,
    WRONG_MEETING,
    WRONG_ROLE,
    Verifier,
)

from ..support.fake_time import FakeTime
from ..support.secrets import CLIENT_SECRET, KEY, OTHER_CLIENT_SECRET

MEETING, CLOSED = "98760000001", "98760000002"
NOW = int(FakeTime().wall_s)
CLAIMS = {"appKey": KEY, "mn": MEETING, "role": 0, "iat": NOW - 30, "exp": NOW + 7200}


def token(secret: str = CLIENT_SECRET, alg: str = "HS256", **claims: Any) -> str:
    """A token with other claims than the good ones; None leaves one out."""
    kept = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": alg}, kept)
    ]
    head = ".".join(parts)
    mac = hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("signature", "meeting", "verdict"),
    [
        pytest.param(token(), MEETING, GOOD, id="good"),
        pytest.param(token(iat=NOW - 7000), MEETING, GOOD, id="long ago"),
        pytest.param(token(iat=NOW + 2, exp=NOW + 7202), MEETING, INVALID, id="iat ahead"),
        pytest.param(token(iat=NOW * 1000, exp=NOW * 1000 + 7_200_000), MEETING, INVALID, id="milliseconds"),
        pytest.param(token(iat=float(NOW)), MEETING, INVALID, id="iat a fraction"),
        pytest.param(token(iat=str(NOW)), MEETING, INVALID, id="iat a string"),
        pytest.param(token(iat=True), MEETING, INVALID, id="iat true"),
        pytest.param(token(iat=None), MEETING, INVALID, id="no iat"),
        pytest.param(token(iat=NOW - 9000, exp=NOW - 1800), MEETING, EXPIRED, id="expired"),
        pytest.param(token(exp=NOW + 1000), MEETING, INVALID, id="too short"),
        pytest.param(token(exp=NOW + 172_800), MEETING, INVALID, id="too long"),
        pytest.param(token(OTHER_CLIENT_SECRET), MEETING, INVALID, id="another secret"),
        pytest.param(token(OTHER_CLIENT_SECRET, exp=NOW - 1), MEETING, INVALID, id="another secret, expired"),
        pytest.param(token(appKey="somebody"), MEETING, WRONG_KEY, id="another key"),
        pytest.param(token(appKey=None), MEETING, WRONG_KEY, id="no key"),
        pytest.param(token(alg="none"), MEETING, INVALID, id="no algorithm"),
        pytest.param(token(), CLOSED, WRONG_MEETING, id="another meeting"),
        pytest.param(token(role=1), MEETING, WRONG_ROLE, id="host"),
        pytest.param(token(mn=CLOSED), CLOSED, NOT_STARTED, id="not started"),
        pytest.param("", MEETING, INVALID, id="nothing"),
        pytest.param("a.b.c", MEETING, INVALID, id="no base64"),
        pytest.param("W10.W10.W10", MEETING, INVALID, id="no objects"),
        pytest.param("ä.ö.ü", MEETING, INVALID, id="no ASCII"),
        pytest.param(base64.b64encode(b"a.b.c.d.e").decode(), MEETING, INVALID, id="legacy"),
    ],
)
def test_verdicts(signature: str, meeting: str, verdict: str) -> None:
    verifier = Verifier({KEY: CLIENT_SECRET}, FakeTime(), random.Random(1), frozenset({CLOSED}))
    assert verifier.judge(signature, meeting) == verdict
