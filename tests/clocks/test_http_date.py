"""This host's clock by the Date of real servers on loopback whose clocks are off by a known amount."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.clocks.http_date import HttpDateClock
from proxy.clocks.system import SystemTime
from proxy.domain.ports import ClockUnavailable
from tests.support.fake_time import FakeTime

Handler = Callable[[web.Request], web.StreamResponse]


@contextlib.asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[TestServer]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return handle(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    server = TestServer(app)
    async with server:
        yield server


def http_date(epoch: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(epoch), UTC), usegmt=True)


def clock_of(server: TestServer, **changed: object) -> HttpDateClock:
    values = {"time": SystemTime(), "uniform": random.Random(5).random} | changed
    return HttpDateClock(str(server.make_url("/")), **values)  # type: ignore[arg-type]  # a test's own arguments


def no_sleep(_: float) -> asyncio.Future[None]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


@pytest.mark.parametrize("remote_ahead", [12.3, -90.6], ids=["server_ahead", "server_behind"])
async def test_the_offset_by_a_servers_date(remote_ahead: float) -> None:
    seen: list[tuple[str, str | None]] = []

    def handle(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, request.headers.get("Cache-Control")))
        return web.Response(status=404, headers={"Date": http_date(SystemTime().wall() + remote_ahead)})

    async with serving(handle) as server:
        clock = clock_of(server)
        try:
            offset = await clock.measure()
        finally:
            await clock.aclose()
        assert clock.source == f"http_date:127.0.0.1:{server.port}"
    assert abs(offset.offset_s + remote_ahead) <= offset.bound_s
    assert offset.bound_s < 0.8
    assert seen == [("HEAD", "no-store")] * 4


async def test_aiohttps_own_date_is_understood() -> None:
    async with serving(lambda _: web.Response()) as server:
        clock = clock_of(server, sleep=no_sleep)
        offset = await clock.measure()
        await clock.aclose()
    assert abs(offset.offset_s) <= offset.bound_s


async def test_redirects_are_not_followed() -> None:
    paths: list[str] = []

    def handle(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with serving(handle) as server:
        clock = clock_of(server, sleep=no_sleep)
        await clock.measure()
        await clock.aclose()
    assert set(paths) == {"/"}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        pytest.param({"Age": "7"}, "come out of a cache", id="age"),
        pytest.param({"X-Cache": "HIT"}, "come out of a cache", id="hit"),
        pytest.param({"Date": "now"}, "no Date header that can be read", id="unreadable"),
    ],
)
async def test_replies_that_are_no_samples(headers: dict[str, str], message: str) -> None:
    async with serving(lambda _: web.Response(headers=headers)) as server:
        clock = clock_of(server, sleep=no_sleep)
        with pytest.raises(
            ClockUnavailable, match=rf"http://127\.0\.0\.1:{server.port}: its replies .*{message}|{message}"
        ):
            await clock.measure()
        await clock.aclose()


async def test_dates_that_contradict_each_other_are_unknown() -> None:
    ahead = iter([0.0, 40.0, 80.0, 120.0])
    async with serving(
        lambda _: web.Response(headers={"Date": http_date(SystemTime().wall() + next(ahead))})
    ) as server:
        clock = clock_of(server, sleep=no_sleep)
        with pytest.raises(ClockUnavailable, match="contradict each other"):
            await clock.measure()
        await clock.aclose()


async def test_a_server_that_is_down() -> None:
    async with serving(lambda _: web.Response()) as server:
        clock = clock_of(server, sleep=no_sleep)
    with pytest.raises(ClockUnavailable, match=r"the request failed: .*; check \[clock\] http_date"):
        await clock.measure()
    await clock.aclose()


async def test_a_server_that_is_silent() -> None:
    hung_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        clock = HttpDateClock(f"http://127.0.0.1:{port}/", time=SystemTime(), timeout_s=0.1, requests=1)
        with pytest.raises(ClockUnavailable, match=r"no answer within 0\.1 s"):
            await clock.measure()
        await clock.aclose()
        await asyncio.wait_for(hung_up.wait(), 5.0)


async def test_one_lost_request_costs_only_its_sample() -> None:
    asked = 0

    def handle(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == 2:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    async with serving(handle) as server:
        clock = clock_of(server, sleep=no_sleep)
        offset = await clock.measure()
        await clock.aclose()
    assert abs(offset.offset_s) <= offset.bound_s


async def test_samples_from_before_a_step_of_this_host_are_forgotten() -> None:
    time, true_wall = FakeTime(), FakeTime()
    async with serving(lambda _: web.Response(headers={"Date": http_date(true_wall.wall())})) as server:
        clock = clock_of(server, time=time, sleep=no_sleep)
        before = await clock.measure()
        time.step_wall(0.9)  # too small to show between the dates, large enough to make them lie
        after = await clock.measure()
        await clock.aclose()
    assert abs(before.offset_s) <= before.bound_s
    assert abs(after.offset_s - 0.9) <= after.bound_s


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://example.org/", "http://", "https://u:p@example.org/", "http://[::1"]
)
def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError, match="HTTP time source"):
        HttpDateClock(url, time=SystemTime())


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://example.org/x", "http_date:example.org"),
        ("http://example.org:8080/", "http_date:example.org:8080"),
        ("http://[::1]/", "http_date:[::1]"),
    ],
)
def test_a_source_is_named_by_its_host(url: str, source: str) -> None:
    assert HttpDateClock(url, time=SystemTime()).source == source
