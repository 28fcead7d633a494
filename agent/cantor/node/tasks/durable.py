"""The durable tasks of an agent: kept in its folder, run again when it is started again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, ConfigError, UnavailableError
from cantor.node.loop import soon_on
from cantor.stores.task_records import FILE_NAME, is_task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.node.services import Call, Node
    from cantor.node.tasks.keeping import Keeping, Kept
    from cantor.node.tasks.submits import Caller, Submit, Submits
    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Value

ROWS_MAX = 1000
"""So many results are listed at most, the newest."""
_log = logging.getLogger(__name__)


class KeptCaller:
    """The caller of a durable task, where it runs."""

    __slots__ = ("_keeping", "kept")

    def __init__(self, keeping: Keeping, kept: Kept) -> None:
        self._keeping = keeping
        self.kept = kept

    def told(self, unit: int, message: Message, parts: Parts) -> None:
        """Something has become of it."""
        self._keeping.told(self.kept, message, parts)


class Durable:
    """On the event loop only. The store is opened when it is used: most agents keep nothing."""

    def __init__(self, node: Node, submits: Submits) -> None:
        self._node = node
        self._submits = submits
        self._keeping: Keeping | None = None
        self._is_closed = False

    def start(self) -> None:
        """Run again what has no result; a store that is of no use keeps no agent from starting."""
        if not (self._node.folder / FILE_NAME).exists():
            return
        try:
            self.keeping()
        except CantorError as error:
            _log.error("durable tasks cannot be used", extra={"reason": str(error)})

    async def close(self) -> None:
        """Write what is left; what has no result is run again at the next start."""
        self._is_closed = True
        if self._keeping is not None:
            await asyncio.to_thread(self._keeping.close)

    def keeping(self) -> Keeping:
        """What keeps them.

        Raises:
            StoreError: its store is of no use.
            UnavailableError: the agent ends.
        """
        if self._is_closed:
            raise UnavailableError("the agent ends", remedy="try again when it runs")
        if self._keeping is None:
            from cantor.node.tasks.keeping import Keeping
            from cantor.stores.task_store import TaskStore

            soon = soon_on(asyncio.get_running_loop())
            store = TaskStore(self._node.folder, soon, monotonic=self._node.clock.monotonic)
            keeping = self._keeping = Keeping(store, self._run, self._end)
            try:
                again = keeping.resume()
            except CantorError:
                self._keeping = None
                keeping.close()
                raise
            _log.info("durable tasks are kept", extra={"unfinished": again})
        return self._keeping

    def left(self, caller: Caller) -> None:
        """A caller is gone; its tasks are not."""
        if self._keeping is not None:
            self._keeping.left(caller)

    def calls(self) -> Mapping[str, Call]:
        """What programs of the same user may ask."""
        return {"tasks.kept": self._call_kept, "tasks.forget": self._call_forget}

    def _run(self, kept: Kept) -> Submit | None:
        number = self._submits.submit(
            KeptCaller(self.keeping(), kept), 0, kept.code, kept.terms, kept.python, kept.parts,
            durable_id=kept.id, is_again=kept.is_again,
        )  # fmt: skip
        return self._submits.find(number)

    def _end(self, kept: Kept) -> None:
        self._submits.cancel(kept.place.number)

    async def _call_kept(self, _args: dict[str, Value]) -> Value:
        store = self.keeping().store
        rows = await self._asked(lambda tell: store.rows(ROWS_MAX, tell))
        now, limits = store.now, store.limits
        count, size = store.used
        kept: list[Value] = [
            {
                "id": row.id,
                "name": row.name,
                "state": row.state,
                "attempt": row.attempt,
                "age_s": round(now - row.at, 1),
                "left_s": round(row.left_s(now, limits), 1),
            }
            for row in rows
        ]
        told: dict[str, Value] = {
            "result_s": limits.result_s, "taken_s": limits.taken_s,
            "tasks_max": limits.tasks_max, "bytes_max": limits.bytes_max,
        }  # fmt: skip
        return {"results": kept, "tasks": count, "bytes": size, "limits": told}

    async def _call_forget(self, args: dict[str, Value]) -> Value:
        task = str(args.get("task"))
        store = self.keeping().store
        if not is_task_id(task) or not await self._asked(lambda tell: store.forget(task, tell)):
            raise ConfigError(f"no result of a task {task!r} is kept", remedy="cantor task kept")
        return {"task": task}

    async def _asked(self, ask: Callable[[Callable[[Any], None]], None]) -> Any:  # noqa: ANN401
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def tell(outcome: Any) -> None:  # noqa: ANN401 (what was asked, or an error)
            if not answer.done():
                answer.set_result(outcome)

        ask(tell)
        outcome = await answer
        if isinstance(outcome, CantorError):
            raise outcome
        return outcome
