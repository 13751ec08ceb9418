"""What libraries say through Python's own logging, as lines of our schema and without their free text."""

from __future__ import annotations

import contextlib
import logging

from ..domain.ports import Time
from ..domain.rate_limit import Buckets
from .fail_open import place
from .logs import FAILURE_LINES, Logs


class LibraryHandler(logging.Handler):
    """Turns a library's record into one line: who said it, and the exception's type and place.

    Its message is the first line of the format string without its arguments, and no exception's text is shown: either
    may quote a request, and with it a token.
    """

    def __init__(self, logs: Logs, time: Time) -> None:
        super().__init__(logging.WARNING)
        self._logs = logs
        self._time = time
        self._buckets = Buckets(FAILURE_LINES, capacity=100)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging for every record of WARNING and above."""
        kind, _, trace = record.exc_info or (None, None, None)
        # asyncio appends the repr of the task, with its exception, on further lines.
        message = record.msg.partition("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
        if self._buckets.allow(f"{record.name} {message}", self._time.mono()) > 0:
            return
        # logging's own way of reporting a failure here would print the arguments.
        with contextlib.suppress(Exception):
            self._logs.trouble(
                "library",
                logger=record.name,
                message=message[:200],
                error=kind.__name__ if kind else None,
                at=place(trace) if trace else None,
            )
