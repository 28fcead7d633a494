"""What tasks that tasks submit take of their node: of the same grants as all else on it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from cantor.node.grants.reservation import Reservation
    from cantor.node.services import Node
    from cantor.workers.grants import Told
    from cantor.workers.lines import Ask

LABEL_CHARACTERS_MAX = 100


class NodeGrants:
    """The grants of a node as its pool of workers asks for them, from any thread."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self._node = node
        self._loop = loop
        self._numbers = count(1)
        self._open: dict[Ask, tuple[Reservation, asyncio.Task[None]]] = {}

    def ask(self, ask: Ask, told: Told) -> None:
        """Reserve on the event loop."""
        with suppress(RuntimeError):  # the loop has ended, and with it all tasks
            self._loop.call_soon_threadsafe(self._reserve, ask, told)

    def take_back(self, ask: Ask) -> None:
        """Give back, or wait no longer."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._drop, ask)

    def _reserve(self, ask: Ask, told: Told) -> None:
        label = ask.label[:LABEL_CHARACTERS_MAX]
        name = f"task/{label}-{self._node.life}-{next(self._numbers)}"
        try:
            reservation = self._node.reserve(
                name, 1, {self._node.node_id: parse(ask.needs)}, priority=-ask.priority
            )
        except CantorError as error:
            told(ask, error)
            return
        waiting = asyncio.ensure_future(self._wait(ask, told, reservation))
        self._open[ask] = reservation, waiting

    async def _wait(self, ask: Ask, told: Told, reservation: Reservation) -> None:
        try:
            await reservation.held()
        except CantorError as error:
            self._open.pop(ask, None)
            told(ask, error)
        else:
            told(ask, reservation.leases[self._node.node_id].taken)

    def _drop(self, ask: Ask) -> None:
        found = self._open.pop(ask, None)
        if found is not None:
            reservation, waiting = found
            waiting.cancel()
            reservation.drop()
