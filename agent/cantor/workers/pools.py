"""All the workers of one principal: processes, and one that runs threads."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.workers.errors import PoolClosedError
from cantor.workers.pool import Pool
from cantor.workers.sandbox.levels import OPEN
from cantor.workers.settings import WorkerSettings
from cantor.workers.units import PLAIN, THREAD
from cantor.workers.wear import Wear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.grants import Grants
    from cantor.workers.lines import Ask
    from cantor.workers.pool import Call, Setup
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.units import Listener, Shipped, Terms, Unit
    from cantor.workers.wear import Replaced


CALLS_MAX = 1000
"""So many calls of an actor with ``async def`` methods run at once; more wait."""


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
        self._actor = partial(make, 1, warm=1, wear=Wear(), starts_max=1)
        self._beside: Pool | None = None
        self._new_beside = partial(make, 1, places=told.threads)
        self._lock = threading.Lock()

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
        holds: Ask | None = None,
    ) -> Unit:
        """Take one call.

        What it ``holds`` already is given back to the grants when its worker has ended with it.

        Raises:
            PoolClosedError: no more is taken.
        """
        return self._open(terms).submit(code, body, buffers, listener, terms, holds)

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
        self._of(unit.terms).cancel(unit)

    def credit(self, unit: Unit, count: int) -> None:
        """The caller of a stream took so many items; with 0 it wants no more."""
        self._of(unit.terms).credit(unit, count)

    @property
    def open(self) -> int:
        """Units that were taken and have not ended."""
        return sum(pool.open for pool in self._all())

    def close(self, *, kill: bool = False) -> None:
        """Take no more; workers end when all is done. With ``kill`` they end now."""
        self._is_closing = True
        while not kill and self.open:
            for pool in self._all():  # what each has may submit to the other
                pool.drain()
        for pool in self._all():
            pool.close(wait=False, kill=kill)
        for pool in self._all():
            pool.close()

    def processes(self) -> list[int]:
        """The process ids of the workers."""
        return [pid for pool in self._all() for pid in pool.processes()]

    @property
    def replaced(self) -> list[Replaced]:
        """Workers whose place others took because they were worn: the last hundred of each kind."""
        return [one for pool in self._all() for one in pool.worn.replaced]

    def begin_life(self, setup: Setup, *, overlaps: bool) -> Pool:
        """A worker for one actor; who asks closes it.

        The listener of ``setup`` hears that it lives or cannot be made, and that its worker has
        ended. With ``overlaps`` its calls run at the same time.
        """
        return self._actor(setup=setup, places=CALLS_MAX if overlaps else None)

    def adopt(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Unit:
        """Take what a unit submits, also while what was taken is being done.

        Raises:
            PoolClosedError: all was done.
        """
        return self._of(terms).adopt(code, body, buffers, listener, terms)

    def _open(self, terms: Terms) -> Pool:
        if self._is_closing:
            raise PoolClosedError("the pool is closed", remedy="submit before it is shut down")
        return self._of(terms)

    def _of(self, terms: Terms) -> Pool:
        if terms.mode != THREAD:
            return self._alone
        with self._lock:
            if self._beside is None:
                self._beside = self._new_beside()
            return self._beside

    def _all(self) -> list[Pool]:
        beside = self._beside
        return [self._alone] if beside is None else [self._alone, beside]


class _Adopting:
    """What units submit goes to the pool of its own terms."""

    def __init__(self, pools: Pools) -> None:
        self.submit = pools.adopt
        self.cancel = pools.cancel
        self.credit = pools.credit
