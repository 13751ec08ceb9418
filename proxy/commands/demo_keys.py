"""Keys at a terminal: a letter switches a fault, q ends the demo."""

from __future__ import annotations

import asyncio
import os
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ..demo.faults import PLANTED, Faults
from .terminal import is_terminal

KEYS: Final = dict(zip(string.ascii_lowercase, (fault.name for fault in PLANTED), strict=False))
END: Final = "q"


@contextmanager
def keys(faults: Faults, end: Callable[[], None]) -> Iterator[bool]:
    """Read them as long as this is entered; whether there is a terminal to read them from."""
    if not _is_ours():
        yield False
        return
    import termios  # noqa: PLC0415  # not on every system, as terminals are not
    import tty  # noqa: PLC0415

    fd = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(fd)

    def pressed() -> None:
        read = os.read(fd, 64)
        if not read:
            loop.remove_reader(fd)
        for key in read.decode("ascii", "ignore").lower():
            if key == END:
                end()
            elif key in KEYS:
                name = KEYS[key]
                faults.switch(name, not faults.is_on(name))

    # A key counts without Enter, and is not shown; Ctrl-C stays what it is.
    tty.setcbreak(fd)
    loop.add_reader(fd, pressed)
    try:
        yield True
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _is_ours() -> bool:
    """Whether somebody sits at standard input and this process may read there; in the background it would stop."""
    try:
        return is_terminal(sys.stdin) and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return False
