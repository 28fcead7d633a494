"""Workers of several principals: what one's code has left in a process, no other's code meets."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cantor.workers.errors import PoolClosedError, TooManyPrincipalsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.workers.pools import Pools
    from cantor.workers.sandbox.levels import Level

BUSY_MAX = 16
"""So many principals' code runs at once."""
IDLE_MAX = 4
"""So many principals' workers are kept although they have nothing to do."""


class Principal(NamedTuple):
    """Who answers for code: the node that has submitted it, for itself or for the ``origin`` of the
    task that did there; and how closed it runs.
    """

    node: NodeId
    origin: str
    level: Level


class Apart:
    """The pools of each principal; those of ``me`` stay. For one thread, but :meth:`close`."""

    def __init__(self, me: NodeId, make: Callable[[Principal], Pools]) -> None:
        self._me = me
        self._make = make
        self._pools: dict[Principal, Pools] = {}
        self._ending: set[threading.Thread] = set()
        self._is_closing = False

    def of(self, principal: Principal) -> Pools:
        """The pools of a principal, which begin when it is first asked for.

        Raises:
            PoolClosedError: they end.
            TooManyPrincipalsError: those of :data:`BUSY_MAX` others have work.
            SandboxError: this machine cannot give the level.
        """
        if self._is_closing:
            raise PoolClosedError("its workers end")
        pools = self._pools.pop(principal, None)
        if pools is None:
            self._make_room()
            pools = self._make(principal)
        self._pools[principal] = pools  # used last
        return pools

    def close(self, *, kill: bool = False) -> None:
        """End all of them; waits until their workers have ended."""
        self._is_closing = True
        pools = list(self._pools.values())
        self._pools.clear()
        ending = [self._end(one, kill=kill) for one in pools]
        for thread in [*self._ending, *ending]:
            thread.join()

    def _make_room(self) -> None:
        others = {one: pools for one, pools in self._pools.items() if not self._is_own(one)}
        idle = [principal for principal, pools in others.items() if not pools.open]
        if len(others) - len(idle) >= BUSY_MAX:
            raise TooManyPrincipalsError(
                f"tasks of {BUSY_MAX} others run here already", remedy="try again later"
            )
        for principal in idle[: max(0, len(idle) - IDLE_MAX + 1)]:
            self._end(self._pools.pop(principal))

    def _is_own(self, principal: Principal) -> bool:
        return principal.node == self._me and not principal.origin

    def _end(self, pools: Pools, *, kill: bool = False) -> threading.Thread:
        """In a thread of its own: workers take their time."""
        self._ending = {one for one in self._ending if one.is_alive()}
        thread = threading.Thread(
            target=partial(pools.close, kill=kill), name="cantor:end", daemon=True
        )
        self._ending.add(thread)
        thread.start()
        return thread
