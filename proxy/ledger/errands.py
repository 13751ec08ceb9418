"""What else is done with the store, one at a time between two commits: causes kept, and whatever is read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from ..domain.ports import LedgerUnavailable
from .errors import RecordError
from .store import Store

MAX_READS: Final = 16
"""Reads that wait; a summary makes one after the other."""

RETRY_READ_S: Final = 1
RETRY_REFUSED_S: Final = 3600
"""A record that the store refuses will be refused again; the sender's own limits end its attempts."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Errand:
    do: Callable[[Store], None]
    done: asyncio.Future[None]
    reads: bool


class Errands:
    """Those who wait; all methods belong to one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[_Errand] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def keep(self, call: Callable[[Store], None]) -> None:
        """Have something written; done even if the caller is cancelled. Raises LedgerUnavailable."""
        await self._ask(call, reads=False)

    async def read(self, call: Callable[[Store], _T]) -> _T:
        """What is read. Raises LedgerUnavailable."""
        if sum(errand.reads for errand in self._waiting) >= MAX_READS:
            raise LedgerUnavailable("the ledger is busy: too many wait to read it", RETRY_READ_S)
        return await self._ask(call, reads=True)

    async def run_one(self, store: Store, in_worker: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """The oldest, which keeps its place until it has its answer.

        What it raises is for its caller alone where it reads, or was refused: a page that cannot be read must not
        cost a result. All else is raised: the store is ill.
        """
        if not self._waiting:
            return
        errand = self._waiting[0]
        if errand.reads and errand.done.cancelled():
            self._waiting.popleft()
            return
        try:
            await in_worker(lambda: errand.do(store))
        except Exception as error:
            if not (errand.reads or isinstance(error, RecordError)):
                raise
            wait_s = RETRY_READ_S if errand.reads else RETRY_REFUSED_S
            _refuse(errand.done, LedgerUnavailable(str(error) or type(error).__name__, wait_s))
        else:
            if not errand.done.done():  # its caller may have been cancelled
                errand.done.set_result(None)
        self._waiting.popleft()

    def refuse_all(self, refusal: Callable[[], LedgerUnavailable]) -> None:
        """Nothing of it will be done."""
        for errand in self._waiting:
            _refuse(errand.done, refusal())
        self._waiting.clear()

    async def _ask(self, call: Callable[[Store], _T], *, reads: bool) -> _T:
        found: list[_T] = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Errand(lambda store: found.append(call(store)), done, reads))
        await done
        return found[0]


def _refuse(done: asyncio.Future[None], refusal: LedgerUnavailable) -> None:
    if not done.done():
        done.set_exception(refusal)
