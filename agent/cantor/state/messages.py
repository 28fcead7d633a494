"""A message of a queue, as who took it has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from cantor.tasks.future import Future


class _Told(Protocol):
    """A queue that hears what became of its messages."""

    def _settle(
        self, operation: str, messages: Sequence[Taken], seconds: float = 0.0
    ) -> Future[None]: ...


@dataclass(slots=True, eq=False)
class Taken:
    """A message. ``tries`` is how often it was given out, this time included; ``put_at`` is UTC
    seconds. A dead letter says ``source``, the queue that it was in, and ``why`` it is one.
    """

    value: Any
    id: str
    tries: int
    put_at: float
    source: str
    why: str
    is_settled: bool
    """Whether it was acknowledged or given back here."""
    _queue: _Told
    _n: int
    _take: int

    @property
    def _place(self) -> list[int]:
        return [self._n, self._take]


class Message(Taken):
    """For code that waits. ``with message:`` acknowledges it when the block ends well, and gives
    it back on an error.
    """

    __slots__ = ()

    def ack(self) -> None:
        """It is done, and never comes again once this returns.

        Raises:
            ConflictError: its time is over, and another has taken it.
            StoreError: the disk does not take it; it may come again.
            UnavailableError: the node cannot be reached.
        """
        self._queue._settle("ack", [self]).result()

    def give_back(self, delay_s: float = 0.0) -> None:
        """Let it come again, not before ``delay_s``. Raises as :meth:`ack`."""
        self._queue._settle("give", [self], delay_s).result()

    def extend(self, seconds: float) -> None:
        """Keep it for so long from now. Raises as :meth:`ack`."""
        self._queue._settle("extend", [self], seconds).result()

    def __enter__(self) -> Message:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        if self.is_settled:
            return
        if kind is None:
            self.ack()
        else:
            self.give_back()


class AsyncMessage(Taken):
    """For coroutines: as :class:`Message`."""

    __slots__ = ()

    async def ack(self) -> None:
        """As :meth:`Message.ack`."""
        await self._queue._settle("ack", [self])

    async def give_back(self, delay_s: float = 0.0) -> None:
        """As :meth:`Message.give_back`."""
        await self._queue._settle("give", [self], delay_s)

    async def extend(self, seconds: float) -> None:
        """As :meth:`Message.extend`."""
        await self._queue._settle("extend", [self], seconds)

    async def __aenter__(self) -> AsyncMessage:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        if self.is_settled:
            return
        if kind is None:
            await self.ack()
        else:
            await self.give_back()
