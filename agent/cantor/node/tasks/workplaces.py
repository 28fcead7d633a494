"""The workers of a node, apart by whose code they run, each as closed as that shall be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from cantor.node.tasks.holding import Holding
from cantor.node.tasks.outcomes import outcome
from cantor.workers.apart import Apart, Principal
from cantor.workers.sandbox.levels import more_closed

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.grants.reservation import Reservation
    from cantor.node.services import Node
    from cantor.node.settings import Work
    from cantor.node.tasks.nested import Nested
    from cantor.node.tasks.wording import Message
    from cantor.workers.lines import Ask
    from cantor.workers.pools import Pools
    from cantor.workers.sandbox.levels import Level
    from cantor.workers.units import Terms


class Pushes(Protocol):
    """What the service ``push`` knows of functions that were pushed, by the ids of their code."""

    def level_of_code(self, code: str) -> Level | None:
        """How closed one runs; None if it was not pushed here."""

    def run_failed(self, code: str, why: str) -> None:
        """A run of it failed here."""


class Workplaces:
    """On the event loop only. What tasks submit themselves goes to ``children``."""

    def __init__(self, node: Node, work: Work, children: Nested) -> None:
        self._node = node
        self._work = work
        self._children = children
        self._apart = Apart(node.node_id, self._make)
        self._holding: Holding
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the workers that shall be warm: this box's own."""
        self._holding = Holding(self._node.node_id, asyncio.get_running_loop())
        if self._work.settings.warm and self._work.workers:
            self._warming = asyncio.ensure_future(self._warm())

    async def close(self) -> None:
        """End all workers."""
        if self._warming is not None:
            self._warming.cancel()
        await asyncio.to_thread(self._apart.close, kill=True)

    def principal(self, source: NodeId, terms: Terms, code: str) -> Principal:
        """Whose code a node submits under these terms, and how closed it runs: what was pushed,
        no less than its push says.

        Raises:
            RemoteProtocolError: they name no level.
        """
        level = self._node.sandboxes.level_of(source, terms.sandbox)
        pushes = self._pushes
        pushed = pushes.level_of_code(code) if pushes is not None else None
        if pushed is not None:
            level = more_closed(level, pushed)
        return Principal(source, terms.origin, level)

    def ended(self, code: str, message: Message) -> None:
        """A run has said its last word: what was pushed is judged by it."""
        state, why, _ = outcome(message)
        pushes = self._pushes
        if pushes is not None and state in ("failed", "died"):
            pushes.run_failed(code, why)

    @property
    def _pushes(self) -> Pushes | None:
        return cast("Pushes | None", self._node.service("push"))

    def is_known(self, principal: Principal) -> bool:
        """Whether it is known already if that can be given; see :meth:`known`."""
        return principal.level == "none" or self._node.sandboxes.is_tried

    async def known(self) -> None:
        """Wait until it is known what this machine can give."""
        await self._node.sandboxes.tried()

    def why_not(self, principal: Principal) -> str:
        """Why its code cannot run here; "" if it can."""
        return self._node.sandboxes.why_not(principal.level)

    def of(self, principal: Principal) -> Pools:
        """Its workers.

        Raises:
            TaskError: it cannot have any now.
        """
        return self._apart.of(principal)

    def hold(self, reservation: Reservation, name: str) -> Ask:
        """What a unit holds: its pool gives it back when its worker has ended with it."""
        return self._holding.hold(reservation, name)

    def _make(self, principal: Principal) -> Pools:
        from cantor.workers.pools import Pools

        is_own = principal.node == self._node.node_id and not principal.origin
        settings = self._work.settings
        warm = settings.warm if is_own else 0
        below = self._children.below(principal)
        return Pools(
            replace(settings, workers=self._work.workers, warm=warm),
            children=lambda: below,
            grants=self._holding,
            sandbox=self._node.sandboxes.of(principal.level),
        )

    async def _warm(self) -> None:
        me = self._node.node_id
        principal = Principal(me, "", self._node.sandboxes.level_of(me))
        if not self.is_known(principal):
            await self.known()
        if not self.why_not(principal):
            self.of(principal)
