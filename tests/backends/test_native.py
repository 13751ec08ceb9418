"""The native issuer answers as the official sample does, and signs what PyJWT signs."""

from __future__ import annotations

import json
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.backends.native import NativeBackend
from proxy.domain.credentials import Credentials
from proxy.domain.findings import check
from proxy.domain.ports import Ask, Backend, Headers, Reply, header
from proxy.domain.rules.base import Circumstances
from proxy.domain.secret import Secret
from proxy.domain.signature import Format, find, verify
from tests.support.fake_time import FakeTime
from tests.support.secrets import CLIENT_SECRET, KEY
from tests.support.tokens import MEETING

JSON: Headers = (("Content-Type", "application/json"),)
USUAL = {"meetingNumber": MEETING, "role": 0}
NOW = 1_795_280_241.987


def native(*, lifetime_s: int = 7200, backdate_s: int = 120, allow_host_role: bool = False) -> NativeBackend:
    return NativeBackend(
        "native",
        Credentials("app", KEY, Secret(CLIENT_SECRET)),
        lifetime_s=lifetime_s,
        backdate_s=backdate_s,
        allow_host_role=allow_host_role,
        time=FakeTime(wall_s=NOW),
    )


async def reply(
    backend: NativeBackend, body: object = None, *, method: str = "POST", headers: Headers = JSON
) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(USUAL if body is None else body).encode()
    return await backend.sign(Ask(method, "", "", headers, raw))


async def claims(backend: NativeBackend, body: object = None) -> dict[str, Any]:
    """The claims of a signature, in their order; verified by PyJWT, but not against its own clock."""
    answer = json.loads((await reply(backend, body)).body)
    return dict(
        jwt.decode(
            answer["signature"],
            CLIENT_SECRET,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_iat": False},
        )
    )


def test_it_is_a_backend() -> None:
    backend: Backend = native()
    assert backend.name == "native"


async def test_a_whole_reply() -> None:
    backend = native()
    answer = await reply(backend)
    await backend.aclose()
    iat = 1_795_280_241 - 120
    times = {"iat": iat, "exp": iat + 7320, "tokenExp": iat + 7320}
    expected = {"appKey": KEY, "sdkKey": KEY, "mn": MEETING, "role": 0, **times}
    token = jwt.encode(expected, CLIENT_SECRET, algorithm="HS256")
    assert answer == Reply(
        status=200,
        reason="OK",
        headers=(
            ("Content-Type", "application/json; charset=utf-8"),
            ("Access-Control-Allow-Origin", "*"),
            ("Cache-Control", "no-store"),
            ("Date", "Sat, 21 Nov 2026 16:57:21 GMT"),
        ),
        body=f'{{"signature":"{token}","sdkKey":"{KEY}"}}'.encode(),
        began_mono=1000.0,
        headers_mono=1000.0,
        headers_wall=NOW,
        known=answer.known,
    )


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (USUAL, ["appKey", "sdkKey", "mn", "role", "iat", "exp", "tokenExp"]),
        (
            {"videoWebRtcMode": 1, "expirationSeconds": 1800, "role": 0, "meetingNumber": MEETING},
            ["appKey", "sdkKey", "mn", "role", "iat", "exp", "tokenExp", "video_webrtc_mode"],
        ),
        ({}, ["appKey", "sdkKey", "iat", "exp", "tokenExp"]),
    ],
    ids=["usual", "everything", "native"],
)
async def test_claims_are_in_the_samples_order(body: object, names: list[str]) -> None:
    assert list(await claims(native(), body)) == names


@pytest.mark.parametrize(
    ("body", "some"),
    [
        (USUAL | {"meetingNumber": 98765432101}, {"mn": 98765432101}),
        (USUAL | {"meetingNumber": "007"}, {"mn": "007"}),
        (USUAL | {"role": "0"}, {"role": 0}),
        (USUAL | {"role": 0.0}, {"role": 0}),
        (USUAL | {"videoWebRtcMode": "1"}, {"video_webrtc_mode": 1}),
        (USUAL | {"videoWebRtcMode": 0}, {"video_webrtc_mode": 0}),
    ],
    ids=["number", "zeros kept", "text role", "float role", "text mode", "mode 0"],
)
async def test_values_and_their_types(body: object, some: dict[str, Any]) -> None:
    signed = await claims(native(), body)
    assert {name: (signed[name], type(signed[name])) for name in some} == {
        name: (value, type(value)) for name, value in some.items()
    }


@pytest.mark.parametrize(
    ("lifetime_s", "backdate_s", "asked", "lasts"),
    [
        (7200, 120, None, 7320),
        (7200, 0, None, 7200),
        (1801, 0, None, 1801),
        (172790, 86400, None, 172790),
        (172790, 0, None, 172790),
        (7200, 0, 1800, 1801),
        (7200, 1, 1800, 1801),
        (7200, 2, 1800, 1802),
        (7200, 120, 1800, 1920),
        (7200, 120, 172670, 172790),
        (7200, 120, 172671, 172790),
        (7200, 0, 172800, 172790),
        (7200, 86400, 172800, 172790),
        (7200, 120, 3600.7, 3720),
    ],
)
async def test_times(lifetime_s: int, backdate_s: int, asked: float | None, lasts: int) -> None:
    body = USUAL if asked is None else USUAL | {"expirationSeconds": asked}
    signed = await claims(native(lifetime_s=lifetime_s, backdate_s=backdate_s), body)
    iat = 1_795_280_241 - backdate_s
    assert signed["iat"] == iat
    assert signed["exp"] == signed["tokenExp"] == iat + lasts
    assert all(type(signed[name]) is int for name in ("iat", "exp", "tokenExp"))


