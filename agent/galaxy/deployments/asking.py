"""What the workers of one deployment on one node say when they are asked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from galaxy.deployments.figures import with_closed
from galaxy.deployments.workers import ASK_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.wire.frame import Buffer, Value
    from galaxy.deployments.closed import ClosedGroups
    from galaxy.deployments.workers import WorkerProcess

    Headers = dict[str, Value]

REPORT_TIMEOUT_S = 10.0
_log = logging.getLogger(__name__)


class Asking:
    """``worker`` gives the worker of our own filters, if there is one; ``filters`` those that run
    here, by the leader of their group. ``closed`` are the groups apart.
    """

    def __init__(
        self,
        closed: ClosedGroups,
        worker: Callable[[], WorkerProcess | None],
        filters: Callable[[], Mapping[str, tuple[str, ...]]],
    ) -> None:
        self._closed = closed
        self._worker = worker
        self._filters = filters
        self._last_figures: Headers = {}
        self._last_reports: Headers = {}

    async def figures(self) -> Headers:
        """The figures of the groups here; the last known ones once they have ended."""
        if (worker := self._worker()) is not None:
            try:
                self._last_figures, _ = await worker.ask("figures")
            except UnavailableError as error:
                _log.info("no figures", extra={"reason": str(error)})
        closed = list(self._closed)
        said = await asyncio.gather(*map(self._closed_figures, closed))
        of_closed = dict(zip(closed, said, strict=True))
        if not closed:
            return self._last_figures
        return with_closed(self._last_figures, of_closed, self._filters())

    async def _closed_figures(self, leader: str) -> Headers:
        try:
            return (await self._closed.ask(leader, "figures", timeout_s=ASK_TIMEOUT_S))[0]
        except UnavailableError as error:
            _log.info("no figures", extra={"reason": str(error)})
            return {}

    async def reports(self) -> Headers:
        """What the filters here said at their end."""
        if (worker := self._worker()) is not None:
            self._last_reports, _ = await worker.ask("reports", timeout_s=REPORT_TIMEOUT_S)
        reports = dict(self._last_reports)
        for leader in self._closed:
            said, _ = await self._closed.ask(leader, "reports", timeout_s=REPORT_TIMEOUT_S)
            own = self._filters().get(leader, ())
            reports.update((name, told) for name, told in said.items() if name in own)
        return reports

    async def preview(
        self, filter_name: str, after: int, timeout_s: float
    ) -> tuple[Headers, tuple[Buffer, ...]]:
        """The newest preview of a filter, once there is one with another number than ``after``.

        Raises:
            UnavailableError: there is none in time, or nothing runs here.
        """
        asked: Headers = {"filter": filter_name, "after": after}
        filters = self._filters()
        leader = next((one for one in self._closed if filter_name in filters.get(one, ())), None)
        if leader is not None:
            return await self._closed.ask(leader, "preview", asked, timeout_s=timeout_s)
        worker = self._worker()
        if worker is None:
            raise UnavailableError("it does not run on this node now", where=filter_name)
        return await worker.ask("preview", asked, timeout_s=timeout_s)
