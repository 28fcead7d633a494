"""What scripts and tasks of this node submit: tasks, actors, calls of actors, and questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.node.actors.callers import Calls
    from cantor.node.actors.keeper import Keeper
    from cantor.node.state.asks import Asks
    from cantor.node.tasks.submits import Caller, Submits
    from cantor.node.tasks.wording import Parts
    from cantor.workers.units import Passed, Terms


class Intake:
    """On the event loop only. All have one row of numbers."""

    def __init__(self, submits: Submits, calls: Calls, keeper: Keeper, asks: Asks) -> None:
        self._submits = submits
        self._asks = asks
        self._calls = calls
        self._keeper = keeper

    def submit(
        self,
        caller: Caller,
        unit: int,
        code: Passed,
        terms: Terms,
        python: str,
        parts: Parts,
        *,
        is_nested: bool = False,
    ) -> int:
        """Take what a caller submits, ``is_nested`` if that is a task; its number on this node.

        Raises:
            ConfigError: its needs do not follow the grammar.
        """
        if terms.asks:
            return self._asks.submit(caller, unit, terms, parts)
        if terms.is_life:
            return self._keeper.start(caller, unit, code, terms, python, parts)
        if terms.actor:
            return self._calls.submit(caller, unit, terms, parts)
        return self._submits.submit(caller, unit, code, terms, python, parts, is_nested=is_nested)

    def is_open(self, number: int) -> bool:
        """Whether it has not ended."""
        return (
            self._submits.find(number) is not None
            or self._calls.is_open(number)
            or self._keeper.is_kept(number)
            or self._asks.is_open(number)
        )

    def cancel(self, number: int) -> None:
        """Nobody wants it any more: end it also if it runs."""
        self._submits.cancel(number)
        self._asks.cancel(number)
        self._calls.cancel(number)
        self._keeper.end(number)

    def leave(self, number: int) -> None:
        """Its caller has gone: end it, but for actors with a name, and for calls that run."""
        self._submits.cancel(number)
        self._asks.cancel(number)
        self._calls.leave(number)
        self._keeper.leave(number)

    def credit(self, number: int, count: int) -> None:
        """The caller of a stream took so many items."""
        self._submits.credit(number, count)
