"""A backend's clocks from the Date of its replies: what is claimed contains the truth, and unknown is absent."""

from __future__ import annotations

import random
import tracemalloc
from email.utils import formatdate

import pytest

from proxy.backends.http import HttpBackend
from proxy.domain.diagnosis.windows import MAX_REPLICAS
from proxy.domain.offsets import OffsetWindow
from proxy.domain.ports import Ask, Headers, Offset, Reply
from proxy.services.backend_clocks import BackendClocks
from proxy.telemetry.metrics import Metrics
from tests.support.fake_time import FakeTime
from tests.support.servers import Peer, raw_server

NAMES = ("joinwatch_backend_clock_offset", "joinwatch_backend_clock_offset_bound")


class World:
    """One backend whose clock is ahead by a known offset."""

    def __init__(self, offset_s: float, seed: int = 1, gap_s: float = 3.0) -> None:
        self.offset_s = offset_s
        self.time = FakeTime()
        self.metrics = Metrics(backends=("java", "native"))
        self.clocks = BackendClocks(("java",), metrics=self.metrics)
        self._gap_s = gap_s
        self._random = random.Random(seed)

    def reply(
        self, headers: Headers | None = None, *, replica: str | None = None, ahead_s: float | None = None
    ) -> Reply:
        """A reply after a round trip of up to 80 ms, its Date of some moment within."""
        self.time.advance(self._random.uniform(self._gap_s / 6, self._gap_s))
        trip_s = self._random.uniform(0.005, 0.08)
        began = self.time.mono()
        there = self.time.wall() + self._random.random() * trip_s
        self.time.advance(trip_s)
        if headers is None:
            headers = (
                (
                    "Date",
                    formatdate(int(there + (self.offset_s if ahead_s is None else ahead_s)), usegmt=True),
                ),
            )
        return Reply(
            status=200,
            reason="OK",
            headers=headers,
            body=b"",
            began_mono=began,
            headers_mono=self.time.mono(),
            headers_wall=self.time.wall(),
            replica=replica,
        )

    def hear(self, replica: str | None, ahead_s: float, times: int = 1) -> None:
        """So many replies of a replica whose clock is ahead by so much."""
        for _ in range(times):
            self.clocks.observe("java", self.reply(replica=replica, ahead_s=ahead_s))

    def known(self) -> dict[str, Offset | None]:
        """What is known of java's replicas."""
        return self.clocks.replicas("java", self.time.wall())

    def gauges(self) -> list[float | None]:
        self.clocks.publish(self.time.wall())
        labels = {"backend": "java"}
        return [self.metrics.registry.get_sample_value(f"{name}_seconds", labels) for name in NAMES]


@pytest.mark.parametrize("offset_s", [0.0, 0.4, -37.25, 40.0, 86400.5])
async def test_the_claimed_interval_contains_the_truth_and_narrows(offset_s: float) -> None:
    world = World(offset_s)
    known = [world.clocks.observe("java", world.reply()).offset for _ in range(60)]
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
    assert world.clocks.observe("java", world.reply(headers)).offset is None
    assert world.gauges() == [None, None]


async def test_a_backend_that_is_this_host_has_no_clock_of_its_own() -> None:
    world = World(0.0)
    assert world.clocks.observe("native", world.reply()).offset is None
    assert world.clocks.replicas("native", world.time.wall()) == {}


async def test_a_step_of_this_hosts_clock_voids_what_was_measured_against_it() -> None:
    world = World(10.0)
    for _ in range(20):
        world.clocks.observe("java", world.reply())
    world.time.step_wall(600.0)
    world.clocks.clear()
    assert world.gauges() == [None, None]
    known = world.clocks.observe("java", world.reply((("Date", formatdate(0, usegmt=True)),))).offset
    assert known is not None
    assert known.offset_s < -1e9


async def test_a_clock_that_has_not_been_heard_of_for_long_is_unknown_again() -> None:
    world = World(10.0)
    world.clocks.observe("java", world.reply())
    assert world.gauges() != [None, None]
    world.time.advance(7200)
    assert world.gauges() == [None, None]


# Replicas


