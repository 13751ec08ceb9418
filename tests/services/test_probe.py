"""A probe names what is wrong with an endpoint, says nothing of a sound one, and is no load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from proxy.domain.diagnosis.base import Cause
from proxy.domain.ports import Offset
from proxy.services.probe_report import Ending, Report
from proxy.services.probe_request import Plan
from tests.support import tokens
from tests.support.fake_time import FakeTime
from tests.support.probing import Endpoint, float32, probed, probing, running, signer
from tests.support.secrets import BACKEND_TOKEN, OTHER_CLIENT_SECRET

CYCLE = 14_062_500 * 128
"""A multiple of 256 s, so that the phase of a start is what is added to it."""

PHASES = (0.0, 31.4, 64.0, 65.5, 97.2, 129.0, 190.7, 255.9)
HOST_CLOCK = Offset(0.0, 0.02, 1_800_000_000.0)


def causes(report: Report) -> list[Cause]:
    """What was found."""
    return [each.suspicion.cause for each in report.causes]


def starting(phase: float, **how: Any) -> Endpoint:
    """An endpoint that is first asked at this phase of 256 s."""
    return Endpoint(time=FakeTime(wall_s=CYCLE + phase), **how)


# What is named


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("margin", [0, 30])
async def test_float32_is_named_within_150_s_wherever_in_its_cycle_it_starts(
    margin: int, phase: float
) -> None:
    endpoint = starting(phase, sign=signer(lambda now: float32(int(now) - margin)))
    report = await probed(endpoint, host_clock=HOST_CLOCK)
    assert causes(report) == [Cause.FLOAT32_ROUNDING]
    assert report.ending is Ending.CAUSE
    assert report.elapsed_s <= 150
    (named,) = report.causes
    assert named.suspicion.predicted_share == pytest.approx({0: 0.496, 30: 0.262}[margin], abs=0.001)
    assert "Math.round" in named.suspicion.advice
    assert named.since <= endpoint.time.wall()


@pytest.mark.parametrize(
    ("how", "cause", "within_s"),
    [
        pytest.param({"clock_ahead_s": 45.0}, Cause.BACKEND_CLOCK_AHEAD, 30, id="a clock that is ahead"),
        pytest.param({"clock_ahead_s": -90.0}, Cause.BACKEND_CLOCK_BEHIND, 30, id="a clock that is behind"),
        pytest.param(
            {"sign": signer(lambda now: int(now) + 3600)}, Cause.TIMEZONE_SHIFT, 30, id="a time zone"
        ),
        pytest.param(
            {"sign": signer(lambda now: int(now * 1000))}, Cause.MILLISECONDS, 30, id="milliseconds"
        ),
        pytest.param(
            {"sign": lambda now, mn: tokens.signed(tokens.web(mn=mn), secret=OTHER_CLIENT_SECRET.encode())},
            Cause.WRONG_SECRET,
            30,
            id="a wrong secret",
        ),
        pytest.param({"sign": signer(mn="90000000001")}, Cause.MEETING_MISMATCH, 30, id="always one meeting"),
        pytest.param(
            {"sign": lambda now, _mn: tokens.signed(tokens.native(iat=int(now) - 30, exp=int(now) + 7170))},
            Cause.REQUEST_NOT_PARSED,
            30,
            id="a body that is not read",
        ),
        pytest.param({"shares": True}, Cause.SHARED_STATE, 130, id="shared state"),
    ],
)
async def test_a_cause_is_named(how: dict[str, Any], cause: Cause, within_s: float) -> None:
    report = await probed(starting(10.0, **how), host_clock=HOST_CLOCK)
    assert cause in causes(report)
    assert report.ending is Ending.CAUSE
    assert report.elapsed_s <= within_s


async def test_the_offset_of_a_clock_that_is_ahead_is_bounded() -> None:
    report = await probed(Endpoint(clock_ahead_s=45.0), Plan(for_s=60.0))
    clock = report.backend_clock
    assert clock is not None
    assert abs(clock.offset_s - 45.0) <= clock.bound_s < 1.1


async def test_a_cause_that_is_not_sure_is_told_when_more_time_would_not_tell_more() -> None:
    report = await probed(Endpoint(sign=signer(lambda now: float(int(now) - 30))), host_clock=HOST_CLOCK)
    assert causes(report) == [Cause.MALFORMED_CLAIMS]
    assert report.causes[0].suspicion.confidence < 0.9
    assert (report.ending, report.elapsed_s < 200) == (Ending.CAUSE, True)


async def test_a_minor_cause_does_not_hide_a_worse_one() -> None:
    endpoint = starting(31.4, sign=signer(float32, exp=CYCLE + 400_000, tokenExp=CYCLE + 400_000))
    report = await probed(endpoint, host_clock=HOST_CLOCK)
    assert Cause.FLOAT32_ROUNDING in causes(report)
    assert Cause.LIFETIME_TOO_LONG in causes(report)


# What is not


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("how", "ending"),
    [
        pytest.param({}, Ending.CLEAR, id="a margin of 30 s"),
        pytest.param({"sign": signer(int)}, Ending.CLEAR, id="no margin"),
        pytest.param({"sign": signer(lambda now: int(now) - 3600)}, Ending.CLEAR, id="a margin of 1 h"),
        pytest.param({"trip_s": 1.5}, Ending.CLEAR, id="a slow endpoint"),
        pytest.param({"clock_ahead_s": 1.5}, Ending.CLEAR, id="a clock that is nearly right"),
        pytest.param({"has_date": False}, Ending.CLEAR, id="no Date"),
    ],
)
async def test_nothing_is_found_at_a_sound_endpoint(how: dict[str, Any], ending: Ending, seed: int) -> None:
    report = await probed(starting(seed * 50.0, **how), host_clock=HOST_CLOCK, seed=seed)
    assert report.named == ()
    assert report.ending is ending
    assert 160 <= report.elapsed_s <= 230
    assert report.steady
    assert report.distinct_iats >= 8


async def test_a_token_that_is_kept_for_minutes_is_no_cause_and_is_told() -> None:
    kept: dict[str, tuple[float, str]] = {}

    def cached(now: float, meeting: str) -> str:
        made, token = kept.get(meeting, (0.0, ""))
        if now - made > 120:
            kept[meeting] = made, token = now, signer()(now, meeting)
        return token

    report = await probed(Endpoint(sign=cached), host_clock=HOST_CLOCK)
    assert report.named == ()
    assert report.repeated >= 2
    assert not report.steady
    assert report.ending is Ending.TIME  # A lead that moves is not cleared early.


async def test_what_was_covered() -> None:
    endpoint = Endpoint()
    report = await probed(endpoint, host_clock=HOST_CLOCK)
    assert report.requests == report.signatures == len(endpoint.asked)
    assert report.lead_s is not None
    assert -31.3 <= report.lead_s[0] <= report.lead_s[1] <= -30.0
    assert report.phases >= 120
    assert (report.bursts, report.parallel) == (3, 24)
    assert report.replicas == (endpoint.url.removeprefix("http://"),)
    assert report.formats == ("meeting_sdk",)
    assert report.findings == {}
    assert report.failures == {}
    assert not report.stepped


@pytest.mark.parametrize("ahead", [0.0, 0.37, -2.81])
async def test_requests_at_the_turn_of_seconds_tell_the_clock_tightly(ahead: float) -> None:
    report = await probed(Endpoint(clock_ahead_s=ahead), Plan(for_s=120.0))
    clock = report.backend_clock
    assert clock is not None
    # What a Date may honestly be late by is a quarter of a second.
    assert abs(clock.offset_s - ahead) <= clock.bound_s <= 0.19


# What is asked


async def test_a_probe_is_no_load() -> None:
    endpoint = Endpoint(instead=lambda _: web.Response(status=200) if len(endpoint.asked) % 2 else None)
    await probed(endpoint, Plan(for_s=300.0, every_s=1.5))
    at = [asked.at for asked in endpoint.asked]
    assert len(at) > 150
    assert max(sum(begin <= each < begin + 60 for each in at) for begin in at) <= 62
    assert endpoint.at_once == 8


async def test_requests_are_spaced_and_locked_to_no_period() -> None:
    endpoint = Endpoint()
    await probed(endpoint, Plan(for_s=170.0))
    gaps = endpoint.gaps()
    assert all(3.0 <= gap <= 7.0 for gap in gaps)
    assert len({round(gap, 2) for gap in gaps}) > 15
    assert sum(gaps) / len(gaps) == pytest.approx(5.0, abs=0.5)


async def test_meetings_differ_but_for_one_that_is_asked_for_again_now_and_then() -> None:
    endpoint = Endpoint()
    await probed(endpoint)
    meetings = [asked.meeting for asked in endpoint.asked]
    assert all(len(meeting) == 11 and meeting.isdigit() for meeting in meetings)
    again = len(meetings) - len(set(meetings))
    assert 4 <= again <= len(meetings) / 6
    bursts = [
        [asked.meeting for asked in endpoint.asked if first.at - 0.5 < asked.at < first.at + 0.5]
        for first, second in pairwise(endpoint.asked)
        if second.at - first.at < 0.5
    ]
    assert all(len(set(burst)) == len(burst) for burst in bursts)
    assert max(map(len, bursts)) >= 8


async def test_a_request_is_what_a_page_sends() -> None:
    endpoint = Endpoint()
    await probed(endpoint, Plan(for_s=10.0), headers=["Authorization: Bearer test-backend-token"])
    asked = endpoint.asked[0]
    assert (asked.method, asked.path_qs) == ("POST", "/")
    assert asked.body == f'{{"meetingNumber": "{asked.meeting}", "role": 0}}'.encode()
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == "Bearer test-backend-token"


async def test_a_query_is_asked_and_compared_too() -> None:
    endpoint = Endpoint(sign=signer(mn="90000000001"))
    report = await probed(
        endpoint, Plan(for_s=60.0), path="/sign?meetingNumber={meeting}&role={role}", method="get"
    )
    asked = endpoint.asked[0]
    assert (asked.method, asked.body) == ("GET", b"")
    assert asked.path_qs == f"/sign?meetingNumber={asked.meeting}&role=0"
    assert Cause.MEETING_MISMATCH in causes(report)


async def test_without_a_placeholder_every_request_is_the_same_and_meetings_are_not_compared() -> None:
    endpoint = Endpoint(sign=signer(mn="90000000001"))
    report = await probed(endpoint, body='{"meetingNumber": "93123456789", "role": 0}')
    assert {asked.meeting for asked in endpoint.asked} == {"93123456789"}
    assert "request/meeting_mismatch" not in report.findings
    assert causes(report) == []


# What goes wrong


def redirect(_: int) -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1/?token=not-to-be-shown"})


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        pytest.param(
            lambda _: web.Response(status=401, text="not-to-be-shown"),
            "status 401, text/plain, 15 bytes; send what it asks for with --header",
            id="401",
        ),
        pytest.param(
            redirect,
            "status 302, no Content-Type, 0 bytes; redirects are not followed: probe the URL that it leads to",
            id="a redirect",
        ),
        pytest.param(
            lambda _: web.Response(status=500, body=b"x"),
            "status 500, application/octet-stream, 1 byte; look into its log",
            id="500",
        ),
        pytest.param(
            lambda _: web.json_response({"ok": "not-to-be-shown"}),
            "status 200, application/json, 25 bytes, and no signature in it; check the URL, --method and"
            " --body",
            id="no signature",
        ),
        pytest.param(
            lambda _: web.Response(body=b"x", headers={"Content-Type": f"text/html; token={BACKEND_TOKEN}"}),
            "status 200, text/html, 1 byte, and no signature in it",
            id="a token beside the media type",
        ),
        pytest.param(
            lambda _: web.Response(text="x" * 300_000),
            "status 200, text/plain, over ",
            id="too large",
        ),
    ],
)
async def test_an_endpoint_that_gives_no_signature_is_given_up_and_told_without_its_body(
    instead: Callable[[int], web.Response], message: str
) -> None:
    endpoint = Endpoint(instead=instead)
    report = await probed(endpoint)
    assert report.ending is Ending.NO_SIGNATURE
    assert (report.requests, report.signatures, report.causes) == (3, 0, ())
    assert report.last_failure is not None
    assert report.last_failure.startswith(message)
    assert "not-to-be-shown" not in report.last_failure


async def test_an_endpoint_that_is_not_there() -> None:
    endpoint = Endpoint()
    async with running(endpoint):
        pass
    async with probing(endpoint) as ready:
        report = await ready.probe.run()
    assert report.ending is Ending.NO_SIGNATURE
    assert report.last_failure is not None
    assert report.last_failure.startswith(f"nothing answers at {endpoint.url.removeprefix('http://')} (")
    assert report.last_failure.endswith("; start it, or correct the URL")


async def test_failures_on_the_way_are_counted_and_prevent_an_early_all_clear() -> None:
    endpoint = Endpoint(instead=lambda number: web.Response(status=503) if number in {20, 30} else None)
    report = await probed(endpoint, host_clock=HOST_CLOCK)
    assert report.failures == {"status 503": 2}
    assert report.signatures == report.requests - 2
    assert report.ending is Ending.TIME
    assert causes(report) == []


async def test_an_endpoint_that_limits_requests_is_asked_less() -> None:
    endpoint = Endpoint(instead=lambda number: web.Response(status=429) if number > 5 else None)
    report = await probed(endpoint)
    assert report.failures.keys() == {"status 429"}
    assert endpoint.gaps()[-1] >= 20
    assert report.bursts == 1


async def test_a_step_of_this_hosts_clock_is_noticed_and_accuses_nobody() -> None:
    endpoint = Endpoint()
    stepped: list[float] = []

    def on_sleep(_: float) -> None:
        if endpoint.time.mono() > 1060 and not stepped:
            stepped.append(endpoint.time.wall())
            endpoint.time.step_wall(
                -40.0
            )  # Until now this host and the endpoint's were 40 s ahead of what is right.

    report = await probed(endpoint, host_clock=HOST_CLOCK, on_sleep=on_sleep)
    assert stepped
    assert report.stepped
    assert report.named == ()
    assert report.steady


async def test_what_is_known_so_far_can_be_told_when_it_is_stopped() -> None:
    endpoint = Endpoint()
    async with running(endpoint), probing(endpoint, host_clock=HOST_CLOCK) as ready:
        enough = asyncio.Event()
        told = ready.progress.append

        def stop(progress: Any) -> None:
            told(progress)
            if progress.signatures > 20:
                enough.set()

        ready.probe._on_progress = stop
        task = asyncio.create_task(ready.probe.run())
        await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        report = ready.probe.report(Ending.INTERRUPTED)
    assert report.signatures > 20
    assert report.causes == ()
    assert [each.signatures for each in ready.progress] == sorted(each.signatures for each in ready.progress)
