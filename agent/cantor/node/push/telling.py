"""What this node tells the mesh of its services: how each of them is, when that is news.

Every node hears every report, so that a report costs as much as there are nodes. What is only on
the way to something else, such as ``fetching``, is told if it lasts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cantor.services.reports import PASSING, Report, report_fact

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.services import Node
    from cantor.services.orders import Key

PASSING_S = 2.0
"""A service that is on its way for so long is told about at each step."""


@dataclass(slots=True)
class _About:
    """One service: how it is, what was told, and since when it has been on its way."""

    now: Report
    told: Report | None = None
    passing_s: float | None = None


class Telling:
    """On the event loop only. ``look`` is called when a state has lasted: then it is said again."""

    def __init__(self, node: Node, look: Callable[[], None]) -> None:
        self._node = node
        self._look = look
        self._services: dict[Key, _About] = {}
        self._timer: asyncio.TimerHandle | None = None

    def say(self, key: Key, report: Report | None) -> None:
        """This is how a service is here now; None: it has nothing to do with this node."""
        about = self._services.get(key)
        if report is None:
            self._services.pop(key, None)
            if about is not None and about.told is not None:
                self._node.publish(report_fact(key), None)
            return
        is_new = about is None or about.now.state != report.state
        report = replace(
            report, since=self._node.wall() if is_new or not about else about.now.since
        )
        if about is None:
            about = self._services[key] = _About(report)
        about.now = report
        if report != about.told and not self._passes(about):
            about.told = report
            self._node.publish(report_fact(key), report.as_value())

    def close(self) -> None:
        """Nothing is looked at again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _passes(self, about: _About) -> bool:
        """Whether it may be something else soon."""
        if about.now.state not in PASSING:
            about.passing_s = None
            return False
        now_s = self._node.clock.monotonic()
        if about.passing_s is None:
            about.passing_s = now_s
        left_s = about.passing_s + PASSING_S - now_s
        if left_s <= 0:
            return False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._lasted)
        return True

    def _lasted(self) -> None:
        self._timer = None
        self._look()
