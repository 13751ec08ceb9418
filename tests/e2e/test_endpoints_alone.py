"""The endpoints of tests/e2e/endpoints asked directly: the faults that other tests rely on are there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import ClassVar

import aiohttp
import pytest
import pytest_asyncio

from ..support import endpoints
from ..support.endpoints import HOLD_HEADER, NOW_HEADER, SDK_KEY, SDK_SECRET, Endpoint, Token, unpadded

pytestmark = pytest.mark.asyncio(loop_scope="module")
fixture = pytest_asyncio.fixture(scope="module", loop_scope="module")

NOW_S = 1_795_280_241
MEETING = "98765432101"
ASKED = {"meetingNumber": MEETING, "role": 0}


@fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """One client for all."""
    async with aiohttp.ClientSession() as session:
        yield session


@fixture
async def java(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoint]:
    """The servlet with its margin of 30 s, one object per request."""
    async with endpoints.java(endpoints.java_classes(tmp_path_factory.getbasetemp())) as endpoint:
        yield endpoint


@fixture
async def servlet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoint]:
    """The servlet as servlets are, one object for all requests, without a margin, its clock an hour ahead."""
    classes = endpoints.java_classes(tmp_path_factory.getbasetemp())
    async with endpoints.java(classes, margin_s=0, shared_fields=True, clock_offset_ms=3_600_000) as endpoint:
        yield endpoint


@fixture
async def node() -> AsyncIterator[Endpoint]:
    """The Express-like endpoint."""
    async with endpoints.node() as endpoint:
        yield endpoint


@fixture
async def php() -> AsyncIterator[Endpoint]:
    """The legacy endpoint."""
    async with endpoints.php() as endpoint:
        yield endpoint


@fixture
async def python() -> AsyncIterator[Endpoint]:
    """The endpoint with float times."""
    async with endpoints.python() as endpoint:
        yield endpoint


def at(now_s: float) -> dict[str, str]:
    """The header that drives an endpoint's time."""
    return {NOW_HEADER: str(int(now_s * 1000))}


async def ask_java(
    http: aiohttp.ClientSession, endpoint: Endpoint, query: dict[str, str], headers: dict[str, str]
) -> str:
    """The text of `signature` in the servlet's reply."""
    async with http.get(endpoint.url, params=query, headers=headers) as reply:
        assert reply.status == 200
        return str(json.loads(await reply.read())["signature"])