@given(
    st.one_of(st.from_regex(r"[0-9]{1,20}", fullmatch=True), st.integers(0, 10**20 - 1)),
    st.sampled_from([0, 1]),
    st.none() | st.integers(1800, 172800),
    st.none() | st.sampled_from([0, 1]),
    st.integers(0, 86400),
)
async def test_every_token_is_pyjwts_and_sound(
    meeting: str | int, role: int, seconds: int | None, mode: int | None, backdate_s: int
) -> None:
    asked = {"expirationSeconds": seconds, "videoWebRtcMode": mode}
    body = {"meetingNumber": meeting, "role": role} | {k: v for k, v in asked.items() if v is not None}
    backend = native(allow_host_role=True, backdate_s=backdate_s)
    answer = await reply(backend, body)
    token = json.loads(answer.body)["signature"]
    signed = jwt.decode(
        token, CLIENT_SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert token == jwt.encode(signed, CLIENT_SECRET, algorithm="HS256")
    assert 1801 <= signed["exp"] - signed["iat"] <= 172790
    assert (signed["mn"], signed["role"]) == (meeting, role)
    found = find(answer.body)
    assert found is not None
    unsound = {each.id for each in check(found, Circumstances(NOW, meeting=str(meeting), role=str(role)))}
    # A page that asks for half an hour of a signature backdated by a day asks for what has expired.
    assert unsound <= ({"time/expired"} if signed["exp"] <= NOW else set())


@pytest.mark.parametrize("body", [USUAL, {}, USUAL | {"videoWebRtcMode": 1}], ids=["web", "native", "more"])
async def test_what_it_says_to_have_signed_is_what_the_reply_holds(body: object) -> None:
    answer = await reply(native(), body)
    found = find(answer.body)
    assert found is not None
    assert answer.known is not None
    assert verify(found, CLIENT_SECRET.encode())
    assert msgspec.structs.replace(found, signed=b"", mac=b"") == answer.known
    assert found.format is (Format.NATIVE if body == {} else Format.MEETING_SDK)


@pytest.mark.parametrize(
    ("body", "headers", "status", "errors"),
    [
        pytest.param(
            {"role": 3, "expirationSeconds": 5},
            JSON,
            400,
            [
                {
                    "property": "$schema",
                    "reason": "If one of the following properties is present, all or none must be present: "
                    "meetingNumber, role",
                },
                {"property": "role", "reason": "Value is not valid. Got 3, expected 0,1"},
                {"property": "expirationSeconds", "reason": "Value must in between 1800 and 172800"},
            ],
            id="several",
        ),
        pytest.param(
            USUAL | {"role": 1},
            JSON,
            403,
            [
                {
                    "property": "role",
                    "reason": "The host role is not issued here: set allow_host_role to issue it",
                }
            ],
            id="host",
        ),
        pytest.param(
            b"{",
            JSON,
            400,
            [{"property": "$schema", "reason": "The body is not valid JSON"}],
            id="not JSON",
        ),
        pytest.param(
            USUAL,
            (("content-type", "text/plain"),),
            415,
            [
                {
                    "property": "$schema",
                    "reason": "The body must be JSON and be sent with Content-Type: application/json",
                }
            ],
            id="not sent as JSON",
        ),
    ],
)
async def test_refusals(body: object, headers: Headers, status: int, errors: list[dict[str, str]]) -> None:
    answer = await reply(native(), body, headers=headers)
    assert (answer.status, json.loads(answer.body)) == (status, {"errors": errors})
    assert dict(answer.headers)["Access-Control-Allow-Origin"] == "*"
    assert dict(answer.headers)["Cache-Control"] == "no-store"
    assert answer.reason
    assert answer.known is None


async def test_the_host_role_where_it_is_allowed() -> None:
    assert (await claims(native(allow_host_role=True), USUAL | {"role": 1}))["role"] == 1


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ((("access-control-request-headers", "content-type,x-a"),), "content-type,x-a"),
        ((), None),
    ],
    ids=["with headers", "without"],
)
async def test_preflight(asked: Headers, allowed: str | None) -> None:
    answer = await reply(native(), b"", method="OPTIONS", headers=(("Origin", "https://a.example"), *asked))
    assert (answer.status, answer.reason, answer.body, answer.known) == (204, "No Content", b"", None)
    assert header(answer.headers, "Access-Control-Allow-Origin") == "*"
    assert header(answer.headers, "Access-Control-Allow-Methods") == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert header(answer.headers, "Vary") == "Access-Control-Request-Headers"
    assert header(answer.headers, "Access-Control-Allow-Headers") == allowed


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_signed(method: str) -> None:
    answer = await reply(native(), method=method)
    assert (answer.status, answer.reason) == (405, "Method Not Allowed")
    assert header(answer.headers, "Allow") == "POST, OPTIONS"
    assert json.loads(answer.body) == {"errors": [{"property": "$method", "reason": "Use POST"}]}
    assert answer.known is None


@given(st.binary(max_size=100), st.sampled_from(["application/json", "text/plain", "\x00"]))
async def test_it_always_answers(body: bytes, content_type: str) -> None:
    answer = await reply(native(), body, headers=(("Content-Type", content_type),))
    assert answer.status in (200, 400, 403, 415)


async def test_it_shows_its_secret_to_nobody() -> None:
    backend = native()
    answer = await reply(backend)
    assert CLIENT_SECRET not in repr(backend) + repr(answer) + answer.body.decode()
