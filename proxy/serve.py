"""joinwatch serve: run until a signal says to stop, then drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys

from aiohttp import http_parser

from .app import Joinwatch, running
from .clocks.system import SystemTime
from .settings import Settings
from .web.listener import url_of
from .web.page_script import PATH as PAGE_SCRIPT


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; returns after draining. Raises OSError where an address cannot be bound."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, time=SystemTime()) as joinwatch:
        # What is there now stays for good: the collector need not look at it again, nor look so often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        _warn_if_slow(joinwatch)
        _greet(settings, joinwatch)
        await stop.wait()
        joinwatch.health.draining = True
        stop.clear()
        if settings.listen.drain_delay_s:
            joinwatch.logs.notice("drain.delay", seconds=settings.listen.drain_delay_s)
            with contextlib.suppress(TimeoutError):  # A second signal ends the wait.
                await asyncio.wait_for(stop.wait(), settings.listen.drain_delay_s)


def _warn_if_slow(joinwatch: Joinwatch) -> None:
    """aiohttp falls back to a parser in Python without a word, at a fraction of the speed."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        mend = "unset AIOHTTP_NO_EXTENSIONS and install aiohttp from a wheel"
        joinwatch.logs.trouble("slow_http_parser", mend=mend)


def _greet(settings: Settings, joinwatch: Joinwatch) -> None:
    """For the person at the terminal; machines read the log lines on standard output."""
    public, admin = url_of(joinwatch.public), url_of(joinwatch.admin)
    routes = ", ".join(f"{public}{route.path}" for route in settings.routes)
    print(f"joinwatch  {settings.source}", file=sys.stderr)
    print(f"  signatures    {routes}", file=sys.stderr)
    print(f"  join results  {public}/join-results", file=sys.stderr)
    print(f"  page script   {public}{PAGE_SCRIPT}", file=sys.stderr)
    print(f"  status page   {admin}/", file=sys.stderr)
    print(f"  metrics       {admin}/metrics", file=sys.stderr)
    print(f"  health        {admin}/readyz", file=sys.stderr)
    if settings.throwaway:
        print(
            "  The native issuer signs with throwaway credentials, which Zoom does not know: set\n"
            "  ZOOM_MEETING_SDK_KEY and ZOOM_MEETING_SDK_SECRET, or write a joinwatch.toml.",
            file=sys.stderr,
        )
