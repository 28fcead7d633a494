"""All the workers of one principal and one set of bundles: processes, and one that runs threads.

Nothing of another principal ever runs in them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.workers.errors import PoolClosedError
from cantor.workers.pool import Pool
from cantor.workers.sandbox.levels import OPEN
from cantor.workers.settings import WorkerSettings
from cantor.workers.units import PLAIN, THREAD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.grants import Grants
    from cantor.workers.pool import Call
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.units import Listener, Shipped, Terms, Unit
    from cantor.workers.wear import Replaced


class Pools:
    """Units run in a process of their own each, or in threads of one, as their terms say.

    The worker of threads starts when it is needed. What units submit themselves goes where
    ``children`` says, else it stays here. Thread-safe.
    """

    def __init__(
        self,
        settings: WorkerSettings | None = None,
        *,
        children: Callable[[], Backend] | None = None,
        grants: Grants | None = None,
        sandbox: Sandbox = OPEN,
    ) -> None:
        """``sandbox`` is what all of them are closed in.

        Raises:
            SandboxError: this machine cannot give that.
        """
        told = settings or WorkerSettings()
        self._is_closing = False
        adopting = _Adopting(self)
        children = children or (lambda: adopting)
        make = partial(Pool, wear=told.wear, children=children, grants=grants, sandbox=sandbox)
        self._alone = make(told.workers, warm=told.warm)
        self._beside = make(1, places=told.threads)

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Unit:
        """Take one call.

        Raises:
            PoolClosedError: no more is taken.
        """
        return self._open(terms).submit(code, body, buffers, listener, terms)

    def submit_all(self, calls: Sequence[Call], terms: Terms = PLAIN) -> list[Unit]:
        """Take many calls with few writes.

        Raises:
            PoolClosedError: no more is taken.
        """
        return self._open(terms).submit_all(calls, terms)

    def submit_together(
        self, calls: Sequence[Call], terms: Sequence[Terms], needs: str
    ) -> list[Unit]:
        """Take calls that begin together or not at all; ``needs`` are those of all of them.

        Raises:
            ConfigError: more than ever run at once here, or of two modes.
            PoolClosedError: no more is taken.
        """
        if len({one.mode for one in terms}) > 1:
            raise ConfigError(
                "tasks that begin together have one mode", where=terms[0].name,
                remedy="write the same mode for all of them",
            )  # fmt: skip
        return self._open(terms[0]).submit_together(calls, terms, needs)

    def cancel(self, unit: Unit) -> None:
        """End a unit; in a thread it is asked to end."""
        self.of(unit.terms).cancel(unit)

    def credit(self, unit: Unit, count: int) -> None:
        """The caller of a stream took so many items; with 0 it wants no more."""
        self.of(unit.terms).credit(unit, count)

    def close(self, *, kill: bool = False) -> None:
        """Take no more; workers end when all is done. With ``kill`` they end now."""
        self._is_closing = True
        while not kill and (self._alone.open or self._beside.open):
            self._alone.drain()  # what each has may submit to the other
            self._beside.drain()
        for pool in (self._alone, self._beside):
            pool.close(wait=False, kill=kill)
        for pool in (self._alone, self._beside):
            pool.close()

    def processes(self) -> list[int]:
        """The process ids of the workers."""
        return [*self._alone.processes(), *self._beside.processes()]

    @property
    def replaced(self) -> list[Replaced]:
        """Workers whose place others took because they were worn: the last hundred of each kind."""
        return [*self._alone.worn.replaced, *self._beside.worn.replaced]

    def of(self, terms: Terms) -> Pool:
        """The pool for such terms."""
        return self._beside if terms.mode == THREAD else self._alone

    def _open(self, terms: Terms) -> Pool:
        if self._is_closing:
            raise PoolClosedError("the pool is closed", remedy="submit before it is shut down")
        return self.of(terms)


class _Adopting:
    """What units submit goes to the pool of its own terms."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self.cancel = pools.cancel
        self.credit = pools.credit

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Unit:
        return self._pools.of(terms).adopt(code, body, buffers, listener, terms)
