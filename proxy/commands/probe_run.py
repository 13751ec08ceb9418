"""A probe from the command line: its parts put together, its progress shown, its result printed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import sys
from contextlib import suppress
from typing import Final, TextIO

from ..backends.http import HttpBackend
from ..clocks.kernel import KernelClock
from ..clocks.system import SystemTime
from ..domain.credentials import Credentials
from ..domain.ports import ClockUnavailable, Offset, Time
from ..services.backend_clocks import BackendClocks
from ..services.observer import Observer
from ..services.probe import NAME, TIMEOUT_S, Probe, Progress
from ..services.probe_report import Ending, Report
from ..services.probe_request import Plan, Template
from ..services.receipt_ids import ReceiptIds
from ..telemetry.fail_open import FailOpen
from ..telemetry.logs import Logs
from ..telemetry.metrics import Metrics
from .probe_text import Facts, as_json, as_text
from .terminal import Paint, clean, is_terminal, put, tell

NOTHING: Final = 0
FOUND: Final = 1
NOT_PROBED: Final = 2
INTERRUPTED: Final = 130
"""What shells give for Ctrl-C: nothing was found, and the probe was not over."""

LINE_EVERY_S: Final = 15.0
OBSERVE_MAX_BYTES: Final = 262144


def probe(asked: Template, plan: Plan, credentials: Credentials | None, *, as_object: bool) -> int:
    """Probe and print. Returns 0, 1 where a cause was found, 2 where no signature came, 130 if interrupted before."""
    meter = Meter(sys.stderr, plan.for_s)
    try:
        report, clock = asyncio.run(_probe(asked, plan, credentials, meter))
    except KeyboardInterrupt:
        return INTERRUPTED
    meter.clear()
    if exit_code(report) == NOT_PROBED:
        tell(f"joinwatch probe: {_no_signature(report, asked)}")
        return NOT_PROBED
    facts = Facts(
        url=asked.shown,
        host_clock=clock,
        varies=asked.varies,
        compares=asked.meeting_from is not None,
    )
    paint = Paint.on(sys.stdout, os.environ)
    put(json.dumps(as_json(report, facts)) if as_object else as_text(report, facts, paint))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """1 where a cause was found; one that is only doubted is none."""
    if report.causes:
        return FOUND
    if report.ending is Ending.INTERRUPTED:
        return INTERRUPTED
    return NOTHING if report.signatures else NOT_PROBED


async def _probe(
    asked: Template, plan: Plan, credentials: Credentials | None, meter: Meter
) -> tuple[Report, Offset | str]:
    """Put the parts together and probe. Ctrl-C cancels this task: then what is known so far is reported."""
    time = SystemTime()
    clock = await _host_clock(time)
    metrics = Metrics(backends=(NAME,))
    clocks = BackendClocks((NAME,), metrics=metrics)
    observer = Observer(
        credentials={NAME: () if credentials is None else (credentials,)},
        host_clock=_Fixed(clock if isinstance(clock, Offset) else None),
        backend_clocks=clocks,
        observe_max_bytes=OBSERVE_MAX_BYTES,
        fail_open=FailOpen(metrics, Logs(_to_stderr, time=time)),
        time=time,
        new_id=ReceiptIds(secrets.token_bytes).next,
    )
    backend = HttpBackend(
        NAME,
        asked.base,
        timeout_s=TIMEOUT_S,
        observe_max_bytes=OBSERVE_MAX_BYTES,
        time=time,
        preserve_host=True,
    )
    probe = Probe(
        asked,
        plan,
        backend=backend,
        observer=observer,
        clocks=clocks,
        time=time,
        sleep=asyncio.sleep,
        random01=random.random,
        on_progress=meter.show,
    )
    try:
        return await probe.run(), clock
    except asyncio.CancelledError:
        return probe.report(Ending.INTERRUPTED), clock
    finally:
        await backend.aclose()


async def _host_clock(time: Time) -> Offset | str:
    try:
        return await KernelClock(time=time).measure()
    except ClockUnavailable as error:
        # The mend is for a configuration file, which a probe does not have.
        return str(error).partition(";")[0]


class _Fixed:
    """Implements HostClock with one reading: in a few minutes it does not age."""

    def __init__(self, offset: Offset | None) -> None:
        self._offset = offset

    def best(self) -> Offset | None:
        return self._offset


class Meter:
    """Progress for people: one line that is renewed on a terminal, else a line now and then."""

    def __init__(self, out: TextIO | None, for_s: float) -> None:
        self._out = out
        self._for_s = for_s
        self._renews = is_terminal(out)
        self._said_s = 0.0
        self._dirty = False

    def show(self, progress: Progress) -> None:
        """Write it, where it is time to."""
        if self._renews:
            self._write(f"\r{self._line(progress)}\x1b[K")
            self._dirty = True
        elif progress.elapsed_s - self._said_s >= LINE_EVERY_S:
            self._said_s = progress.elapsed_s
            self._write(f"{self._line(progress)}\n")

    def clear(self) -> None:
        """The line goes when the result comes."""
        if self._dirty:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        """Nobody may be there to read it, and the probe goes on."""
        if self._out is not None:
            with suppress(OSError, ValueError):
                self._out.write(text)
                self._out.flush()

    def _line(self, progress: Progress) -> str:
        lead = "" if progress.lead_s is None else f", iat {progress.lead_s:+.1f} s from now"
        suspected = f", perhaps {', '.join(progress.suspected)}" if progress.suspected else ""
        return (
            f"{progress.elapsed_s:.0f} of at most {self._for_s:.0f} s: {progress.signatures} signatures of "
            f"{progress.requests} requests, {progress.distinct_iats} distinct iat{lead}{suspected}"
        )


def _no_signature(report: Report, asked: Template) -> str:
    tries = f"{report.requests} request{'' if report.requests == 1 else 's'}"
    return (
        f"no signature from {clean(asked.shown)} in {tries}: {clean(report.last_failure or 'nothing came')}"
    )


def _to_stderr(line: bytes) -> None:
    tell(line.decode(errors="replace").rstrip("\n"))
