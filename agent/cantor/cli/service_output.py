"""What services print, from all of their nodes: the last lines, or on and on."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.base.text import printable
from cantor.node.control import ask

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

    Row = dict[str, Value]

ASK_S = 20.0
FOLLOW_LINES = 1000
"""So many lines may be printed between two looks without one of them being missed."""
FOLLOW_S = 0.5


class Output:
    """The output of one service; ``node`` names one of its nodes, "" all of them.

    ``is_json``: each line is printed as an object of JSON, and not for people.
    """

    def __init__(
        self, folder: Path, service: str, *, node: str = "", is_json: bool = False
    ) -> None:
        self._folder = folder
        self._service = service
        self._node = node
        self._is_json = is_json
        self._known: dict[str, list[str]] = {}

    async def last(self, lines: int) -> list[Row]:
        """The last lines of each node: ``node``, its ``name``, ``lines``, and an ``error`` if it
        did not answer.

        Raises:
            ConfigError: there is no such service.
            UnavailableError: no agent runs on this machine.
        """
        args: Row = {"name": self._service, "node": self._node, "lines": lines}
        return cast("list[Row]", await ask(self._folder, "service.logs", args, timeout_s=ASK_S))

    async def pass_over(self) -> None:
        """Let :meth:`follow` begin with what comes from now on; there need be no such service."""
        try:
            told = await self.last(FOLLOW_LINES)
        except ConfigError:
            return
        self._known = {str(row["node"]): _lines(row) for row in told if not row.get("error")}

    async def follow(self, lines: int = FOLLOW_LINES) -> None:
        """Print the last ``lines`` of each node that was not heard before, and then what is new,
        until interrupted; a node that does not answer is waited for.
        """
        while True:
            for row in await self.last(max(FOLLOW_LINES, lines)):
                if row.get("error"):
                    continue
                node, now = str(row["node"]), _lines(row)
                known = self._known.get(node)
                self.print(row, now[-lines:] if known is None else fresh(known, now))
                self._known[node] = now
            await asyncio.sleep(FOLLOW_S)

    def print(self, row: Row, lines: list[str]) -> None:
        """Print lines of one node."""
        for line in lines:
            if self._is_json:
                shown = json.dumps({"node": row["node"], "name": row["name"], "line": line})
            else:
                shown = f"{row['name']!s}  {printable(line)}"
            print(shown, flush=True)


def fresh(before: list[str], now: list[str]) -> list[str]:
    """The lines at the end of ``now`` that came after those of ``before``."""
    for count in range(len(now), 0, -1):
        if before[-count:] == now[:count] or now[:count][-len(before) :] == before != []:
            return now[count:]
    return now


def _lines(row: Row) -> list[str]:
    return cast("list[str]", row["lines"])
