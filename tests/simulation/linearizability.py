"""Whether what clients saw can be explained by one order of operations, each done at one moment
between its call and its answer.

Wing and Gong's search ("Testing and verifying concurrent objects", 1993) in the form that Lowe gave
it ("Testing for linearizability", 2016): operations take effect as late as they can, when an answer
needs them. Each key, each queue is looked at by itself, for linearizability is local.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cantor.base.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

CONFIGURATIONS_MAX = 200_000
UNKNOWN = object()
"""The answer of an operation that may never have been done."""


@dataclass(slots=True, eq=False)
class Operation:
    """What a client did; ``end`` is infinite if it has heard no answer."""

    key: str
    name: str
    arguments: tuple[Any, ...]
    start: float
    end: float = math.inf
    answer: Any = field(default=UNKNOWN)

    def __str__(self) -> str:
        told = "?" if self.answer is UNKNOWN else repr(self.answer)
        at = f"{self.start:.3f}..{self.end:.3f}"
        return f"{self.name}{self.arguments!r} = {told} at {at}"


class Model(Protocol):
    """What a key is: ``step`` gives the state after an operation and its answer."""

    @property
    def initial(self) -> Hashable:
        """Before anything was done."""

    def step(self, state: Any, name: str, arguments: tuple[Any, ...]) -> tuple[Any, Any]:  # noqa: ANN401
        """Do it."""


class Register:
    """``read``, ``write``, and ``cas``, which writes if the old value is the given one."""

    initial = None

    def step(self, state: Any, name: str, arguments: tuple[Any, ...]) -> tuple[Any, Any]:  # noqa: ANN401
        match name:
            case "read":
                return state, state
            case "write":
                return arguments[0], True
            case _:
                old, new = arguments
                return (new, True) if state == old else (state, False)


class Queue:
    """``put`` at the end, ``take`` the first, ``ack`` what was taken, or ``give`` it back to the
    head. The state is what waits and what is taken.
    """

    initial: tuple[tuple[Any, ...], frozenset[Any]] = ((), frozenset())

    def step(self, state: Any, name: str, arguments: tuple[Any, ...]) -> tuple[Any, Any]:  # noqa: ANN401
        waiting, taken = state
        match name:
            case "put":
                return ((*waiting, arguments[0]), taken), True
            case "take":
                if not waiting:
                    return state, None
                return (waiting[1:], taken | {waiting[0]}), waiting[0]
            case "ack":
                return (waiting, taken - {arguments[0]}), arguments[0] in taken
            case _:
                item = arguments[0]
                if item not in taken:
                    return state, False
                return ((item, *waiting), taken - {item}), True


def check(operations: Iterable[Operation], models: dict[str, Model]) -> int:
    """Look at all keys; the first letters of a key, up to a ``:``, name its model. How many
    operations were looked at.

    Raises:
        LocalProtocolError: no order explains what was seen.
    """
    by_key: dict[str, list[Operation]] = {}
    for operation in operations:
        by_key.setdefault(operation.key, []).append(operation)
    for key, some in sorted(by_key.items()):
        check_one(key, some, models[key.partition(":")[0]])
    return sum(map(len, by_key.values()))


def check_one(key: str, operations: list[Operation], model: Model) -> None:
    """Look at one key.

    Raises:
        LocalProtocolError: no order explains what was seen.
    """
    moments = [(one.start, 0, number) for number, one in enumerate(operations)]
    moments += [
        (one.end, 1, number) for number, one in enumerate(operations) if math.isfinite(one.end)
    ]
    search = _Search(model, operations)
    for _, is_end, number in sorted(moments):
        if not is_end:
            search.open.add(number)
        elif not search.answered(number):
            late = operations[number]
            raise LocalProtocolError(f"not linearizable: {late}", where=key)


class _Search:
    """All that may be so now: states, each with the open operations that were done in it."""

    def __init__(self, model: Model, operations: list[Operation]) -> None:
        self._model = model
        self._operations = operations
        self.open: set[int] = set()
        self._now: set[tuple[Any, frozenset[int]]] = {(model.initial, frozenset())}

    def answered(self, number: int) -> bool:
        """An operation has answered: whether it can have been done by now."""
        after: set[tuple[Any, frozenset[int]]] = set()
        seen: set[tuple[Any, frozenset[int]]] = set()
        stack = list(self._now)
        while stack:
            one = stack.pop()
            if one in seen:
                continue
            seen.add(one)
            if len(seen) > CONFIGURATIONS_MAX:
                raise LocalProtocolError("too many orders to look at")
            state, done = one
            if number in done:
                after.add((state, done - {number}))
                continue
            stack += self._next(state, done)
        self.open.discard(number)
        self._now = after
        return bool(after)

    def _next(self, state: Any, done: frozenset[int]) -> list[tuple[Any, frozenset[int]]]:  # noqa: ANN401
        found = []
        for number in self.open - done:
            operation = self._operations[number]
            new, answer = self._model.step(state, operation.name, operation.arguments)
            if operation.answer is UNKNOWN or operation.answer == answer:
                found.append((new, done | {number}))
        return found
