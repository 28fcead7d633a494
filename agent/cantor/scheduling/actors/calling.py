"""Calls on their way: numbered by the node of the caller, in that order again at the keeper.

A *line* is the calls of one node to one actor, since it last lost sight of the actor's keeper. What
was on a line that is lost never begins after that.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cantor.scheduling.actors.ordering import Ordered

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

T = TypeVar("T")
LINES_MAX = 65536
"""Lines of one node that are remembered."""


@dataclass(slots=True)
class _Line:
    keeper: NodeId
    life: int
    """Of the keeper, in which the actor was started."""
    number: int
    places: int = 0
    open: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Open:
    address: str
    told: Ordered[Any] = field(default_factory=Ordered)


class Calling:
    """The calls that were made at one node and have no answer yet."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._open: dict[int, _Open] = {}
        self._numbers = count(1)

    def call(self, call: int, keeper: NodeId, life: int, address: str) -> tuple[int, int]:
        """A call is made, of an actor that its keeper started in that life; its line and place."""
        line = self._lines.get(address)
        if line is None:
            self._make_room()
            line = self._lines[address] = _Line(keeper, life, next(self._numbers))
        self._lines.move_to_end(address)
        place = line.places
        line.places += 1
        line.open.add(call)
        self._open[call] = _Open(address)
        return line.number, place

    def keeper(self, call: int) -> NodeId | None:
        """The node that keeps the actor of a call without an answer."""
        known = self._open.get(call)
        line = None if known is None else self._lines.get(known.address)
        return None if line is None else line.keeper

    def told(self, node: NodeId, call: int, place: int, told: T) -> list[T]:
        """The keeper tells something of a call; what is to be passed on now, in order.

        Raises:
            RemoteProtocolError: it is at no possible place.
        """
        if self.keeper(call) != node:
            return []
        return self._open[call].told.put(place, told)

    def ended(self, call: int) -> None:
        """A call has its answer, or nobody wants one."""
        known = self._open.pop(call, None)
        if known is not None and known.address in self._lines:
            self._lines[known.address].open.discard(call)

    def lost(self, keeper: NodeId) -> list[int]:
        """A node cannot be reached: the calls that have no answer now, and get none."""
        addresses = [one for one, line in self._lines.items() if line.keeper == keeper]
        return [call for one in addresses for call in self._lose(one)]

    def seen(self, keeper: NodeId, life: int) -> list[int]:
        """A node is in that life: calls of actors of a former one get no answer."""
        addresses = [
            one for one, line in self._lines.items() if line.keeper == keeper and line.life < life
        ]
        return [call for one in addresses for call in self._lose(one)]

    def line_lost(self, keeper: NodeId, address: str, number: int) -> list[int]:
        """A keeper has lost sight of this node, and forgot a line."""
        line = self._lines.get(address)
        if line is None or line.keeper != keeper or line.number != number:
            return []
        return self._lose(address)

    def _lose(self, address: str) -> list[int]:
        calls = sorted(self._lines.pop(address).open)
        for call in calls:
            del self._open[call]
        return calls

    def _make_room(self) -> None:
        if len(self._lines) >= LINES_MAX:
            idle = next((one for one, line in self._lines.items() if not line.open), None)
            if idle is not None:
                del self._lines[idle]


@dataclass(slots=True)
class _Heard(Generic[T]):
    life: int
    number: int
    line: Ordered[T] | None


class Hearing(Generic[T]):
    """What a keeper hears of callers: the calls of each line in their order."""

    def __init__(self) -> None:
        self._lines: dict[tuple[NodeId, str], _Heard[T]] = {}

    def heard(
        self, node: NodeId, life: int, address: str, number: int, place: int, call: T
    ) -> list[T]:
        """A call has come; those that are to be taken now, in order; none of a line that is lost.

        Raises:
            RemoteProtocolError: it is at no possible place.
        """
        known = self._lines.get((node, address))
        if known is None or (life, number) > (known.life, known.number):
            known = self._lines[node, address] = _Heard(life, number, Ordered())
        if known.line is None or (life, number) != (known.life, known.number):
            return []
        return known.line.put(place, call)

    def gone(self, node: NodeId) -> list[tuple[str, int, int]]:
        """A caller's node cannot be reached: the lines that are lost, by address, life, number."""
        lost: list[tuple[str, int, int]] = []
        for (of, address), known in self._lines.items():
            if of == node and known.line is not None:
                known.line = None
                lost.append((address, known.life, known.number))
        return lost

    def forget(self, address: str) -> list[tuple[NodeId, int, T]]:
        """That actor has ended: calls that wait for others, by node and life of their caller."""
        left: list[tuple[NodeId, int, T]] = []
        for node, of in [key for key in self._lines if key[1] == address]:
            known = self._lines.pop((node, of))
            if known.line is not None:
                left += [(node, known.life, call) for call in known.line.early]
        return left
