from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

from cantor.base.ids import NodeId
from cantor.node.actors.lives import Lives
from cantor.node.tasks.running import Attempt
from cantor.node.tasks.wording import DONE, FELL, INVOKED, terms_value
from cantor.scheduling.tasks.hosting import Key
from cantor.workers.apart import Principal
from cantor.workers.units import Death, Passed, Terms
from cantor.workers.units import End as UnitEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.wording import Message, Parts
    from cantor.workers.pools import Pools
    from cantor.workers.units import Listener

DESK = NodeId("d" * 32)


class Worker:
    """The pool of one life; its listeners, in the order in which units were given to it."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []

    def begin_life(self, made: tuple[Any, ...], terms: Terms) -> Worker:
        assert terms.folders == "/wheels"
        self.listeners.append(made[3])
        return self

    def submit(
        self, _code: Passed, _body: bytes, _buffers: Parts, listener: Listener, _: Terms
    ) -> None:
        self.listeners.append(listener)


def test_what_a_call_answered_is_told_before_the_end_of_its_worker_in_the_next() -> None:
    later: deque[Callable[[], None]] = deque()
    told: list[Message] = []

    class FakeLines:
        def tell(self, _: NodeId, message: Message, __: Parts) -> None:
            told.append(message)

    def tell(_: Attempt, message: Message, __: Parts) -> None:
        later.append(lambda: told.append(message))

    attempt = Attempt(
        Key(DESK, 1, 7, 1),
        "c" * 64,
        Terms(actor="shelf"),
        False,
        (b"",),
        Principal(DESK, "", "none"),
    )
    lives = Lives(cast("Lines", FakeLines()), lambda _: attempt, tell, later.append)
    worker = Worker()
    lives.begin(attempt, Passed("c" * 64, b""), cast("Pools", worker), "/wheels")
    for call in range(2):
        message = [0, 1, 7, 1, call, call, terms_value(Terms(method="add"))]
        lives.heard_invoke(DESK, message, (b"",))
    born, first, _ = worker.listeners

    first.resolved(b"", ())
    born.ended(UnitEnd.DIED, Death(9, None, "", False))
    while later:
        later.popleft()()

    assert [message[0] for message in told] == [INVOKED, FELL]
    assert told[0][6] == [DONE]
