"""Calls of actors made on this node: sent to the node that keeps each, answers passed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.node.actors.kept import handle_of
from cantor.node.tasks.listening import LAST
from cantor.node.tasks.places import lives_of, named
from cantor.node.tasks.wording import CALL, CALL_OFF, FAILED, terms_value
from cantor.scheduling.actors.calling import Calling
from cantor.scheduling.actors.names import keeper_of
from cantor.workers.errors import WorkerDiedError
from cantor.workers.failures import pack_failure
from cantor.workers.units import FIND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cantor.base.errors import CantorError
    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.submits import Caller
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.actors.names import Named
    from cantor.workers.units import Terms


@dataclass(slots=True, eq=False)
class _Made:
    number: int
    caller: Caller
    unit: int
    terms: Terms


class Calls:
    """On the event loop only."""

    def __init__(
        self, node: Node, lines: Lines, numbers: Iterator[int], find: Callable[[str], Named | None]
    ) -> None:
        """``find`` finds actors by their name."""
        self._find = find
        self._node = node
        self._lines = lines
        self._numbers = numbers
        self._core = Calling()
        self._made: dict[int, _Made] = {}

    def is_open(self, number: int) -> bool:
        """Whether that is a call without an answer."""
        return number in self._made

    def submit(self, caller: Caller, unit: int, terms: Terms, parts: Parts) -> int:
        """Make a call; its number on this node."""
        if terms.method == FIND:
            self._look_up(caller, unit, terms.actor_name)
            return 0
        made = _Made(next(self._numbers), caller, unit, terms)
        keeper, life = keeper_of(terms.actor)
        self._made[made.number] = made
        if keeper not in self._node.alive():
            self._lose((made.number,), keeper, "cannot be reached")
            return made.number
        line, place = self._core.call(made.number, keeper, life, terms.actor)
        message = [CALL, self._node.life, line, place, made.number, terms.actor, terms_value(terms)]
        self._lines.tell(keeper, message, parts)
        return made.number

    def cancel(self, number: int) -> None:
        """Nobody wants it any more: end it also if it runs."""
        self._call_off(number, is_cancelled=True)

    def leave(self, number: int) -> None:
        """Its caller has gone; the actor goes on with it if it runs."""
        self._call_off(number, is_cancelled=False)
        if self._made.pop(number, None) is not None:
            self._core.ended(number)

    def changed(self, lost: Iterable[NodeId]) -> None:
        """Facts or nodes have changed; ``lost`` can be reached no more."""
        for node in lost:
            self._lose(self._core.lost(node), node, "was lost")
        if self._made:
            for node, life in lives_of(self._node):
                self._lose(self._core.seen(node, life), node, "began anew")

    def heard_called(self, node: NodeId, message: Message, parts: Parts) -> None:
        """A keeper tells what becomes of a call."""
        _, life, number, place, what = message
        made = self._made.get(number)
        if life != self._node.life or made is None:
            return
        for told, its_parts in self._core.told(node, number, place, (what, parts)):
            if told[0] in LAST:
                del self._made[number]
                self._core.ended(number)
            made.caller.told(made.unit, told, its_parts)

    def heard_line_lost(self, node: NodeId, message: Message, _: Parts) -> None:
        """A keeper had lost sight of this node, and dropped what had not begun."""
        _, address, life, line = message
        if life == self._node.life:
            self._lose(self._core.line_lost(node, address, line), node, "was lost for a while")

    def _look_up(self, caller: Caller, unit: int, name: str) -> None:
        named = self._find(name)
        if named is None:
            error = LookupError(f"no actor is named {name!r} on this mesh")
            caller.told(unit, [FAILED, pack_failure(error)], ())
        else:
            caller.told(unit, *handle_of(named))

    def _call_off(self, number: int, *, is_cancelled: bool) -> None:
        keeper = self._core.keeper(number)
        if keeper is not None:
            self._lines.tell(keeper, [CALL_OFF, self._node.life, number, is_cancelled])

    def _lose(self, numbers: Iterable[int], keeper: NodeId, what: str) -> None:
        for number in numbers:
            made = self._made.pop(number, None)
            if made is not None:
                error: CantorError = WorkerDiedError(
                    f"node {named(self._node, keeper)}, which keeps the actor, {what}",
                    where=made.terms.name,
                    remedy="the call may have run; start the actor again if its node is gone",
                )
                made.caller.told(made.unit, [FAILED, pack_failure(error)], ())