class TestJava:
    QUERY: ClassVar = {"meetingNumber": MEETING, "role": "0"}

    async def test_reply_is_hand_built(self, http: aiohttp.ClientSession, java: Endpoint) -> None:
        async with http.get(java.url, params=self.QUERY, headers=at(NOW_S)) as reply:
            body = await reply.text()
            headers = {
                name: value for name, value in reply.headers.items() if name not in {"Date", "Content-Length"}
            }
        found = re.fullmatch(r'\{"signature": "([\w.-]+)","sdkKey": "(\w+)"\}', body)
        assert found
        assert found[2] == SDK_KEY
        assert headers == {}
        token = Token.of(found[1])
        iat = 1_795_280_256  # float32 of NOW_S - 30
        assert token.header == {"alg": "HS256", "typ": "JWT"}
        assert token.claims == {
            "appKey": SDK_KEY,
            "sdkKey": SDK_KEY,
            "mn": MEETING,
            "role": 0,
            "iat": iat,
            "exp": iat + 7200,
            "tokenExp": iat + 7200,
        }
        assert token.mac_ok

    async def test_date_is_the_real_one(self, http: aiohttp.ClientSession, java: Endpoint) -> None:
        before = int(time.time())
        async with http.get(java.url, params=self.QUERY, headers=at(NOW_S)) as reply:
            date = parsedate_to_datetime(reply.headers["Date"]).timestamp()
        assert before <= date <= time.time()

    # A float32 of today's epoch seconds has steps of 128 s, and ties round to even: a cycle is 256 s long.
    @pytest.mark.parametrize(
        ("margin_s", "ahead_by_at_least", "lead_range"),
        [
            pytest.param(30, {0: 69, 1: 67, 3: 63, 6: 57, 11: 47, 35: 0}, (-94, 34), id="margin-30"),
            pytest.param(0, {0: 129, 1: 127, 3: 123, 6: 117, 11: 107, 65: 0}, (-64, 64), id="margin-0"),
        ],
    )
    async def test_share_of_a_driven_cycle(
        self,
        http: aiohttp.ClientSession,
        java: Endpoint,
        servlet: Endpoint,
        margin_s: int,
        ahead_by_at_least: dict[int, int],
        lead_range: tuple[int, int],
    ) -> None:
        endpoint = {30: java, 0: servlet}[margin_s]
        leads, residues = [], set()
        for now_s in range(NOW_S, NOW_S + 256):
            token = Token.of(await ask_java(http, endpoint, self.QUERY, at(now_s + 0.999)))
            leads.append(token.claims["iat"] - now_s)
            residues.add(token.claims["iat"] % 128)
        assert {
            least: sum(lead >= least for lead in leads) for least in ahead_by_at_least
        } == ahead_by_at_least
        assert (min(leads), max(leads)) == lead_range
        assert residues == {0}

    async def test_clock_offset(self, http: aiohttp.ClientSession, servlet: Endpoint) -> None:
        before = time.time()
        token = Token.of(await ask_java(http, servlet, self.QUERY, {}))
        assert before + 3600 - 65 <= token.claims["iat"] <= time.time() + 3600 + 64

    async def test_missing_parameter_alone(self, http: aiohttp.ClientSession, java: Endpoint) -> None:
        signature = await ask_java(http, java, {"role": "0"}, at(NOW_S))
        assert len(unpadded(signature)) == 32  # nothing but an HMAC

    async def test_missing_parameter_of_shared_fields(
        self, http: aiohttp.ClientSession, servlet: Endpoint
    ) -> None:
        first = await ask_java(http, servlet, self.QUERY, at(NOW_S))
        again = await ask_java(http, servlet, {"role": "1"}, at(NOW_S + 3600))
        assert again == first

    async def test_exception_is_an_empty_200(self, http: aiohttp.ClientSession, java: Endpoint) -> None:
        async with http.get(java.url, params={"meetingNumber": MEETING, "role": "host"}) as reply:
            assert (reply.status, await reply.read()) == (200, b"")

    async def test_post_is_refused(self, http: aiohttp.ClientSession, java: Endpoint) -> None:
        async with http.post(java.url, json=ASKED) as reply:
            assert reply.status == 405

    async def test_concurrent_requests_share_the_parameters(
        self, http: aiohttp.ClientSession, java: Endpoint, servlet: Endpoint
    ) -> None:
        assert await self._crossed(http, java, "parameters") == [MEETING, "11111111111"]
        assert await self._crossed(http, servlet, "parameters") == ["11111111111", "11111111111"]

    async def test_concurrent_requests_share_the_token(
        self, http: aiohttp.ClientSession, java: Endpoint, servlet: Endpoint
    ) -> None:
        assert await self._crossed(http, java, "token") == [MEETING, "11111111111"]
        assert await self._crossed(http, servlet, "token") == ["5 parts", "11111111111"]

    async def _crossed(self, http: aiohttp.ClientSession, endpoint: Endpoint, step: str) -> list[str]:
        """The meeting numbers in two tokens: the one held in the middle, the one asked for meanwhile."""
        held_before = endpoint.child.out.count("holding")
        held = asyncio.create_task(ask_java(http, endpoint, self.QUERY, {HOLD_HEADER: step}))
        await endpoint.child.until(
            lambda: endpoint.child.out.count("holding") > held_before or None, "held request", timeout_s=5
        )
        other = await ask_java(http, endpoint, {"meetingNumber": "11111111111", "role": "0"}, {})
        return [
            Token.of(signature).claims["mn"]
            if signature.count(".") == 2
            else f"{signature.count('.') + 1} parts"
            for signature in (await held, other)
        ]


