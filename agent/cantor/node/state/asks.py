"""Questions of scripts and tasks of this node about what nodes keep, until they are answered."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, UnavailableError
from cantor.node.state.wording import Answer, pack_answer
from cantor.node.tasks.wording import DONE, FAILED, value_of
from cantor.workers.failures import pack_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.node.services import Node
    from cantor.node.state.service import State
    from cantor.node.tasks.submits import Caller
    from cantor.node.tasks.wording import Parts
    from cantor.workers.units import Terms


class Asks:
    """On the event loop only. ``numbers`` are those of tasks, too."""

    def __init__(self, node: Node, numbers: Iterator[int]) -> None:
        self._node = node
        self._numbers = numbers
        self._open: dict[int, asyncio.Future[Answer]] = {}

    def submit(self, caller: Caller, unit: int, terms: Terms, parts: Parts) -> int:
        """Take a question; its number on this node."""
        number = next(self._numbers)
        try:
            answer = self._state().ask(terms.asks, *value_of(parts), origin=terms.origin)
        except CantorError as error:
            _tell(caller, unit, error)
            return number
        if isinstance(answer, Answer):
            _tell(caller, unit, answer)
            return number
        task = self._open[number] = asyncio.ensure_future(answer)
        task.add_done_callback(partial(self._answered, number, caller, unit))
        return number

    def is_open(self, number: int) -> bool:
        """Whether that is a question without an answer."""
        return number in self._open

    def cancel(self, number: int) -> None:
        """Nobody waits for it any more."""
        task = self._open.get(number)
        if task is not None:
            task.cancel()

    def _state(self) -> State:
        state = self._node.service("state")
        if state is None:
            raise UnavailableError("this node keeps nothing for others", where=self._node.name)
        return cast("State", state)

    def _answered(
        self, number: int, caller: Caller, unit: int, task: asyncio.Future[Answer]
    ) -> None:
        del self._open[number]
        if not task.cancelled():
            _tell(caller, unit, task.exception() or task.result())


def _tell(caller: Caller, unit: int, answer: Answer | BaseException) -> None:
    if isinstance(answer, BaseException):
        caller.told(unit, [FAILED, pack_failure(answer)], ())
    else:
        caller.told(unit, [DONE], pack_answer(answer))
