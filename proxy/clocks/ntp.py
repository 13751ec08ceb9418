"""A small SNTP client (RFC 5905): one server, a few exchanges, the one with the least delay."""

from __future__ import annotations

import asyncio
import math
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

from ..domain.ports import ClockUnavailable, Offset, Time

NTP_PORT = 123
KISS_SILENCE_S = 3600.0
"""After a kiss-o'-death the server is left alone for so long (RFC 5905 section 7.4)."""

_UNIX_TO_NTP_S = 2_208_988_800
_ERA_S = 2.0**32
_MAX_DISTANCE_S = 16.0
_PACKET = struct.Struct("!BBbbII4sQQQQ")
_REQUEST_BYTE = 4 << 3 | 3  # version 4, mode 3 (client)


class BadReply(Exception):
    """A server's answer cannot be used; `kiss`: it asks to be left alone; `again`: another try may do better."""

    def __init__(self, message: str, *, kiss: bool = False, again: bool = False) -> None:
        super().__init__(message)
        self.kiss = kiss
        self.again = again


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its reply: what this host's offset is by it. `delay_s` is the time spent on the network."""

    offset: Offset
    delay_s: float


def parse_server(server: str) -> tuple[str, int]:
    """ "host", "host:port", "[IPv6]" or "[IPv6]:port" -> host and port. Raises ValueError saying what is wrong."""
    text = server.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port_text = rest.removeprefix(":")
        wrong = not bracket or (rest != "" and not rest.startswith(":")) or rest == ":"
    else:
        host, colon, port_text = text.partition(":")
        wrong = ":" in port_text or (colon == ":" and port_text == "")
    port = NTP_PORT if port_text == "" else int(port_text) if _is_port(port_text) else 0
    if wrong or not host or any(c.isspace() or c in "/[]@" for c in host) or port == 0:
        raise ValueError(f'NTP server {server!r}: write "host", "host:port", "[IPv6]" or "[IPv6]:port"')
    return host, port


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def request(nonce: int) -> bytes:
    """A client packet whose transmit timestamp is 64 random bits: the reply must repeat them, a forger cannot."""
    return _PACKET.pack(_REQUEST_BYTE, 0, 0, 0, 0, 0, bytes(4), 0, 0, 0, nonce)


def answers(packet: bytes, nonce: int) -> bool:
    """Whether this datagram repeats our random origin timestamp; anything else is not for us and is ignored."""
    return len(packet) >= _PACKET.size and _PACKET.unpack_from(packet)[8] == nonce


def interpret(packet: bytes, sent_wall: float, duration_s: float, max_delay_s: float) -> Exchange:
    """What a reply says (RFC 5905 section 8), `duration_s` by a monotonic clock. Raises BadReply.

    Offset: ((T1 - T2) + (T4 - T3)) / 2, positive when this host is ahead. Bound: delay / 2 + root delay / 2 + root
    dispersion + the server's precision.
    """
    first, stratum, _, precision, root_delay, root_dispersion, reference, _, _, received, transmitted = (
        _PACKET.unpack_from(packet)
    )
    leap, mode = first >> 6, first & 7
    if mode != 4:
        raise BadReply(f"it answered in mode {mode}, not as a server (4)")
    if stratum == 0:
        code = "".join(chr(byte) for byte in reference if 32 < byte < 127) or "no code"
        raise BadReply(f"it asks to be left alone (kiss-o'-death {code})", kiss=True)
    if leap == 3 or stratum >= 16 or transmitted == 0 or received == 0:
        raise BadReply(f"it is itself not synchronised (leap {leap}, stratum {stratum})")
    distance_s = (root_delay / 2 + root_dispersion) / 65536 + math.ldexp(1.0, precision)
    if distance_s >= _MAX_DISTANCE_S:
        raise BadReply(f"it says that it may be wrong by {distance_s:.0f} s")
    held_s = _signed((transmitted - received) & (2**64 - 1))
    delay_s = duration_s - held_s
    if held_s < 0 or delay_s < -0.001:
        raise BadReply(
            f"its timestamps are impossible (it held the request {held_s:.6f} s of {duration_s:.6f} s)"
        )
    if delay_s > max_delay_s:
        raise BadReply(f"the network took {delay_s:.3f} s, more than {max_delay_s:g} s", again=True)
    ahead_s = (
        (sent_wall - _unix(received, sent_wall)) + (sent_wall + duration_s - _unix(transmitted, sent_wall))
    ) / 2
    # A server next door may seem to answer before it was asked, by its clock's grain: that is part of the bound.
    delay_s = abs(delay_s)
    return Exchange(Offset(ahead_s, delay_s / 2 + distance_s, sent_wall + duration_s), delay_s)


