"""``cantor top``: all nodes at a glance, live in this terminal.

Exit codes: 0 done; 69 no agent answers here. Without a terminal it prints once.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import termios
import time
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.cli.folders import add_folder_option
from cantor.cli.metrics import read, values_in
from cantor.cli.table import format_table
from cantor.cli.top_view import SORTS, Top, plain_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

EACH_S = 1.0
OWN = "cantor_*"
KEYS = {"[A": "up", "[B": "down", "OA": "up", "OB": "down"}
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST, _LINE_END = "\x1b[H", "\x1b[J", "\x1b[K"


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "all nodes at a glance, live: processors, memory, network, temperature, tasks"
    top = verbs.add_parser("top", help=summary, description=summary)
    top.add_argument("node", nargs="*", metavar="NODE", help="only these nodes (default: all)")
    top.add_argument("--sort", choices=sorted(SORTS.values()), default="name")
    top.add_argument("--once", action="store_true", help="print a table and end")
    top.add_argument("--json", action="store_true", help="print JSON and end")
    add_folder_option(top, asks=True)
    top.set_defaults(run=lambda options: asyncio.run(_top(options)))


async def _top(options: argparse.Namespace) -> int:
    top = Top()
    top.sort = options.sort
    is_live = sys.stdin.isatty() and sys.stdout.isatty()
    if options.once or options.json or not is_live:
        await look(top, options.data, options.node)
        await asyncio.sleep(EACH_S)  # what grows in a second is known after one
        await look(top, options.data, options.node)
        print(_as_json(top) if options.json else _table(top))
        return 0
    await look(top, options.data, options.node)
    with screen():
        await _Live(top, options.data, options.node).run()
    return 0


async def look(top: Top, folder: Path, nodes: Sequence[str]) -> None:
    """Ask for the figures of all nodes, and of the chosen one for all it has.

    Raises:
        CantorError: no agent answers here, or no node is called so.
    """
    rows = await read(folder, nodes, OWN)
    found = {str(row["node"]): row for row in rows}
    if top.has_more and top.chosen in found:
        (found[top.chosen],) = await read(folder, [top.chosen], "")
    told = [
        (node, str(row["name"]), str(row["why"]), values_in(row)) for node, row in found.items()
    ]
    top.take(time.monotonic(), told)


def _table(top: Top) -> str:
    head, *rows = plain_table(top)
    return format_table(head, rows)


def _as_json(top: Top) -> str:
    told = [
        {
            "node": node,
            "name": line.name,
            "why": line.why,
            "cpu_ratio": line.now.cpu,
            "memory_ratio": line.now.memory,
            "received_bytes_s": line.now.received,
            "sent_bytes_s": line.now.sent,
            "temperature_celsius": line.now.temperature,
            "gpu_ratio": line.now.gpu,
            "tasks_running": line.now.tasks,
            "tasks_waiting": line.now.waiting,
        }
        for node in top.ordered()
        for line in (top.lines[node],)
    ]
    return json.dumps(told, indent=1, ensure_ascii=False)


class _Live:
    """Draws after every key, every second, and when the window has another size."""

    def __init__(self, top: Top, folder: Path, nodes: Sequence[str]) -> None:
        self._top = top
        self._folder = folder
        self._nodes = nodes
        self._is_over = asyncio.Event()
        self._input = b""

    async def run(self) -> None:
        """Until somebody presses q.

        Raises:
            UnavailableError: the agent of this machine has ended.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._read)
        loop.add_signal_handler(signal.SIGWINCH, self._draw)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._is_over.set)
        over = asyncio.ensure_future(self._is_over.wait())
        looking = asyncio.ensure_future(self._look())
        try:
            self._draw()
            await asyncio.wait((over, looking), return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                looking.result()
        finally:
            loop.remove_reader(sys.stdin.fileno())
            over.cancel()
            looking.cancel()
            await asyncio.gather(over, looking, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(EACH_S)
            await look(self._top, self._folder, self._nodes)
            self._draw()

    def _read(self) -> None:
        data = os.read(sys.stdin.fileno(), 1024)
        if not data:
            self._is_over.set()
            return
        for key in keys_in(data.decode("ascii", "replace")):
            if not self._top.press(key):
                self._is_over.set()
        self._draw()

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        lines = self._top.shown(size.columns, size.lines)
        drawn = "\r\n".join(f"{line}{_LINE_END}" for line in lines)
        sys.stdout.write(f"{_HOME}{drawn}{_REST}")
        sys.stdout.flush()


def keys_in(text: str) -> list[str]:
    """The keys in what a terminal sent; what is not known is left out by who is told."""
    keys, at = [], 0
    while at < len(text):
        if text[at] == "\x1b":
            keys.append(KEYS.get(text[at + 1 : at + 3], "escape"))
            at += 3
        else:
            keys.append(text[at])
            at += 1
    return keys


@contextmanager
def screen() -> Iterator[None]:
    """The terminal gives every key at once and another screen, and is as it was at the end.

    Raises:
        ConfigError: it cannot show signs that are no ASCII.
    """
    if "utf" not in (sys.stdout.encoding or "").lower():
        raise ConfigError(
            "this terminal does not take UTF-8", where="cantor top", remedy="cantor top --once"
        )
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write(_ENTER)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
