"""A loop whose time is driven: where all wait, it is at once as late as the first of them waits for.

So half an hour takes as long as what happens in it. Real sockets and threads work as ever: the time stands still
while a thread works for the loop, or while it is told that something is under way.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

START_WALL: Final = 1_800_000_000.0
GLANCE_S: Final = 0.02
HUNG_S: Final = 5.0
"""What is under way for so long, in real time, without a byte moving, waits for the time itself."""


class DrivenLoop(asyncio.SelectorEventLoop):
    """`busy` tells whether something is under way."""

    def __init__(self) -> None:
        self.busy: Callable[[], bool] = lambda: False
        self._now = 0.0
        self._jobs = 0
        self._still_since = time.monotonic()
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds since the loop was made, as everybody in it is to believe."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Work in a thread, during which the time stands still."""
        self._jobs += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done)
        return future

    def _done(self, _future: asyncio.Future[Any]) -> None:
        self._jobs -= 1

    def wait(self, select: Callable[[float | None], list[Any]], timeout: float | None) -> list[Any]:
        """What the selector finds; where there is nothing, the time goes on instead."""
        found = select(0)
        if found or (timeout is not None and timeout <= 0):
            self._still_since = time.monotonic()
            return found
        if timeout is None or self._jobs or (self.busy() and time.monotonic() - self._still_since < HUNG_S):
            return select(GLANCE_S)
        self._still_since = time.monotonic()
        self._now += timeout
        return []


class DrivenTime:
    """Implements ports.Time by the time of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: float = START_WALL) -> None:
        self._loop, self._start = loop, start

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return self._start + self._loop.time()

    def mono(self) -> float:
        """Seconds of the clock that never steps."""
        return self._loop.time()


class _Selector(selectors.BaseSelector):
    """The system's, but that the loop decides what waiting means."""

    def __init__(self, loop: DrivenLoop) -> None:
        self._real = selectors.DefaultSelector()
        self._loop = loop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._loop.wait(self._real.select, timeout)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()
