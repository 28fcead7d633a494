"""What becomes of a revision on its nodes, line by line until it is settled."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

from cantor.node.control import ask
from cantor.services.reports import BAD, GOOD

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

    Row = dict[str, Value]

ASK_S = 10.0


class Following:
    """One revision of one service; ``is_told`` prints each change."""

    def __init__(self, folder: Path, name: str, number: int, is_told: bool) -> None:
        self._folder = folder
        self._name = name
        self._number = number
        self._is_told = is_told
        self._told: dict[str, tuple[str, str]] = {}
        self._began_s = time.monotonic()

    async def until_settled(self, timeout_s: float) -> tuple[bool, Row]:
        """Wait until it is good on every node, or failed; whether it is good, and how it is.

        A newer revision settles it as well: then this one is of the past.
        """
        count = -1
        while True:
            view = await self._view()
            self._tell(view)
            settled = self._settled(view)
            if settled is not None or time.monotonic() - self._began_s > timeout_s:
                return settled is True, view
            changes = cast("Row", await ask(self._folder, "changes", {"after": count}))
            count = cast("int", changes["count"])

    async def _view(self) -> Row:
        views = cast("list[Row]", await ask(self._folder, "service.list", timeout_s=ASK_S))
        return next((view for view in views if view["name"] == self._name), {})

    def _settled(self, view: Row) -> bool | None:
        number = cast("Row", view["revision"])["number"] if view else 0
        if number != self._number or view["wanted"] != "running":
            return bool(view) and not view["why"]
        states = [
            str(row["state"]) if row["is_current"] else "waiting"  # it still tells of another one
            for row in _rows(view)
            if row["is_alive"]
        ]
        if any(state in BAD for state in states) and not view["canaries"]:
            return False if all(state in BAD or state in GOOD for state in states) else None
        return True if states and all(state in GOOD for state in states) else None

    def _tell(self, view: Row) -> None:
        if not self._is_told:
            return
        if view and view["why"]:
            print(f"returned: {view['why']!s}", flush=True)
        for row in [row for row in _rows(view) if row["is_current"]] if view else ():
            now = str(row["state"]), str(row["why"])
            if self._told.get(str(row["node"])) != now:
                self._told[str(row["node"])] = now
                why = f": {now[1]}" if now[1] else ""
                took = time.monotonic() - self._began_s
                line = f"{took:6.1f} s  {row['name']!s}  {now[0]}{why}"
                print(line, file=sys.stdout, flush=True)


def _rows(view: Row) -> list[Row]:
    return cast("list[Row]", view["nodes"])