class TestNode:
    async def test_reply_is_like_express(self, http: aiohttp.ClientSession, node: Endpoint) -> None:
        async with http.post(node.url, json=ASKED, headers=at(NOW_S + 0.999)) as reply:
            body = json.loads(await reply.read())
            assert reply.status == 200
            assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
            assert re.fullmatch(r'W/"[0-9a-f]+-[\w+/]{27}"', reply.headers["ETag"])
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert list(body) == ["signature", "sdkKey"]
        token = Token.of(body["signature"])
        assert list(token.claims.items()) == [
            ("appKey", SDK_KEY),
            ("sdkKey", SDK_KEY),
            ("mn", MEETING),
            ("role", 0),
            ("iat", NOW_S),
            ("exp", NOW_S + 7200),
            ("tokenExp", NOW_S + 7200),
        ]
        assert token.mac_ok

    async def test_never_ahead(self, http: aiohttp.ClientSession, node: Endpoint) -> None:
        before = int(time.time())
        async with http.post(node.url, json=ASKED) as reply:
            token = Token.of((await reply.json())["signature"])
        assert before <= token.claims["iat"] <= time.time()

    async def test_values_are_signed_as_they_come(self, http: aiohttp.ClientSession, node: Endpoint) -> None:
        async with http.post(node.url, json={"meetingNumber": 98765432101, "role": "0"}) as reply:
            claims = Token.of((await reply.json())["signature"]).claims
        assert (claims["mn"], claims["role"]) == (98765432101, "0")

    async def test_other_content_types_get_a_native_token(
        self, http: aiohttp.ClientSession, node: Endpoint
    ) -> None:
        async with http.post(
            node.url, data=json.dumps(ASKED), headers={"Content-Type": "text/plain"}
        ) as reply:
            assert reply.status == 200
            token = Token.of((await reply.json())["signature"])
        assert token.claims.keys() == {"appKey", "sdkKey", "iat", "exp", "tokenExp"}
        assert token.mac_ok

    async def test_preflight(self, http: aiohttp.ClientSession, node: Endpoint) -> None:
        headers = {
            "Origin": "https://meet.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        async with http.options(node.url, headers=headers) as reply:
            assert reply.status == 204
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert reply.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
            assert reply.headers["Access-Control-Allow-Headers"] == "content-type"

    @pytest.mark.parametrize(
        ("method", "body", "status"), [("POST", "{", 400), ("GET", None, 404)], ids=["malformed", "get"]
    )
    async def test_refusals_are_html(
        self, http: aiohttp.ClientSession, node: Endpoint, method: str, body: str | None, status: int
    ) -> None:
        headers = {"Content-Type": "application/json"}
        async with http.request(method, node.url, data=body, headers=headers) as reply:
            assert (reply.status, reply.content_type) == (status, "text/html")


class TestPhp:
    async def test_legacy_signature(self, http: aiohttp.ClientSession, php: Endpoint) -> None:
        async with http.post(php.url, json=ASKED, headers=at(NOW_S)) as reply:
            assert reply.status == 200
            assert reply.headers["Content-Type"] == "application/json"
            body = await reply.json()
        assert list(body) == ["signature"]
        signature = body["signature"]
        assert re.fullmatch(r"[\w-]+", signature)  # url-safe, no padding
        timestamp = str((NOW_S - 30) * 1000)
        message = base64.b64encode(f"{SDK_KEY}{MEETING}{timestamp}0".encode())
        mac = base64.b64encode(hmac.new(SDK_SECRET.encode(), message, hashlib.sha256).digest()).decode()
        assert unpadded(signature).decode().split(".") == [SDK_KEY, MEETING, timestamp, "0", mac]

    async def test_timestamp_is_half_a_minute_behind(
        self, http: aiohttp.ClientSession, php: Endpoint
    ) -> None:
        before = time.time()
        async with http.post(php.url, json=ASKED) as reply:
            timestamp_ms = int(unpadded((await reply.json())["signature"]).decode().split(".")[2])
        assert int(before * 1000) - 30_001 <= timestamp_ms <= time.time() * 1000 - 30_000

    async def test_missing_fields_are_signed_empty(self, http: aiohttp.ClientSession, php: Endpoint) -> None:
        async with http.post(php.url, data="meetingNumber=1", headers=at(NOW_S)) as reply:
            parts = unpadded((await reply.json())["signature"]).decode().split(".")
        assert (parts[1], parts[3], len(parts)) == ("", "", 5)


class TestPython:
    async def test_times_are_floats(self, http: aiohttp.ClientSession, python: Endpoint) -> None:
        async with http.post(python.url, json=ASKED, headers=at(NOW_S + 0.999)) as reply:
            assert reply.status == 200
            assert reply.version == aiohttp.HttpVersion10
            assert "Content-Length" not in reply.headers
            body = await reply.json()
        token = body["data"]["jwt_token"]
        assert body == {"status": 1, "data": {"jwt_token": token}}
        assert Token.of(token).mac_ok
        assert unpadded(token.split(".")[1]).decode() == (
            f'{{"appKey":"{SDK_KEY}","mn":"{MEETING}","role":0,'
            f'"iat":{NOW_S}.0,"exp":{NOW_S + 172_800}.0,"tokenExp":{NOW_S + 36_000}.0}}'
        )

    async def test_native_token_without_a_meeting(
        self, http: aiohttp.ClientSession, python: Endpoint
    ) -> None:
        before = int(time.time())
        async with http.post(python.url, json={}) as reply:
            claims = Token.of((await reply.json())["data"]["jwt_token"]).claims
        assert claims.keys() == {"appKey", "iat", "exp", "tokenExp"}
        assert before <= claims["iat"] <= time.time()
