"""A backend's clock from the Date of its replies: what is claimed contains the truth, and unknown is absent."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest

from proxy.domain.ports import Headers, Reply
from proxy.services.backend_clocks import BackendClocks
from proxy.telemetry.metrics import Metrics
from tests.support.fake_time import FakeTime

NAMES = ("joinwatch_backend_clock_offset", "joinwatch_backend_clock_offset_bound")


class World:
    """One backend whose clock is ahead by a known offset."""

    def __init__(self, offset_s: float, seed: int = 1) -> None:
        self.offset_s = offset_s
        self.time = FakeTime()
        self.metrics = Metrics(backends=("java", "native"))
        self.clocks = BackendClocks(("java",), metrics=self.metrics)
        self._random = random.Random(seed)

    def reply(self, headers: Headers | None = None) -> Reply:
        """A reply after a round trip of up to 80 ms, its Date of some moment within."""
        self.time.advance(self._random.uniform(0.5, 3.0))
        trip_s = self._random.uniform(0.005, 0.08)
        began = self.time.mono()
        there = self.time.wall() + self._random.random() * trip_s
        self.time.advance(trip_s)
        if headers is None:
            headers = (("Date", formatdate(int(there + self.offset_s), usegmt=True)),)
        return Reply(
            status=200,
            reason="OK",
            headers=headers,
            body=b"",
            began_mono=began,
            headers_mono=self.time.mono(),
            headers_wall=self.time.wall(),
        )

    def gauges(self) -> list[float | None]:
        self.clocks.publish(self.time.wall())
        labels = {"backend": "java"}
        return [self.metrics.registry.get_sample_value(f"{name}_seconds", labels) for name in NAMES]


@pytest.mark.parametrize("offset_s", [0.0, 0.4, -37.25, 40.0, 86400.5])
async def test_the_claimed_interval_contains_the_truth_and_narrows(offset_s: float) -> None:
    world = World(offset_s)
    known = [world.clocks.observe("java", world.reply()) for _ in range(60)]
    offsets = [each for each in known if each is not None]
    assert len(offsets) == 60
    assert all(abs(each.offset_s - offset_s) <= each.bound_s for each in offsets)
    assert offsets[0].bound_s <= 1.1
    assert offsets[-1].bound_s < 0.4
    assert world.gauges() == [pytest.approx(offsets[-1].offset_s), pytest.approx(offsets[-1].bound_s)]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param((), id="no Date"),
        pytest.param((("Date", "yesterday"),), id="a Date that is none"),
        pytest.param((("Date", "Fri, 15 Jan 2027 08:00:00 GMT"), ("Age", "9")), id="out of a cache"),
    ],
)
async def test_a_reply_that_does_not_tell_the_time_leaves_the_clock_unknown(headers: Headers) -> None:
    world = World(0.0)
    assert world.clocks.observe("java", world.reply(headers)) is None
    assert world.gauges() == [None, None]


async def test_a_backend_that_is_this_host_has_no_clock_of_its_own() -> None:
    world = World(0.0)
    assert world.clocks.observe("native", world.reply()) is None


async def test_a_step_of_this_hosts_clock_voids_what_was_measured_against_it() -> None:
    world = World(10.0)
    for _ in range(20):
        world.clocks.observe("java", world.reply())
    world.time.step_wall(600.0)
    world.clocks.clear()
    assert world.gauges() == [None, None]
    known = world.clocks.observe("java", world.reply((("Date", formatdate(0, usegmt=True)),)))
    assert known is not None
    assert known.offset_s < -1e9


async def test_a_clock_that_has_not_been_heard_of_for_long_is_unknown_again() -> None:
    world = World(10.0)
    world.clocks.observe("java", world.reply())
    assert world.gauges() != [None, None]
    world.time.advance(7200)
    assert world.gauges() == [None, None]
