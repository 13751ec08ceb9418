"""What observes must never cost a reply: a failure becomes a count and a line, and the work goes on."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Final

from .logs import Logs
from .metrics import Metrics
from .outcomes import Stage

LINES_PER_STAGE: Final = 20
"""A stage that always fails would fill the log with one line a signature; the counter goes on."""


class FailOpen:
    """`with fail_open[Stage.DECODE]: …` swallows what is raised inside, counts it and says where it came from."""

    def __init__(self, metrics: Metrics, logs: Logs) -> None:
        self._stages = {stage: _Guard(stage, metrics, logs) for stage in Stage}

    def __getitem__(self, stage: Stage) -> _Guard:
        return self._stages[stage]


class _Guard:
    __slots__ = ("_lines", "_logs", "_metrics", "_stage")

    def __init__(self, stage: Stage, metrics: Metrics, logs: Logs) -> None:
        self._stage = stage
        self._metrics = metrics
        self._logs = logs
        self._lines = 0

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None:
            return False
        if not issubclass(kind, Exception):
            return False
        # Counting and logging may be the very things that fail.
        with contextlib.suppress(Exception):
            self._metrics.observation_failed(self._stage)
        if self._lines < LINES_PER_STAGE:
            self._lines += 1
            with contextlib.suppress(Exception):
                self._logs.trouble(
                    "observation.failed", stage=self._stage, error=kind.__name__, at=place(trace)
                )
        return True


def place(trace: TracebackType | None) -> str:
    """File and line of the innermost frame. Never the message: it may quote a token."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('proxy/')[2]}:{trace.tb_lineno}"
