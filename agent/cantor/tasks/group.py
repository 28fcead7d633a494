"""Tasks that begin together or not at all."""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError, LocalProtocolError
from cantor.scheduling.needs import together
from cantor.tasks.calls import packed, shipped
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.tasks.local import backend
from cantor.tasks.needs_here import check, counted, memory_taken
from cantor.workers.living import knows_mesh
from cantor.workers.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cantor.scheduling.needs import Needs
    from cantor.tasks.connection import Connection
    from cantor.wire.frame import Buffer
    from cantor.workers.pool import Call as ReadyCall
    from cantor.workers.units import Shipped, Terms


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a task that is made later: ``task.call(…)``."""

    code: Shipped
    body: bytes
    buffers: list[Buffer]
    needs: Needs
    terms: Terms

    @classmethod
    def of(
        cls,
        function: Any,  # noqa: ANN401 (any callable)
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        needs: Needs,
        terms: Terms,
    ) -> Call:
        """Made ready: what cannot travel is said now.

        Raises:
            NotShippable: the function cannot travel.
            NotSerialisable: an argument cannot.
        """
        buffers: list[Buffer] = []
        return cls(shipped(function), packed(args, kwargs, buffers), buffers, needs, terms)


class Group:
    """Tasks that begin together. ``futures`` are theirs, in the order of the calls."""

    def __init__(self, futures: list[Future[Any]], *, keep_going: bool) -> None:
        self.futures = futures
        if not keep_going:
            for future in futures:
                future.add_done_callback(self._look)

    def __iter__(self) -> Iterator[Future[Any]]:
        return iter(self.futures)

    def __len__(self) -> int:
        return len(self.futures)

    def results(self, timeout: float | None = None) -> list[Any]:
        """What all returned, in the order of the calls.

        Raises:
            CancelledError: the group was cancelled.
            TimeoutError: they are not done in ``timeout`` seconds.
            Exception: what the first of them raised that failed by itself.
        """
        concurrent.futures.wait(self.futures, timeout)
        failed = [one for one in self.futures if one.done() and not one.cancelled()]
        error = next((one.exception() for one in failed if one.exception() is not None), None)
        if error is not None:
            raise error
        return [future.result(0) for future in self.futures]

    def cancel(self) -> None:
        """End all, whether they wait or run."""
        for future in self.futures:
            future.cancel()

    def _look(self, ended: concurrent.futures.Future[Any]) -> None:
        if ended.cancelled() or ended.exception() is not None:
            self.cancel()


def _on_mesh(above: Connection, members: list[Call], *, keep_going: bool) -> Group:
    from cantor.tasks.gathered import Gathered

    futures: list[Future[Any]] = [Future() for _ in members]
    made = Group(futures, keep_going=keep_going)
    Gathered(above, members, futures).begin()
    return made


def _check_wheels(members: list[Call]) -> None:
    """All of a group on one machine are in workers of one kind."""
    where = members[0].terms.name
    if len({call.terms.folders for call in members}) > 1:
        raise ConfigError(
            "tasks of a group bring different wheels", where=where,
            remedy="write the same requirements for all of them",
        )  # fmt: skip


def group(calls: Iterable[Call], *, keep_going: bool = False) -> Group:
    """Begin these calls together, when all that they need and a worker for each is free.

        group = cantor.group([render.call(1), render.call(2), merge.call()])
        print(group.results())

    Until then none holds anything. If one fails, the others are cancelled, unless ``keep_going``.
    The most urgent priority among them is that of all. One whose worker died is tried again by
    itself, as often as its ``retries`` say.

    Raises:
        ConfigError: there are none, or on one machine: they have two modes, bring different wheels,
            or are more than ever run at once.
        NeedsError: this machine can never meet the needs of all at once.
        LocalProtocolError: this is a task.
    """
    members = list(calls)
    if not members:
        raise ConfigError("a group of no tasks", remedy="give it calls: task.call(…)")
    where = backend()
    if knows_mesh(where):
        return _on_mesh(cast("Connection", where), members, keep_going=keep_going)
    if not isinstance(where, Pools):
        raise LocalProtocolError(
            "a group begins in the script, not from within a task", where=members[0].terms.name,
            remedy="begin it in the script",
        )  # fmt: skip
    _check_wheels(members)
    joint = together([call.needs for call in members])
    check(joint, f"group of {members[0].terms.name}")
    futures: list[Future[Any]] = [Future() for _ in members]
    priority = min(call.terms.priority for call in members)
    terms = [
        replace(call.terms, priority=priority, memory_bytes=memory_taken(call.needs))
        for call in members
    ]
    ready: list[ReadyCall] = [
        (call.code, call.body, call.buffers, FutureListener(future, one))
        for call, future, one in zip(members, futures, terms, strict=True)
    ]
    units = where.submit_together(ready, terms, str(joint) if counted(joint) else "")
    for future, unit in zip(futures, units, strict=True):
        future._submitted(where, unit)
    return Group(futures, keep_going=keep_going)
