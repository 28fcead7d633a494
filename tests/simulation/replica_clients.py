"""Clients of a simulated replica group: each wants one thing after the other, until it is answered.

A command keeps its session and number however often it is tried, and wherever.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgpack
from tests.simulation.linearizability import Operation

from cantor.replication import records
from cantor.replication.events import OpenSession, Read, Submit

if TYPE_CHECKING:
    from tests.simulation.replica_parts import Box, Things
    from tests.simulation.replicas import World

    from cantor.base.ids import NodeId
    from cantor.replication.sessions import Outcome

PATIENCE_S = 0.6
KEYS = ("key:a", "key:b")
QUEUES = ("queue:q",)
VALUES = 4


class Try:
    """One attempt at one box; what it answers after the client has tried again is not heard."""

    def __init__(self, client: Client, kind: str) -> None:
        self.client = client
        self.kind = kind
        self.start = client.world.now

    def done(self, outcome: Outcome) -> None:
        """A command was applied."""
        self._hear(partial(self.client.done, self, outcome))

    def answered(self, things: Things) -> None:
        """A read is answered."""
        operation = self.client.operation
        if operation is not None and self.client.current is self:
            self._hear(partial(self.client.read, self, things.read(operation.key)))

    def refused(self, why: str, owner: NodeId | None) -> None:
        """It was not done, or nobody knows."""
        self.client.world.fired[f"refused: {why}"] += 1
        self._hear(partial(self.client.refused, self, owner))

    def _hear(self, do: Any) -> None:  # noqa: ANN401 (what the client does)
        world = self.client.world
        if not world.chance(0.02, "request lost"):
            world.at(0.001 + 0.005 * world.random.random(), do)


class Client:
    """One that has one thing open at a time."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.session = 0
        self.number = 0
        self.items = 0
        self.taken: list[tuple[str, str]] = []
        self.operation: Operation | None = None
        self.current: Try | None = None
        self.owner: NodeId | None = None
        self.is_ending = False

    def begin(self) -> None:
        """Want the next thing."""
        if self.is_ending:
            return
        random = self.world.random
        key, name, arguments = self._choose(random.random())
        self.operation = Operation(key, name, arguments, self.world.now)
        self.number += name != "read"
        self.attempt()

    def attempt(self) -> None:
        """Try it, here or there."""
        world = self.world
        boxes = [box for box in world.boxes.values() if box.core is not None]
        is_known = self.owner in world.boxes and world.random.random() < 0.7
        node = self.owner if is_known else world.random.choice([*world.wanted])
        operation = self.operation
        assert operation is not None
        if operation.name == "read" and world.random.random() < 0.6:  # who says that it may be
            may = [box.id for box in boxes if box.standing is not None and box.standing.may_read]
            node = world.random.choice(may) if may else node
        kind = "read" if operation.name == "read" else "do" if self.session else "open"
        one = self.current = Try(self, kind)
        world.at(PATIENCE_S * (0.5 + world.random.random()), partial(self.again, one))
        if boxes and node is not None and not world.chance(0.02, "request lost"):
            delay_s = 0.001 + 0.005 * world.random.random()
            world.at(delay_s, partial(self.arrive, one, world.boxes[node]))

    def arrive(self, one: Try, box: Box) -> None:
        """A request is at a box."""
        operation = self.operation
        if box.core is None or operation is None or self.current is not one:
            return
        ticket = next(self.world.tickets)
        box.tickets[ticket] = one
        if one.kind == "read":
            self.world.tell(box, Read(ticket))
        elif one.kind == "open":
            self.world.tell(box, OpenSession(ticket))
        else:
            command = bytes(msgpack.packb((operation.key, operation.name, operation.arguments)))
            who = records.Client(self.session, self.number, self.number)
            self.world.tell(box, Submit(ticket, command, who))

    def again(self, one: Try) -> None:
        """Nobody has answered."""
        if self.current is one:
            self.owner = None
            self.attempt()

    def refused(self, one: Try, owner: NodeId | None) -> None:
        """Try elsewhere, a little later."""
        if self.current is one:
            self.owner = owner
            self.current = again = Try(self, one.kind)
            self.world.at(0.2 * self.world.random.random(), partial(self.again_at, again))

    def again_at(self, one: Try) -> None:
        """The little time has passed."""
        if self.current is one:
            self.attempt()

    def done(self, one: Try, outcome: Outcome) -> None:
        """A command was applied, or a session is open."""
        operation = self.operation
        if self.current is not one or operation is None:
            return
        if one.kind == "open":
            assert isinstance(outcome, int)
            self.session, self.number = outcome, 1
            self.attempt()
        elif isinstance(outcome, bytes):
            self._end(operation, msgpack.unpackb(outcome, use_list=False), operation.start)
        else:
            self.world.fired["session over"] += 1
            self.session = self.number = 0
            self.world.history.append(operation)
            self.begin()

    def read(self, one: Try, value: object) -> None:
        """A read was answered."""
        if self.current is one and self.operation is not None:
            self._end(self.operation, value, one.start)

    def _end(self, operation: Operation, answer: object, start: float) -> None:
        operation.start, operation.end, operation.answer = start, self.world.now, answer
        self.world.history.append(operation)
        if operation.name == "take" and answer is not None:
            self.taken.append((operation.key, str(answer)))
        self.operation = self.current = None
        self.world.at(0.1 * self.world.random.random(), self.begin)

    def _choose(self, chance: float) -> tuple[str, str, tuple[object, ...]]:
        random = self.world.random
        key, queue = random.choice(KEYS), random.choice(QUEUES)
        if chance < 0.3:
            return key, "read", ()
        if chance < 0.4:
            return key, "write", (random.randrange(VALUES),)
        if chance < 0.6:
            return key, "cas", (random.randrange(VALUES), random.randrange(VALUES))
        if chance < 0.75:
            self.items += 1
            return queue, "put", (f"{self.name}.{self.items}",)
        if self.taken and chance < 0.9:
            queue, item = self.taken.pop(0)
            return queue, "ack" if random.random() < 0.7 else "give", (item,)
        return queue, "take", ()
