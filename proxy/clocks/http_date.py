"""This host's clock against the Date headers of an HTTP server: rough, but where UDP is blocked the only witness."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import aiohttp
from yarl import URL

from ..domain.offsets import OffsetWindow, date_sample, from_cache
from ..domain.ports import ClockUnavailable, Offset, Time

_HEADERS = {"Cache-Control": "no-store", "User-Agent": "joinwatch", "Accept": "*/*"}
_LOCAL_STEP_S = 0.5


class HttpDateClock:
    """Implements ports.ReferenceClock with HEAD requests to one URL; redirects are not followed, any status will do.

    A Date has whole seconds: the requests of a measurement are spread over the second by chance, and the samples of
    ten minutes are intersected. At least two must agree, for one reply out of a cache looks sound.
    """

    def __init__(
        self,
        url: str,
        *,
        time: Time,
        requests: int = 4,
        timeout_s: float = 5.0,
        uniform: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`uniform` gives random numbers in [0, 1). Raises ValueError for a URL that is not http(s)."""
        self._url = parse_url(url)
        host = self._url.host or ""
        shown = f"[{host}]" if ":" in host else host
        self.source = (
            f"http_date:{shown}" if self._url.is_default_port() else f"http_date:{shown}:{self._url.port}"
        )
        self._time = time
        self._requests = requests
        self._timeout_s = timeout_s
        self._uniform = uniform
        self._sleep = sleep
        self._window = OffsetWindow(min_samples=2)
        self._session: aiohttp.ClientSession | None = None
        self._wall_minus_mono: float | None = None

    async def measure(self) -> Offset:
        """This host's offset, positive when it is ahead of the server. Raises ClockUnavailable."""
        problems: list[str] = []
        for number in range(self._requests):
            if number:
                await self._sleep(self._uniform())
            try:
                problem = await self._sample()
            except TimeoutError:
                problem = f"no answer within {self._timeout_s:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                problem = f"the request failed: {str(error) or type(error).__name__}"
            if problem is not None:
                problems.append(problem)
        if problems and len(problems) == self._requests:
            raise self._unavailable(problems[-1])
        ahead = self._window.estimate(self._time.wall())
        if ahead is None:
            raise self._unavailable(
                "its Date headers contradict each other: caches, or several hosts, answer there"
            )
        return Offset(0.0 - ahead.offset_s, ahead.bound_s, ahead.measured_at)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _sample(self) -> str | None:
        """One request; says what is wrong with its reply, or None when it gave a sample."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s), cookie_jar=aiohttp.DummyCookieJar()
            )
        began = self._time.mono()
        async with self._session.head(self._url, headers=_HEADERS, allow_redirects=False) as reply:
            ended, wall = self._time.mono(), self._time.wall()
            headers = tuple(reply.headers.items())
        self._forget_before_a_step(wall - ended)
        interval = date_sample(headers, wall, ended - began)
        if interval is not None:
            self._window.add(interval, wall)
            return None
        if from_cache(headers):
            return "its replies come out of a cache, so their Date is not the time"
        return "its replies have no Date header that can be read"

    def _forget_before_a_step(self, wall_minus_mono: float) -> None:
        before, self._wall_minus_mono = self._wall_minus_mono, wall_minus_mono
        if before is not None and abs(wall_minus_mono - before) > _LOCAL_STEP_S:
            self._window.clear()

    def _unavailable(self, why: str) -> ClockUnavailable:
        return ClockUnavailable(f"{self._url.origin()}: {why}; check [clock] http_date")


def parse_url(text: str) -> URL:
    """The URL of a source. Raises ValueError saying what is wrong with it."""
    try:
        url = URL(text.strip())
        usable = (
            url.scheme in {"http", "https"} and bool(url.host) and url.user is None and url.password is None
        )
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            f"HTTP time source {text!r}: write http://host/ or https://host/, without a user in it"
        )
    return url
