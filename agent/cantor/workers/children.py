"""Tasks that a task submits: from its worker they go to the pool that the worker belongs to."""

from __future__ import annotations

import threading
from dataclasses import astuple
from itertools import count
from typing import TYPE_CHECKING, Any

from cantor.scheduling.needs import Needs
from cantor.workers.messages import CHILD, DROP, TAKEN, check_size, found, placed
from cantor.workers.units import PLAIN, Death, End, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.messages import Message
    from cantor.workers.slots import SlotReader, SlotWriter
    from cantor.workers.units import Listener, Shipped

ANSWER_DONE, ANSWER_FAILED, ANSWER_ENDED, ANSWER_ITEM = range(4)


class Children:
    """A backend inside a worker. Thread-safe."""

    def __init__(
        self,
        tell: Callable[[Message], None],
        read_beside: Callable[[], None],
        reader: SlotReader | None,
        writer: SlotWriter | None,
        unit_here: Callable[[], int | None],
    ) -> None:
        """``unit_here`` is the unit that submits."""
        self.needs = Needs(None)
        """Beside what each task needs itself; whoever takes them looks whether that can be met."""
        self._tell = tell
        self._unit_here = unit_here
        self._read_beside = read_beside
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)
        self._open: dict[int, Listener] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> int:
        """Submit to the pool; the number of the child.

        Raises:
            NotSerialisable: its arguments are too large.
        """
        check_size(body, buffers)
        self._read_beside()
        parent = self._unit_here() or 0
        with self._lock:
            number = next(self._numbers)
            self._open[number] = listener
            data = None if code.id in self._told else code.data
            self._told.add(code.id)
            told = placed(buffers, self._writer)
            self._tell([CHILD, number, parent, code.id, data, astuple(terms), body, told])
        return number

    def cancel(self, unit: int) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._open.pop(unit, None)
        self._tell([DROP, unit])

    def credit(self, unit: int, count: int) -> None:
        """This task took so many items of a child's stream; with 0 it wants no more."""
        with self._lock:
            is_open = unit in self._open
        if is_open:
            self._tell([TAKEN, unit, count])

    def answered(self, number: int, outcome: int, content: Any, told: Sequence[Any]) -> None:  # noqa: ANN401
        """A child has ended, or gave an item."""
        buffers = found(told, self._reader)
        with self._lock:
            listener = self._open.get(number)
            if outcome != ANSWER_ITEM:
                self._open.pop(number, None)
        if listener is None:
            return
        if outcome == ANSWER_ITEM:
            listener.item(content, buffers)
            return
        if outcome == ANSWER_DONE:
            listener.resolved(content, buffers)
        elif outcome == ANSWER_FAILED:
            listener.failed(content)
        else:
            end, death = content
            listener.ended(End(end), None if death is None else Death(*death))


class ChildListener:
    """In the pool: passes on what becomes of a child to the worker that submitted it."""

    def __init__(
        self, number: int, answer: Callable[[int, int, Any, Sequence[Buffer]], None]
    ) -> None:
        """``answer`` gets the child's number, the outcome, its content and buffers."""
        self._number = number
        self._answer = answer
        self.has_ended = False

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It has a result."""
        self.has_ended = True
        self._answer(self._number, ANSWER_DONE, body, buffers)

    def failed(self, failure: Sequence[object]) -> None:
        """Its function raised."""
        self.has_ended = True
        self._answer(self._number, ANSWER_FAILED, list(failure), ())

    def ended(self, end: End, death: Death | None) -> None:
        """It ended without a result."""
        told = None if death is None else astuple(death)
        self.has_ended = True
        self._answer(self._number, ANSWER_ENDED, [end.value, told], ())

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """Its stream gave an item."""
        self._answer(self._number, ANSWER_ITEM, body, buffers)

    def progressed(self, fraction: float, text: str) -> None:
        """How far it is, its parent does not hear."""

    def wrote(self, descriptor: int, text: str) -> None:
        """What it printed is shown where the pool is."""
