"""Durable tasks for those who submit them: their futures, and how to find one again by its id."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from cantor.base.errors import ConfigError
from cantor.tasks.calls import packed, shipped
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.tasks.local import backend
from cantor.workers.units import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.units import Listener, Shipped, Terms

T = TypeVar("T")


class Keeper(Protocol):
    """A backend with a disk."""

    def keep(
        self,
        task: str,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms,
    ) -> Any:  # noqa: ANN401 (each has its own mark of a unit)
        """Take a durable task under that id; what ``cancel`` wants."""

    def find(self, task: str, listener: Listener) -> Any:  # noqa: ANN401
        """Let a listener hear of a durable task; what ``cancel`` wants."""


class KeptFuture(Future[T]):
    """The result of a durable task."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self._task = task
        self._is_told = threading.Event()
        self._is_kept = False

    @property
    def task_id(self) -> str:
        """See :attr:`cantor.Future.task_id`."""
        if not self._is_told.is_set():
            self._refuse_deadlock()
            self._is_told.wait()
        if not self._is_kept:
            self.result()  # raises why it is not kept
        return self._task

    def _told(self, *, is_kept: bool) -> None:
        self._is_kept = self._is_kept or is_kept
        self._is_told.set()


class KeptListener(FutureListener):
    """Resolves a future when the result is on the disk."""

    __slots__ = ("_kept_future",)

    def __init__(self, future: KeptFuture[Any], terms: Terms) -> None:
        super().__init__(future, terms)
        self._kept_future = future

    def kept(self) -> None:
        """The task is on the disk."""
        self._kept_future._told(is_kept=True)

    def _fail(self, error: BaseException) -> None:
        super()._fail(error)
        self._kept_future._told(is_kept=False)


def keep_call(
    where: Backend,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    terms: Terms,
) -> Future[T]:
    """Submit a durable task.

    Raises:
        ConfigError: nothing is kept there.
        NotShippable, NotSerialisable, PoolClosedError, TaskError: as any submit.
    """
    code = shipped(function)  # first: a module that submits while it is loaded is told just that
    keeper = keeper_of(where, terms.name)
    buffers: list[Buffer] = []
    body = packed(args, kwargs, buffers)
    future: KeptFuture[T] = KeptFuture(new_task_id())
    listener = KeptListener(future, terms)
    future._submitted(where, keeper.keep(future._task, code, body, buffers, listener, terms))
    return future


def find_task(task_id: str) -> Future[Any]:
    """The future of a durable task that this or another program submitted, here or before.

    Its result is a :class:`~cantor.workers.errors.UnknownTaskError` (a LookupError) if no such task
    is kept. Cancelling it ends the task.

    Raises:
        ConfigError: tasks go where nothing is kept.
    """
    return find_at(backend(), task_id)


def find_at(where: Backend, task_id: str) -> Future[Any]:
    """The future of a durable task there. Raises as :func:`find_task`."""
    keeper = keeper_of(where, task_id)
    future: KeptFuture[Any] = KeptFuture(task_id)
    future._submitted(where, keeper.find(task_id, KeptListener(future, PLAIN)))
    return future


def keeper_of(where: Backend, name: str) -> Keeper:
    """The same backend, if it keeps tasks.

    Raises:
        ConfigError: it does not.
    """
    if not hasattr(where, "keep"):
        raise ConfigError(
            "durable tasks need a disk, and are submitted by programs, not by tasks", where=name,
            remedy="use with cantor.connect(): or cantor.local(store=FOLDER): around it",
        )  # fmt: skip
    return cast("Keeper", where)


def new_task_id() -> str:
    """32 hexadecimal digits; later ones sort behind, so that a store writes them in order."""
    return f"{int(time.time() * 1000) & 0xFFFFFFFFFFFF:012x}{secrets.token_hex(10)}"
