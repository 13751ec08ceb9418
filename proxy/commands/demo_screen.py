"""What the demo shows at a terminal: where to look, a line that moves, what is named and cleared, and how it ended."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..demo.configuration import LEDGER
from ..demo.faults import HONEST, PLANTED, Fault
from ..demo.switches import HEADER
from ..demo.world import World, reachable
from ..web.listener import url_of
from .demo_keys import END, KEYS
from .terminal import Paint, is_terminal, tell

REDRAW_S: Final = 0.5
PLAIN_S: Final = 30.0
"""How often there is a line where none can be redrawn."""

_CAUSES: Final = {fault.name: fault.cause for fault in PLANTED}


def greeting(world: World, duration_s: float, folder: Path, *, log: str | None, by_keys: bool) -> str:
    """Where to look, what is planted, and how it is switched. `log`: the file, where there is one."""
    public, admin = (url_of(reachable(each)) for each in (world.joinwatch.public, world.joinwatch.admin))
    width = max(map(len, _CAUSES))
    key_of = {name: key for key, name in KEYS.items()} if by_keys else {}
    lines = [
        f"joinwatch demo  seed {world.seed}, {world.rate:g} visitors a second, ends after {_clock(duration_s)}",
        f"  status       {admin}/",
        f"  summary      {admin}/api/summary",
        f"  metrics      {admin}/metrics",
        f"  faults       {admin}/demo/faults",
        f"  signatures   {public}/BACKEND",
        f"  ledger       {folder / LEDGER}",
        *([f"  log          {folder / log}"] if log else []),
        "",
        f"  {'backend':{width + 2}}what is wrong with it",
        *(f"{key_of.get(fault.name, ''):1} {fault.name:{width + 2}}{fault.bug}" for fault in PLANTED),
        f"  {HONEST:{width + 2}}nothing",
        "",
    ]
    if by_keys:
        lines.append(f"{min(KEYS)} to {max(KEYS)}: mend a fault, or plant it again; {END}: end")
    else:
        lines.append("Mend a fault, or plant it again with true; Ctrl-C ends:")
        body = "'{\"on\": false}'"
        lines.append(f"  curl -H '{HEADER}: 1' -d {body} {admin}/demo/faults/{PLANTED[0].name}")
    return "\n".join(lines)


def goodbye(world: World) -> str:
    """What was planted and what was named, and the counts."""
    width = max(map(len, _CAUSES)) + 2
    named: dict[str, list[str]] = {}
    for (backend, cause), after_s in world.watcher.named.items():
        named.setdefault(backend, []).append(f"{cause} after {_clock(after_s)}")
    others = sorted(named.keys() - _CAUSES.keys() - {HONEST})
    lines = [
        f"joinwatch demo  ended after {_clock(world.elapsed_s())}, seed {world.seed}",
        f"  {'backend':{width}}{'planted':22}named",
        *(
            f"  {name:{width}}{_CAUSES.get(name, 'nothing'):22}"
            + ", ".join(named.get(name, ["not yet" if name in _CAUSES else "nothing"]))
            for name in (*_CAUSES, HONEST, *others)
        ),
        f"  {_told(world)}",
    ]
    if world.tally.turned_away:
        lines.append(f"  {world.tally.turned_away:,} visitors were turned away: the machine was too slow")
    return "\n".join(lines)


def _told(world: World) -> str:
    tally = world.tally
    return (
        f"{tally.signatures.total():,} signatures, {tally.joins():,} joins told by the pages"
        f" and {tally.late.total():,} late"
    )


class Screen:
    """One line that is redrawn at a terminal, or written now and then elsewhere; events go above it."""

    def __init__(self, world: World, *, by_keys: bool) -> None:
        self._world = world
        self._hint = f"  {min(KEYS)}-{max(KEYS)} switch, {END} ends" if by_keys else ""
        self._paint = Paint.on(sys.stderr, os.environ)
        self._moves = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._shown = False
        world.watcher.on_change.append(self._changed)
        world.faults.on_switch.append(self._switched)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(REDRAW_S if self._moves else PLAIN_S)
            if self._moves:
                self._draw()
            else:
                tell(self.status())

    def status(self) -> str:
        """The line."""
        world = self._world
        share = world.tally.share_3712()
        refused = "" if share is None else f", {share:.1%} of them 3712"
        on = {(fault.name, fault.cause) for fault, is_on in world.faults if is_on}
        return (
            f"{_clock(world.elapsed_s())}  {world.tally.joins():,} joins{refused};"
            f" {len(on & world.watcher.standing)} of {len(on)} faults named{self._hint}"
        )

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = False
            _write("\r\x1b[K")

    def _draw(self) -> None:
        columns = shutil.get_terminal_size().columns
        _write(f"\r\x1b[K{self.status()[: columns - 1]}")
        self._shown = True

    def _event(self, text: str) -> None:
        self.clear()
        tell(f"{_clock(self._world.elapsed_s())}  {text}")

    def _changed(self, backend: str, cause: str, raised: bool) -> None:
        if not raised:
            self._event(self._paint.green(f"{backend}: {cause} cleared"))
        elif _CAUSES.get(backend) == cause:
            self._event(self._paint.yellow(f"{backend}: {cause} named"))
        else:
            self._event(self._paint.red(f"{backend}: {cause} named, which was not planted"))

    def _switched(self, fault: Fault, on: bool) -> None:
        self._event(f"{fault.name}: planted: {fault.bug}" if on else f"{fault.name}: mended: {fault.mend}")


def _write(text: str) -> None:
    """To a terminal that may be closed meanwhile."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
