"""What becomes of a task, told to the listener of who submitted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.node.tasks.wording import DONE, ENDED, FAILED, ITEM, SAID, WROTE, value_of
from cantor.workers.units import Death, End

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.tasks.wording import Message, Parts
    from cantor.workers.units import Listener

LAST = (DONE, FAILED, ENDED)
"""After one of these nothing comes."""


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
}
