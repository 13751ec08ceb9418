"""The demo in real time: the world, and somebody at the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ..clocks.system import SystemTime
from ..demo.world import CannotListen, World, world
from .demo_keys import keys
from .demo_screen import Screen, goodbye, greeting
from .terminal import is_terminal, tell

__all__ = ["CannotListen", "play"]

OK: Final = 0
FINDING: Final = 1
STANDARD_OUTPUT: Final = 1
LOG: Final = "joinwatch.log"


def play(seed: int, rate: float, duration_s: float, environ: Mapping[str, str]) -> int:
    """Until its time is over or somebody ends it. Raises CannotListen and SettingsError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="joinwatch-demo-")))
        log_fd = STANDARD_OUTPUT
        if sys.stdout is None or is_terminal(sys.stdout):
            # Between the lines for people nobody could read these.
            log_fd = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            stack.callback(os.close, log_fd)
        return asyncio.run(_play(seed, rate, duration_s, environ=environ, folder=folder, log_fd=log_fd))


async def _play(
    seed: int, rate: float, duration_s: float, *, environ: Mapping[str, str], folder: Path, log_fd: int
) -> int:
    async with world(
        seed=seed, rate=rate, time=SystemTime(), folder=folder, environ=environ, log_fd=log_fd
    ) as made:
        with ExitStack() as stack:
            stack.callback(_stop_at_signals(made))
            by_keys = stack.enter_context(keys(made.faults, made.stop))
            screen = Screen(made, by_keys=by_keys)
            log = None if log_fd == STANDARD_OUTPUT else LOG
            tell(greeting(made, duration_s, folder, log=log, by_keys=by_keys))
            showing = asyncio.create_task(screen.run())
            stack.callback(showing.cancel)
            await made.run(duration_s)
            screen.clear()
        disagreements = await made.disagreements()
        tell(goodbye(made))
        for each in disagreements:
            tell(f"  {each}")
    return FINDING if disagreements else OK


def _stop_at_signals(made: World) -> Callable[[], None]:
    """Ctrl-C, SIGTERM and a closed terminal end it cleanly; a second one at once. What it returns takes that back."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def undo() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    def stop() -> None:
        undo()
        made.stop()

    for number in numbers:
        loop.add_signal_handler(number, stop)
    return undo
