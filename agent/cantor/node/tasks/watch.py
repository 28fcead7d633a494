"""When the core of what was submitted here must look at the nodes and at the clock again."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from cantor.scheduling.tasks.records import Tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.services import Node
    from cantor.scheduling.tasks.records import Hosts

LOOK_S = 0.05
"""News of nodes are looked at so long after they came, unless one is lost."""


class Watch:
    """On the event loop only."""

    def __init__(
        self,
        node: Node,
        hosts: Callable[[Node], Hosts],
        handle: Callable[[Hosts | Tick], None],
        is_idle: Callable[[], bool],
    ) -> None:
        """``hosts`` are the nodes that matter; ``handle`` gives them, or the time, to the core."""
        self._node = node
        self._hosts = hosts
        self._handle = handle
        self._is_idle = is_idle
        self._is_stale = True
        self._look: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = math.inf

    def close(self) -> None:
        """Look no more."""
        for timer in (self._look, self._alarm):
            if timer is not None:
                timer.cancel()

    def refresh(self) -> None:
        """The core is going to decide: let it know the nodes as they are."""
        if self._is_stale:
            self._tell_hosts()

    def changed(self, *, is_urgent: bool) -> None:
        """Facts or nodes have changed; it is urgent if one is lost."""
        self._is_stale = True
        if self._is_idle():
            return
        if is_urgent:
            self._tell_hosts()
        elif self._look is None:
            self._look = asyncio.get_running_loop().call_later(LOOK_S, self._look_now)

    def wake_at(self, due: float) -> None:
        """Tell the time then, if not before."""
        if due >= self._alarm_s:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_s = due
        pause_s = max(0.001, due - self._node.clock.monotonic())
        self._alarm = asyncio.get_running_loop().call_later(pause_s, self._tick)

    def _look_now(self) -> None:
        self._look = None
        self._tell_hosts()

    def _tell_hosts(self) -> None:
        self._is_stale = False
        self._handle(self._hosts(self._node))

    def _tick(self) -> None:
        self._alarm, self._alarm_s = None, math.inf
        self._handle(Tick())
