"""All the workers of one principal: processes, and one that runs threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.workers.dressing import dressing
from cantor.workers.errors import PoolClosedError
from cantor.workers.pool import Pool
from cantor.workers.sandbox.levels import OPEN
from cantor.workers.settings import WorkerSettings
from cantor.workers.units import LOOP, PLAIN, THREAD
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
WHEELS_MAX = 4
"""For so many lists of wheels workers are kept, unless more of them are busy."""


class Pools:
    """Units run in a process of their own each, or in threads of one, as their terms say.

    The worker of threads starts when it is needed. Units that import from wheels have workers of
    their own, which have seen no other wheels. What units submit themselves goes where ``children``
    says, else it stays here. Thread-safe.
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
        self._sandbox = sandbox
        self._folders = {""}
        self._beside: dict[str, Pool] = {}
        self._new_beside = partial(make, 1, places=told.threads)
        self._dressed: dict[str, Pool] = {}
        self._new_dressed = partial(make, told.workers)
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

    def begun(self, unit: Unit) -> tuple[int, float | None] | None:
        """The process that runs a unit and for how many seconds: see :meth:`Pool.begun`."""
        return self._of(unit.terms).begun(unit)

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

    def begin_life(self, setup: Setup, terms: Terms) -> Pool:
        """A worker for one actor, with the folders of its ``terms``; who asks closes it.

        The listener of ``setup`` hears that it lives or cannot be made, and that its worker has
        ended. The calls of one with a loop run at the same time.
        """
        sandbox, before = self._wearing(terms)
        places = CALLS_MAX if terms.mode == LOOP else None
        return self._actor(setup=(*before, setup), sandbox=sandbox, places=places)

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
        if terms.folders not in self._folders:  # a closed worker would open them to its units
            terms = replace(terms, folders="")
        return self._of(terms).adopt(code, body, buffers, listener, terms)

    def _open(self, terms: Terms) -> Pool:
        if self._is_closing:
            raise PoolClosedError("the pool is closed", remedy="submit before it is shut down")
        self._folders.add(terms.folders)
        return self._of(terms)

    def _of(self, terms: Terms) -> Pool:
        if terms.mode == THREAD:
            return self._kept(self._beside, terms, self._new_beside)
        if terms.folders:
            return self._kept(self._dressed, terms, self._new_dressed)
        return self._alone

    def _kept(self, kept: dict[str, Pool], terms: Terms, new: Callable[..., Pool]) -> Pool:
        """One that was made before, or a new one, for which one that nobody uses ends."""
        folders = terms.folders
        with self._lock:
            pool = kept.pop(folders, None)
            if pool is None:
                idle = next((one for one, other in kept.items() if one and not other.open), None)
                if len(kept) >= WHEELS_MAX and idle is not None:
                    kept.pop(idle).close(wait=False)
                sandbox, before = self._wearing(terms)
                pool = new(setup=before, sandbox=sandbox)
            kept[folders] = pool  # used last
            return pool

    def _wearing(self, terms: Terms) -> tuple[Sandbox, tuple[Setup, ...]]:
        """What makes the workers of a pool import from there, however closed they are."""
        if not terms.folders:
            return self._sandbox, ()
        seen = (*self._sandbox.readable, *map(Path, terms.folders.splitlines()))
        return replace(self._sandbox, readable=seen), (dressing(terms),)

    def _all(self) -> list[Pool]:
        with self._lock:
            return [self._alone, *self._beside.values(), *self._dressed.values()]


class _Adopting:
    """What units submit goes to the pool of its own terms."""

    def __init__(self, pools: Pools) -> None:
        self.submit = pools.adopt
        self.cancel = pools.cancel
        self.credit = pools.credit
