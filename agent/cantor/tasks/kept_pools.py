"""Durable tasks on this machine alone: pools with a folder in which tasks and results are kept."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from cantor.node.tasks.keeping import Keeping, Kept
from cantor.node.tasks.listening import LAST, Telling, tell
from cantor.node.tasks.wording import parts_of, value_of
from cantor.stores.task_store import TaskStore
from cantor.workers.pools import Pools
from cantor.workers.units import Passed, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Buffer
    from cantor.workers.grants import Grants
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.settings import WorkerSettings
    from cantor.workers.units import Listener, Shipped, Terms


class KeptPools(Pools):
    """Also a keeper (``cantor.tasks.durable``). What had no result in the folder runs again."""

    def __init__(
        self, folder: Path, settings: WorkerSettings, grants: Grants, sandbox: Sandbox
    ) -> None:
        """Open the folder.

        Raises:
            StoreError: it cannot be read or written, or another process has it.
            SandboxError: this machine cannot give such a sandbox.
        """
        with ExitStack() as undo:
            store = TaskStore(folder, lambda do: do())
            undo.callback(store.close)
            super().__init__(settings, grants=grants, sandbox=sandbox)
            undo.callback(super().close, kill=True)
            self._keeping = Keeping(store, self._run, self._stop)
            self._keeping.resume()
            undo.pop_all()

    def keep(
        self,
        task: str,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms,
    ) -> str:
        """Take a durable task under that id."""
        kept = Kept(
            task, Passed(code.id, code.data), terms, "", parts_of(body, buffers),
            watchers=[(_Hearing(listener, task, self._keeping), 0)],
        )  # fmt: skip
        self._keeping.submit(kept)
        return task

    def find(self, task: str, listener: Listener) -> str:
        """Let a listener hear of a durable task."""
        self._keeping.find(_Hearing(listener, task, self._keeping), 0, task)
        return task

    def cancel(self, unit: Unit | str) -> None:
        """End a unit, or the durable task of that id."""
        if isinstance(unit, str):
            self._keeping.cancel(unit)
        else:
            super().cancel(unit)

    def close(self, *, kill: bool = False) -> None:
        """Take no more; workers end when all is done and kept. With ``kill`` they end now, and what
        has no result runs again when the folder is opened.
        """
        if not kill:
            self._keeping.wait()
        else:
            self._keeping.close()
        super().close(kill=kill)
        if not kill:
            self._keeping.close()

    def _run(self, kept: Kept) -> Unit:
        body, buffers = value_of(kept.parts)
        telling = Telling(lambda message, parts: self._keeping.told(kept, message, parts))
        return self.submit(kept.code, body, buffers, telling, kept.terms)

    def _stop(self, kept: Kept) -> None:
        super().cancel(kept.place)


class _Hearing:
    """A listener that waits for a durable task."""

    __slots__ = ("_keeping", "_listener", "_task")

    def __init__(self, listener: Listener, task: str, keeping: Keeping) -> None:
        self._listener = listener
        self._task = task
        self._keeping = keeping

    def told(self, unit: int, message: Message, parts: Parts) -> None:
        """Something has become of it."""
        tell(self._listener, message, parts)
        if message[0] in LAST:
            self._keeping.took(self._task)