async def test_two_replicas_behind_one_name_are_told_apart_by_the_header() -> None:
    truth = {"pod-a": 0.0, "pod-b": 45.0}
    time, source = FakeTime(), random.Random(45)
    metrics = Metrics(backends=("java",))
    clocks = BackendClocks(("java",), metrics=metrics)

    async def pods(peer: Peer) -> None:
        """Either answers, each with its own clock, after a moment on the way."""
        while await peer.request() is not None:
            pod = source.choice(sorted(truth))
            time.advance(source.uniform(0.001, 0.04))
            date = formatdate(int(time.wall() + truth[pod]), usegmt=True)
            time.advance(source.uniform(0.001, 0.04))
            head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nX-Pod: {pod}\r\nContent-Length: 2\r\n\r\nhi"
            await peer.send(head.encode())

    async with raw_server(pods) as server:
        backend = HttpBackend(
            "java", server.url, timeout_s=5, observe_max_bytes=1000, time=time, replica_header="X-Pod"
        )
        try:
            for _ in range(200):
                time.advance(source.uniform(0.5, 2.5))
                reply = await backend.sign(Ask("POST", "", "", (("Host", "x"),), b""))
                assert reply.replica is not None
                known = clocks.observe("java", reply).offset
                assert known is not None
                assert abs(known.offset_s - truth[reply.replica]) <= known.bound_s
        finally:
            await backend.aclose()
    replicas = clocks.replicas("java", time.wall())
    assert replicas.keys() == truth.keys()
    for pod, offset in replicas.items():
        assert offset is not None
        assert abs(offset.offset_s - truth[pod]) <= offset.bound_s < 0.4
    clocks.publish(time.wall())
    shown = metrics.registry.get_sample_value(f"{NAMES[0]}_seconds", {"backend": "java"})
    assert shown == pytest.approx(45.0, abs=0.4)


async def test_the_gauge_shows_the_replica_that_is_farthest_off() -> None:
    world = World(0.0)
    for replica, ahead_s in (("a", 0.2), ("b", -30.0), ("c", 12.0)):
        world.hear(replica, ahead_s, times=20)
    offset, bound = world.gauges()
    assert offset is not None
    assert bound is not None
    assert abs(offset - -30.0) <= bound < 0.4


async def test_a_replica_that_falls_silent_leaves_the_gauge_to_the_others() -> None:
    world = World(0.0)
    world.hear("gone", 45.0, times=5)
    world.time.advance(590)
    world.hear("here", 0.3, times=20)
    offset, _ = world.gauges()
    assert world.known()["gone"] is None
    assert offset == pytest.approx(0.3, abs=0.4)


async def test_replicas_that_nobody_can_tell_apart_are_one_clock() -> None:
    world = World(0.0)
    world.hear(None, 3.0, times=20)
    assert list(world.known()) == [""]
    assert world.gauges()[0] == pytest.approx(3.0, abs=0.4)


async def test_a_reply_without_a_date_tells_what_is_known_of_its_replica_alone() -> None:
    world = World(0.0)
    world.hear("a", 45.0, times=5)
    assert world.clocks.observe("java", world.reply((), replica="b")).offset is None
    assert list(world.known()) == ["a"]
    known = world.clocks.observe("java", world.reply((), replica="a")).offset
    assert known is not None
    assert abs(known.offset_s - 45.0) <= known.bound_s


async def test_beyond_64_the_replica_that_was_silent_for_longest_is_forgotten() -> None:
    world = World(0.0)
    names = [f"pod-{number}" for number in range(MAX_REPLICAS)]
    for name in (*names, "pod-0", "new"):
        world.hear(name, 1.0)
    assert list(world.known()) == [*names[2:], "pod-0", "new"]


async def test_ten_thousand_names_stay_bounded() -> None:
    world = World(0.0)
    for number in range(1000):
        world.hear(f"{number}", 0.0)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(9000):
        world.hear(f"again {number}", 0.0)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(world.known()) == MAX_REPLICAS
    assert after - before < 500_000


async def test_one_estimate_a_second_is_worked_out_however_many_replicas_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worked_out: list[float] = []

    class Watched(OffsetWindow):
        """Notes when it is asked."""

        def estimate(self, now: float) -> Offset | None:
            worked_out.append(now)
            return super().estimate(now)

    monkeypatch.setattr("proxy.services.backend_clocks.OffsetWindow", Watched)
    world = World(0.0, gap_s=0.1)
    for number in range(MAX_REPLICAS):
        world.hear(f"{number}", 0.0)
    worked_out.clear()
    began = world.time.wall()
    for number in range(4000):
        world.hear(f"{number % MAX_REPLICAS}", 0.0)
    passed_s = world.time.wall() - began
    assert 0 < len(worked_out) <= passed_s + MAX_REPLICAS < 1000
    assert all(known is not None and abs(known.offset_s) <= known.bound_s for known in world.known().values())
