"""The SNTP client against a real chronyd, and against a server that answers wrongly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import sleep
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clocks.ntp import BadReply, NtpClock, answers, interpret, parse_server, request
from proxy.clocks.system import SystemTime
from proxy.domain.ports import ClockUnavailable, Time
from tests.support.fake_time import FakeTime
from tests.support.real import missing, require

EPOCH_1900_S = 2_208_988_800


class Shifted:
    """This host's clock, set off by so many seconds."""

    def __init__(self, by: float) -> None:
        self._by = by
        self._time = SystemTime()

    def wall(self) -> float:
        return self._time.wall() + self._by

    def mono(self) -> float:
        return self._time.mono()


# The real server


@pytest.fixture
async def chrony(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a chronyd that serves this machine's own time and touches nothing of it (-x)."""
    program = require("chronyd")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config = tmp_path / "chrony.conf"
    config.write_text(
        f"local stratum 8\nport {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\n"
        f"bindcmdaddress /\npidfile {tmp_path}/chronyd.pid\ndriftfile {tmp_path}/drift\n"
    )
    user = ["-U"] if os.geteuid() else ["-u", "root"]
    process = await asyncio.create_subprocess_exec(
        program,
        "-x",
        "-d",
        *user,
        "-f",
        str(config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        await _until_it_answers(port, process)
        yield port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def _until_it_answers(port: int, process: asyncio.subprocess.Process) -> None:
    clock = NtpClock(f"127.0.0.1:{port}", time=SystemTime(), exchanges=1, timeout_s=0.2)
    for _ in range(50):
        if process.returncode is not None:
            assert process.stdout is not None
            pytest.fail(f"chronyd did not start: {(await process.stdout.read()).decode()}")
        with contextlib.suppress(ClockUnavailable):
            await clock.measure()
            return
        await asyncio.sleep(0.05)
    pytest.fail("chronyd did not answer")


@pytest.mark.parametrize(
    "by", [0.0, 90.0, -30.0, 3600.0 * 24 * 365 * 40], ids=["right", "ahead", "behind", "era"]
)
async def test_the_offset_by_a_real_server(chrony: int, by: float) -> None:
    clock = NtpClock(f"127.0.0.1:{chrony}", time=Shifted(by), gap_s=0.0)
    offset = await clock.measure()
    await clock.aclose()
    assert abs(offset.offset_s - by) <= offset.bound_s
    assert offset.bound_s < 0.05
    assert clock.source == f"ntp:127.0.0.1:{chrony}"


# A server that answers as it is told to


class Server(asyncio.DatagramProtocol):
    """Answers each request with what `reply` makes of it: no, one or several datagrams."""

    def __init__(self, reply: Callable[[bytes, int], list[bytes]]) -> None:
        self.asked = 0
        self._reply = reply
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The selector loop's own datagram transport is no DatagramTransport by its class.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self.asked += 1
        for datagram in self._reply(data, self.asked):
            self._transport.sendto(datagram, addr)


@contextlib.asynccontextmanager
async def serving(
    reply: Callable[[bytes, int], list[bytes]], host: str = "127.0.0.1"
) -> AsyncIterator[tuple[str, Server]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: Server(reply), local_addr=(host, 0))
    port = transport.get_extra_info("sockname")[1]
    try:
        yield (f"[{host}]:{port}" if ":" in host else f"{host}:{port}"), server
    finally:
        transport.close()
        await asyncio.sleep(0)


def timestamp(epoch: float) -> int:
    return int((epoch + EPOCH_1900_S) * 2**32) % 2**64


def packet(
    asked: bytes,
    *,
    leap: int = 0,
    mode: int = 4,
    stratum: int = 2,
    precision: int = -20,
    root_delay_s: float = 0.0,
    root_dispersion_s: float = 0.0,
    reference: bytes = b"\x7f\x00\x00\x01",
    origin: bytes | None = None,
    received: float | None = None,
    transmitted: float | None = None,
    time: Time | None = None,
) -> bytes:
    now = (time or SystemTime()).wall()
    return struct.pack(
        "!BBbbII4sQ8sQQ",
        leap << 6 | 4 << 3 | mode,
        stratum,
        6,
        precision,
        round(root_delay_s * 65536),
        round(root_dispersion_s * 65536),
        reference,
        0,
        asked[40:48] if origin is None else origin,
        timestamp(now if received is None else received),
        timestamp(now if transmitted is None else transmitted),
    )


def client(server: str, **changed: object) -> NtpClock:
    values = {"time": SystemTime(), "timeout_s": 0.1, "gap_s": 0.0} | changed
    return NtpClock(server, **values)  # type: ignore[arg-type]  # a test's own table of arguments


BAD_REPLIES = [
    pytest.param(
        lambda asked, _: [packet(asked, origin=b"forged!!")],
        "no answer within 0.1 s, 1 datagrams that did not repeat",
        id="wrong_origin",
    ),
    pytest.param(
        lambda asked, _: [packet(asked)[:47]], "no answer within 0.1 s, 1 datagrams", id="short_packet"
    ),
    pytest.param(lambda asked, _: [b""], "no answer within 0.1 s", id="empty_packet"),
    pytest.param(lambda asked, _: [asked], "no answer within 0.1 s", id="echo"),
    pytest.param(lambda asked, _: [], "no answer within 0.1 s;.*UDP to it is allowed", id="silence"),
    pytest.param(
        lambda asked, _: [packet(asked, stratum=0, reference=b"RATE")],
        "kiss-o'-death RATE",
        id="kiss_o_death",
    ),
    pytest.param(
        lambda asked, _: [packet(asked, leap=3)], "not synchronised .leap 3, stratum 2", id="leap_3"
    ),
    pytest.param(
        lambda asked, _: [packet(asked, stratum=16)], "not synchronised .leap 0, stratum 16", id="stratum_16"
    ),
    pytest.param(lambda asked, _: [packet(asked, mode=5)], "mode 5", id="broadcast"),
    pytest.param(
        lambda asked, _: [packet(asked, root_dispersion_s=20)], "may be wrong by 20 s", id="root_distance"
    ),
    pytest.param(lambda asked, _: [packet(asked, precision=100)], "may be wrong by", id="absurd_precision"),
    pytest.param(
        lambda asked, _: [packet(asked, transmitted=-EPOCH_1900_S)],
        "not synchronised",
        id="no_transmit_timestamp",
    ),
    pytest.param(
        lambda asked, _: [packet(asked, received=1.8e9, transmitted=1.8e9 - 1)],
        "impossible",
        id="time_runs_back",
    ),
    pytest.param(
        lambda asked, _: [packet(asked, received=1.8e9, transmitted=1.8e9 + 9)],
        "impossible",
        id="held_too_long",
    ),
]


@pytest.mark.parametrize(("reply", "message"), BAD_REPLIES)
async def test_a_bad_reply_is_no_time(reply: Callable[[bytes, int], list[bytes]], message: str) -> None:
    async with serving(reply) as (address, _):
        with pytest.raises(ClockUnavailable, match=message) as caught:
            await client(address).measure()
    assert "127.0.0.1" in str(caught.value)
    assert "[clock] ntp" in str(caught.value)


async def test_a_forged_reply_does_not_hide_the_true_one() -> None:
    def reply(asked: bytes, _: int) -> list[bytes]:
        return [packet(asked, origin=b"forged!!", received=0, transmitted=0), packet(asked)]

    async with serving(reply) as (address, _):
        offset = await client(address).measure()
    assert abs(offset.offset_s) <= offset.bound_s


async def test_the_exchange_with_the_least_delay_counts() -> None:
    def reply(asked: bytes, number: int) -> list[bytes]:
        sleep(0.0 if number == 3 else 0.03)  # the time on the way, as the client sees it
        return [packet(asked, root_dispersion_s=number)]

    async with serving(reply) as (address, server):
        offset = await client(address).measure()
    assert server.asked == 4
    assert 3.0 < offset.bound_s < 3.02


async def test_a_long_delay_is_refused() -> None:
    async with serving(lambda asked, _: [packet(asked)]) as (address, server):
        with pytest.raises(ClockUnavailable, match=r"the network took .* more than 0 s"):
            await client(address, max_delay_s=0.0).measure()
    assert server.asked == 4


async def test_a_kiss_is_obeyed_for_an_hour() -> None:
    def reply(asked: bytes, number: int) -> list[bytes]:
        return [packet(asked, time=time) if number > 1 else packet(asked, stratum=0, reference=b"DENY")]

    time = FakeTime()
    async with serving(reply) as (address, server):
        clock = client(address, time=time)
        for _ in range(3):
            with pytest.raises(ClockUnavailable, match="kiss-o'-death DENY"):
                await clock.measure()
        assert server.asked == 1
        time.advance(3600.0)
        assert abs((await clock.measure()).offset_s) < 0.001
    assert server.asked == 5


async def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(ClockUnavailable, match=r"ntp\.invalid port 123: (no socket to it|its name)"):
        await client("ntp.invalid", timeout_s=5.0).measure()


async def test_a_closed_port_is_told_from_silence() -> None:
    async with serving(lambda asked, _: []) as (address, _):
        pass
    with pytest.raises(ClockUnavailable, match="the network refused"):
        await client(address).measure()


async def test_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        missing(f"this machine has no IPv6 loopback: {error}")
    async with serving(lambda asked, _: [packet(asked)], host="::1") as (address, _):
        clock = client(address)
        offset = await clock.measure()
    assert abs(offset.offset_s) <= offset.bound_s
    assert clock.source == f"ntp:{address}"


# The parsers


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("pool.example.org", ("pool.example.org", 123)),
        (" 192.0.2.1:1123 ", ("192.0.2.1", 1123)),
        ("[2001:db8::1]", ("2001:db8::1", 123)),
        ("[2001:db8::1]:1123", ("2001:db8::1", 1123)),
    ],
)
def test_a_server_in_the_configuration(server: str, expected: tuple[str, int]) -> None:
    assert parse_server(server) == expected


@pytest.mark.parametrize(
    "server",
    [
        "",
        ":123",
        "host:",
        "host:0",
        "host:65536",
        "host:ntp",
        "2001:db8::1",
        "[::1",
        "[::1]123",
        "[::1]:",
        "a b",
        "ntp://a",
    ],
)
def test_a_server_written_wrongly(server: str) -> None:
    with pytest.raises(ValueError, match=r'NTP server .*: write "host"'):
        NtpClock(server, time=SystemTime())


def test_a_source_without_a_port_is_named_by_its_host() -> None:
    assert NtpClock("pool.example.org:123", time=SystemTime()).source == "ntp:pool.example.org"
    assert NtpClock("[2001:db8::1]", time=SystemTime()).source == "ntp:[2001:db8::1]"


def test_a_request_carries_the_random_timestamp_and_nothing_else() -> None:
    assert request(0x0102030405060708) == b"\x23" + bytes(39) + bytes(range(1, 9))


@pytest.mark.parametrize("nonce", [0, 2**63, 2**64 - 1])
def test_only_the_right_origin_is_an_answer(nonce: int) -> None:
    reply = packet(request(nonce))
    assert answers(reply, nonce)
    assert not answers(reply, nonce ^ 1)
    assert not answers(reply[:47], nonce)


def test_the_arithmetic() -> None:
    """Asked at 1000, 40 ms on the way out, 10 ms held, 20 ms back, by a server whose clock is 5 s ahead of ours."""
    reply = packet(
        bytes(48),
        received=1005.04,
        transmitted=1005.05,
        root_delay_s=0.02,
        root_dispersion_s=0.005,
        precision=-20,
    )
    exchange = interpret(reply, 1000.0, 0.07, 1.0)
    assert exchange.delay_s == pytest.approx(0.06, abs=1e-6)
    assert exchange.offset.offset_s == pytest.approx(-5.01, abs=1e-6)
    assert exchange.offset.bound_s == pytest.approx(0.03 + 0.01 + 0.005 + 2**-20, abs=1e-4)
    assert exchange.offset.measured_at == pytest.approx(1000.07)


@pytest.mark.parametrize(
    "now", [2_085_978_496.25, 2_200_000_000.25], ids=["first_second_of_era_1", "in_2039"]
)
def test_timestamps_after_2036_begin_again_at_0(now: float) -> None:
    exchange = interpret(packet(bytes(48), received=now, transmitted=now), now - 2.0, 0.0, 1.0)
    assert exchange.offset.offset_s == pytest.approx(-2.0, abs=1e-5)


@given(st.binary(min_size=48, max_size=80), st.floats(0, 4e9), st.floats(0, 10))
def test_any_packet_is_a_bounded_offset_or_a_bad_reply(
    reply: bytes, sent_wall: float, duration_s: float
) -> None:
    try:
        exchange = interpret(reply, sent_wall, duration_s, 1.0)
    except BadReply:
        return
    assert 0.0 < exchange.offset.bound_s < 17.0
    assert abs(exchange.offset.offset_s) <= 2**31 + 1
