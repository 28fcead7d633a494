"""Tasks that a task on this node submits: they go wherever they fit, as those of a script here."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError, SecretError
from cantor.bundles.code import python_here
from cantor.bundles.values import pack
from cantor.node.tasks.listening import LAST, tell
from cantor.node.tasks.wording import DONE, FAILED, parts_of, terms_from, terms_value
from cantor.workers.failures import pack_failure
from cantor.workers.units import PLAIN, Passed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cantor.base.ids import NodeId
    from cantor.node.tasks.intake import Intake
    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Buffer
    from cantor.workers.apart import Principal
    from cantor.workers.backend import Backend
    from cantor.workers.units import Listener, Shipped, Terms


class Nested:
    """A backend for the pools of this node, whose threads call it."""

    knows_mesh = True

    def __init__(self, me: NodeId, intake: Intake) -> None:
        self._me = me
        self._intake = intake
        self._loop: asyncio.AbstractEventLoop | None = None
        self._units = count(1)
        self._open: dict[int, tuple[Listener, int]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self.secret: Callable[[str, str], Awaitable[bytes]] | None = None
        """Gives a task, by its id, a secret."""

    def start(self) -> None:
        """Take tasks on this event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> int:
        """Take a task; its number here."""
        unit = next(self._units)
        passed = Passed(code.id, code.data)
        self._soon(lambda: self._submit(unit, passed, parts_of(body, buffers), listener, terms))
        return unit

    def cancel(self, unit: int) -> None:
        """Nobody waits for it any more."""
        self._soon(lambda: self._intake.cancel(self._number(unit)))

    def credit(self, unit: int, count: int) -> None:
        """The caller of a stream took so many items."""
        self._soon(lambda: self._intake.credit(self._number(unit), count))

    def below(self, principal: Principal) -> Backend:
        """For the pools of a principal: what its tasks submit keeps to its limits everywhere."""
        is_own = principal.node == self._me and not principal.origin
        return self if is_own and principal.level == "none" else Below(self, principal, is_own)

    def told(self, unit: int, message: Message, parts: Parts) -> None:
        """Something has become of a task."""
        known = self._open.pop(unit, None) if message[0] in LAST else self._open.get(unit)
        if known is not None:
            tell(known[0], message, parts)

    def _submit(
        self, unit: int, code: Passed, parts: Parts, listener: Listener, terms: Terms
    ) -> None:
        """It may be cloudpickled, by a worker of this node: so it goes to the same Python."""
        self._open[unit] = listener, 0
        if terms.asked_secret:
            asking = asyncio.ensure_future(self._give(unit, terms))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            return
        try:
            number = self._intake.submit(
                self, unit, code, terms, python_here(), parts, is_nested=True
            )
        except CantorError as error:
            self.told(unit, [FAILED, pack_failure(error)], ())
            return
        if unit in self._open:
            self._open[unit] = listener, number

    async def _give(self, unit: int, terms: Terms) -> None:
        try:
            if self.secret is None:
                raise SecretError("nobody gives secrets here", where=terms.name)
            value = pack(await self.secret(terms.parent, terms.asked_secret), [])
        except CantorError as error:
            self.told(unit, [FAILED, pack_failure(error)], ())
        else:
            self.told(unit, [DONE], (value,))

    def _number(self, unit: int) -> int:
        return self._open[unit][1] if unit in self._open else 0

    def _soon(self, do: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the agent ends
                self._loop.call_soon_threadsafe(do)


class Below:
    """Takes what tasks of one principal submit: it runs nowhere less closed than they do, and on
    behalf of whoever has submitted them. What a closed worker says is checked here.
    """

    knows_mesh = True

    def __init__(self, nested: Nested, principal: Principal, is_own: bool) -> None:
        self._nested = nested
        self._level = principal.level
        self._origin = "" if is_own else principal.origin or principal.node
        self.cancel = nested.cancel
        self.credit = nested.credit

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> int:
        """Take a task; its number here.

        Raises:
            RemoteProtocolError: it is none that a task may submit.
        """
        terms = terms_from(terms_value.__wrapped__(terms))
        if type(body) is not bytes or type(code.data) is not bytes:
            raise RemoteProtocolError("what a task has submitted is no task")
        level = self._level if self._level != "none" else terms.sandbox
        terms = replace(terms, sandbox=level, origin=self._origin)
        return self._nested.submit(code, body, buffers, listener, terms)
