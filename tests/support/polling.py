"""Waiting for what another program does and does not announce: ask again until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_T = TypeVar("_T")


async def until(
    look: Callable[[], Awaitable[_T | None]], what: str, within_s: float, every_s: float = 0.5
) -> _T:
    """The first thing that `look` finds. AssertionError with `what` if there is nothing within so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while (found := await look()) is None:
        assert loop.time() < deadline, f"no {what} within {within_s:g} s"
        await asyncio.sleep(every_s)
    return found
