"""Every backend over HTTP: what its fault makes of signatures, that it is one fault only, and that it is mended."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest

from proxy.demo.backends import BY_GET, start_backends
from proxy.demo.faults import BACKENDS, HONEST, PLANTED, Faults
from proxy.demo.signing import CLIENT_ID, CLIENT_SECRET
from proxy.demo.verifier import EXPIRED, GOOD, INVALID, WRONG_MEETING, Verifier
from proxy.domain.causes import Cause

from ..support.fake_time import FakeTime

CYCLE_S = 256
EVERY = (INVALID,)


@dataclass(frozen=True, slots=True)
class Backends:
    """All of them, and who judges their signatures."""

    urls: dict[str, str]
    faults: Faults
    time: FakeTime
    verifier: Verifier
    http: aiohttp.ClientSession

    async def ask(self, name: str, meeting: str) -> str:
        """A signature, as the page gets it."""
        asked: dict[str, str | int] = {"meetingNumber": meeting, "role": 0}
        by_get = name in BY_GET
        async with self.http.request(
            "GET" if by_get else "POST",
            self.urls[name],
            params=asked if by_get else None,
            json=None if by_get else asked,
            raise_for_status=True,
        ) as reply:
            signature: str = (await reply.json())["signature"]
        return signature

    async def verdicts(self, name: str) -> Counter[str]:
        """What becomes of the signatures of a cycle, one in each second, joined with at once."""
        found: Counter[str] = Counter()
        for number in range(CYCLE_S):
            meeting = f"9876000{number % 7:04}"
            found[self.verifier.judge(await self.ask(name, meeting), meeting)] += 1
            self.time.advance(1.0)
        return found


@pytest.fixture
async def backends() -> AsyncIterator[Backends]:
    async with AsyncExitStack() as stack:
        time, faults = FakeTime(wall_s=1_795_000_064.25), Faults()
        urls = await start_backends(stack, faults, time, seed=1)
        verifier = Verifier({CLIENT_ID: CLIENT_SECRET}, time, random.Random(2))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Backends(urls, faults, time, verifier, http)


@pytest.mark.parametrize(
    ("name", "least", "most", "refusals"),
    [
        ("java_rounding", 67, 67, {INVALID}),
        ("java_rounding_no_margin", 127, 127, {INVALID}),
        ("fast_clock", 256, 256, {INVALID}),
        ("timezone", 256, 256, {INVALID}),
        ("milliseconds", 256, 256, {INVALID}),
        ("wrong_secret", 256, 256, {INVALID}),
        ("shared_fields", 30, 100, {INVALID, WRONG_MEETING}),
        ("cached", 30, 226, {EXPIRED}),
        ("legacy", 256, 256, {INVALID}),
        ("replicas", 85, 86, {INVALID}),
        (HONEST, 0, 0, set()),
    ],
)
async def test_the_fault(backends: Backends, name: str, least: int, most: int, refusals: set[str]) -> None:
    found = await backends.verdicts(name)
    assert least <= CYCLE_S - found[GOOD] <= most, found
    assert set(found) - {GOOD} == refusals


async def test_mended_all_are_sound(backends: Backends) -> None:
    for fault in PLANTED:
        backends.faults.switch(fault.name, False)
        assert await backends.verdicts(fault.name) == {GOOD: CYCLE_S}, fault.name


async def test_a_bad_request_is_refused(backends: Backends) -> None:
    for name, url in backends.urls.items():
        async with backends.http.request("GET" if name in BY_GET else "POST", url, data=b"[]") as reply:
            assert reply.status == 400


async def test_what_a_cache_adds(backends: Backends) -> None:
    url, asked = backends.urls["cached"], {"meetingNumber": "98760000001", "role": "0"}
    ages = []
    for _ in range(2):
        async with backends.http.get(url, params=asked) as reply:
            ages.append(int(reply.headers["Age"]))
            assert reply.headers["X-Cache"] == "HIT"
        backends.time.advance(60)
    assert ages[1] == ages[0] + 60


def test_every_fault_names_a_cause_and_has_a_backend() -> None:
    assert {fault.cause for fault in PLANTED} <= set(Cause)
    assert (*(fault.name for fault in PLANTED), HONEST) == BACKENDS


def test_switches_tell_of_changes_only() -> None:
    faults, told = Faults(), list[tuple[str, bool]]()
    faults.on_switch.append(lambda fault, on: told.append((fault.name, on)))
    faults.switch("cached", True)
    faults.switch("cached", False)
    faults.switch("cached", False)
    assert told == [("cached", False)]
    assert {fault.name: on for fault, on in faults}["cached"] is False
    assert not faults.is_on(HONEST)
    with pytest.raises(KeyError):
        faults.switch(HONEST, True)
