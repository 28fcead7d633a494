"""Tasks on this machine: a pool that starts with the first task, or one of one's own."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError
from cantor.tasks.brought import bring
from cantor.tasks.needs_here import grants
from cantor.workers.backend import backend_here, set_backend
from cantor.workers.pools import Pools
from cantor.workers.sandbox.levels import Sandbox, level_named
from cantor.workers.settings import WorkerSettings, load_worker_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from cantor.workers.sandbox.levels import Level

from cantor.workers.backend import Backend

_lock = threading.Lock()
_pools: list[Pools] = []


class local:  # noqa: N801 (people write cantor.local())
    """Run tasks on this machine, on ``workers`` processes; needs that cannot be met here fail.

    What tasks take of the machine's quantities is counted in this program, over all its pools.

        with cantor.local(workers=2):
            print(square.submit(3).result())

    Without it, tasks run on as many workers as there are processors. ``warm`` of them start at
    once, the others when there is work. Tasks of ``mode="thread"`` run in one worker more, at most
    ``threads`` at once. A worker is replaced when it has run ``tasks_max`` tasks, and when it is
    idle and holds more than ``memory_max_bytes``, or ``memory_growth_max_bytes`` more than before
    its first task; ``pool.replaced`` tells. All that can stand in a ``file`` (``workers.yaml``);
    what is given here goes before it.

    With a ``store``, a folder, tasks can be durable: they and their results are on its disk before
    they are acknowledged. Another program that opens it later finds results by their ids, and runs
    again what had none; only one program has it at a time.

    What ``requirements`` (a list, or a file with one a line) are not installed here is taken from
    the folder ``wheels``, or without it from an ``index`` of packages (``https://…/simple``), by
    default the one that pip asks.

    ``sandbox`` closes workers in: "full" leaves them no network and no files but their own and the
    system's programs, "net" leaves them the network; "none", the default, is for one's own script.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        warm: int | None = None,
        threads: int | None = None,
        tasks_max: int | None = None,
        memory_max_bytes: int | None = None,
        memory_growth_max_bytes: int | None = None,
        file: str | Path | None = None,
        store: str | Path | None = None,
        sandbox: Sandbox | Level = "none",
        requirements: Sequence[str] | str | PathLike[str] = (),
        wheels: str | Path | None = None,
        index: str = "",
    ) -> None:
        """See the class.

        Raises:
            SandboxError: this machine cannot give such a sandbox.
            StoreError: the store cannot be read or written, or another program has it.
            ConfigError: there is no such level, or a file is of no use.
            BundleError: one of the requirements is none.
        """
        given = {
            "workers": workers,
            "warm": warm,
            "threads": threads,
            "tasks_max": tasks_max,
            "memory_max_bytes": memory_max_bytes,
            "memory_growth_max_bytes": memory_growth_max_bytes,
        }
        told = WorkerSettings() if file is None else load_worker_settings(Path(file))
        here: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        closed = sandbox if isinstance(sandbox, Sandbox) else Sandbox(level_named(sandbox))
        settings = replace(told, **here)
        self.pool = (
            Pools(settings, grants=grants, sandbox=closed)
            if store is None
            else kept_pools(Path(store), settings, closed)
        )
        self._before: Backend | None = None
        try:
            bring(self.pool, requirements, None if wheels is None else Path(wheels), index)
        except CantorError:
            self.pool.close()
            raise

    def __enter__(self) -> Self:
        with _lock:
            _pools.append(self.pool)
        self._before = backend_here()
        set_backend(self.pool)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        set_backend(self._before)
        self.close(kill=kind is not None)

    def result(self, task_id: str, timeout: float | None = None) -> Any:  # noqa: ANN401 (its own)
        """What a durable task returned, as :func:`cantor.find_task` finds it."""
        return result_at(self.pool, task_id, timeout)

    def close(self, *, kill: bool = False) -> None:
        """Wait for what was submitted, or with ``kill`` end it; then end the workers."""
        self.pool.close(kill=kill)
        with _lock:
            if self.pool in _pools:
                _pools.remove(self.pool)


def kept_pools(folder: Path, settings: WorkerSettings, sandbox: Sandbox) -> Pools:
    """Pools that keep durable tasks in that folder; programs without such need no database."""
    from cantor.tasks.kept_pools import KeptPools

    return KeptPools(folder, settings, grants, sandbox)


def result_at(where: Backend, task_id: str, timeout: float | None) -> Any:  # noqa: ANN401
    """What a durable task there returned."""
    from cantor.tasks.durable import find_at

    return find_at(where, task_id).result(timeout)


def backend() -> Backend:
    """Where tasks of this process go: what was said last, else a pool of its own."""
    here = backend_here()
    if here is None:
        with _lock:
            here = backend_here()
            if here is None:
                here = Pools(grants=grants)
                _pools.append(here)
                set_backend(here)
    return here


def _forget() -> None:
    """A process that was forked has no part in the pools of the other: it starts its own."""
    global _lock  # noqa: PLW0603 (somebody may hold the one that was copied)
    _lock = threading.Lock()
    _pools.clear()
    set_backend(None)


os.register_at_fork(after_in_child=_forget)


@atexit.register
def _end() -> None:
    """What nobody waited for ends with its process."""
    for pool in _pools:
        pool.close(kill=True)
