"""What becomes of a task, told to the listener of who submitted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from cantor.node.tasks.wording import (
    DONE,
    ENDED,
    FAILED,
    ITEM,
    KEPT,
    SAID,
    WROTE,
    parts_of,
    value_of,
)
from cantor.workers.units import Death, End

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Buffer
    from cantor.workers.units import Listener

LAST = (DONE, FAILED, ENDED)
"""After one of these nothing comes."""


class KeptListener(Protocol):
    """Of a durable task."""

    def kept(self) -> None:
        """It is on the disk."""


class Telling:
    """A listener that says as messages what becomes of a unit."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[Message, Parts], None]) -> None:
        self._tell = tell

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        self._tell([DONE], parts_of(body, buffers))

    def failed(self, failure: Sequence[object]) -> None:
        self._tell([FAILED, list(failure)], ())

    def ended(self, end: End, death: Death | None) -> None:
        told: list[Any] | None = None
        if death is not None:
            told = [death.signal, death.code, death.stderr, death.at_start]
        self._tell([ENDED, end.value, told], ())

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        self._tell([ITEM], parts_of(body, buffers))

    def progressed(self, fraction: float, text: str) -> None:
        self._tell([SAID, fraction, text], ())

    def wrote(self, descriptor: int, text: str) -> None:
        self._tell([WROTE, descriptor, text], ())


def tell(listener: Listener, message: Message, parts: Parts) -> None:
    """Tell what ``wording`` says; without the number of the unit.

    Raises:
        RemoteProtocolError: it has no value.
        LookupError, TypeError, ValueError: it is no such message.
    """
    kind, *content = message
    _TELL[kind](listener, content, parts)


def _done(listener: Listener, _: list[Any], parts: Parts) -> None:
    listener.resolved(*value_of(parts))


def _ended(listener: Listener, content: list[Any], _: Parts) -> None:
    end, death = content
    listener.ended(End(end), None if death is None else Death(*death))


def _item(listener: Listener, _: list[Any], parts: Parts) -> None:
    listener.item(*value_of(parts))


_TELL: dict[int, Callable[[Listener, list[Any], Parts], None]] = {
    DONE: _done,
    FAILED: lambda listener, content, _: listener.failed(content[0]),
    ENDED: _ended,
    ITEM: _item,
    SAID: lambda listener, content, _: listener.progressed(*content),
    WROTE: lambda listener, content, _: listener.wrote(*content),
    KEPT: lambda listener, _content, _: cast("KeptListener", listener).kept(),
}