def _signed(fixed: int) -> float:
    return (fixed - 2**64 if fixed >= 2**63 else fixed) / _ERA_S


def _unix(timestamp: int, near: float) -> float:
    """Epoch seconds of a 64-bit NTP timestamp, in the era (of 136 years) that is nearest to our own clock."""
    seconds = timestamp / _ERA_S - _UNIX_TO_NTP_S
    return seconds + _ERA_S * round((near - seconds) / _ERA_S)


class NtpClock:
    """Implements ports.ReferenceClock with one NTP server, in the form that `parse_server` takes."""

    def __init__(
        self,
        server: str,
        *,
        time: Time,
        random_bytes: Callable[[int], bytes] = os.urandom,
        exchanges: int = 4,
        timeout_s: float = 2.0,
        max_delay_s: float = 1.0,
        gap_s: float = 2.0,
    ) -> None:
        """`gap_s` between exchanges keeps to what public servers allow. Raises ValueError for a bad `server`."""
        self._host, self._port = parse_server(server)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.source = f"ntp:{shown}" if self._port == NTP_PORT else f"ntp:{shown}:{self._port}"
        self._time = time
        self._random_bytes = random_bytes
        self._exchanges = exchanges
        self._timeout_s = timeout_s
        self._max_delay_s = max_delay_s
        self._gap_s = gap_s
        self._silent_until: float | None = None
        self._kiss = ""

    async def measure(self) -> Offset:
        """This host's offset by the exchange with the least delay. Raises ClockUnavailable."""
        if self._silent_until is not None and self._time.mono() < self._silent_until:
            raise self._unavailable(self._kiss)
        loop = asyncio.get_running_loop()
        try:
            transport, inbox = await asyncio.wait_for(
                loop.create_datagram_endpoint(_Inbox, remote_addr=(self._host, self._port)), self._timeout_s
            )
        except TimeoutError as error:
            raise self._unavailable("its name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise self._unavailable(f"no socket to it: {error}") from error
        try:
            return await self._best_of(transport, inbox)
        finally:
            transport.close()
            await inbox.closed.wait()

    async def aclose(self) -> None:
        """Nothing is held between measurements."""

    async def _best_of(self, transport: asyncio.DatagramTransport, inbox: _Inbox) -> Offset:
        best: Exchange | None = None
        problem = BadReply("nothing was asked")
        for number in range(self._exchanges):
            if number:
                await asyncio.sleep(self._gap_s)
            try:
                exchange = await self._exchange(transport, inbox)
            except BadReply as error:
                problem = error
                if not error.again:
                    break
            else:
                best = exchange if best is None or exchange.delay_s < best.delay_s else best
        if problem.kiss:
            self._silent_until, self._kiss = self._time.mono() + KISS_SILENCE_S, str(problem)
        if best is None:
            raise self._unavailable(str(problem)) from problem
        return best.offset

    async def _exchange(self, transport: asyncio.DatagramTransport, inbox: _Inbox) -> Exchange:
        nonce = int.from_bytes(self._random_bytes(8), "big")
        sent_wall, sent_mono = self._time.wall(), self._time.mono()
        transport.sendto(request(nonce))
        ignored = 0
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    packet = await inbox.get()
                    duration_s = self._time.mono() - sent_mono
                    if answers(packet, nonce):
                        break
                    ignored += 1
        except TimeoutError:
            heard = f", {ignored} datagrams that did not repeat our request's timestamp" if ignored else ""
            raise BadReply(f"no answer within {self._timeout_s:g} s{heard}", again=True) from None
        except OSError as error:
            raise BadReply(f"the network refused: {error}", again=True) from error
        return interpret(packet, sent_wall, duration_s, self._max_delay_s)

    def _unavailable(self, why: str) -> ClockUnavailable:
        return ClockUnavailable(
            f"NTP server {self._host} port {self._port}: {why}; check [clock] ntp and that UDP to it is allowed"
        )


class _Inbox(asyncio.DatagramProtocol):
    """Holds what arrives until it is asked for; bounded, so that a flood costs no memory."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._arrived: asyncio.Queue[bytes | OSError] = asyncio.Queue(maxsize=64)

    async def get(self) -> bytes:
        """The next datagram. Raises the OSError that the socket met."""
        item = await self._arrived.get()
        if isinstance(item, OSError):
            raise item
        return item

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        self._put(data)

    def error_received(self, exc: Exception) -> None:
        self._put(exc if isinstance(exc, OSError) else OSError(str(exc)))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.closed.set()

    def _put(self, item: bytes | OSError) -> None:
        if not self._arrived.full():
            self._arrived.put_nowait(item)
