"""An agent as ``cantor agent`` is, which also sends every other node numbered messages.

Run: python -m tests.soak.agent agent --data FOLDER ...
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.soak.tally import Heard

from cantor.cli.main import main
from cantor.node import agent as agent_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.node.services import Call, Message, Node, ServiceFactory
    from cantor.wire.frame import Value

TOPIC = "soak.number"
PAUSE_S = 0.1
UNDER_WAY_MAX = 64
SETTLE_S = 25.0


class Numbers:
    """Sends one message after another to each node in turn, and notes what it hears."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._life = os.urandom(4).hex()
        self._written: Counter[NodeId] = Counter()
        self._taken: Counter[NodeId] = Counter()
        self._heard: dict[str, Heard] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None
        node.on_message(TOPIC, self._hear)

    async def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.ensure_future(self._write())

    async def close(self) -> None:
        """Write no more."""
        for task in (self._writer, *self._under_way):
            if task is not None:
                task.cancel()

    def calls(self) -> Mapping[str, Call]:
        """``soak.rest`` ends the writing, ``soak.report`` says what became of it."""
        return {"soak.rest": self._rest, "soak.report": self._report}

    def _hear(self, message: Message) -> None:
        number, life = message.headers["n"], message.headers["life"]
        assert isinstance(number, int)
        assert isinstance(life, str)
        stream = f"{message.source} {life}"
        if stream in self._heard:
            self._heard[stream].hear(number)
        else:
            self._heard[stream] = Heard(number, number)

    async def _write(self) -> None:
        for turn in itertools.count():
            others = sorted(view.id for view in self._node.nodes() if view.id != self._node.node_id)
            if others:
                self._send(others[turn % len(others)])
            await asyncio.sleep(PAUSE_S)

    def _send(self, destination: NodeId) -> None:
        if self._written[destination] - self._taken[destination] < UNDER_WAY_MAX:
            self._written[destination] += 1
            task = asyncio.ensure_future(self._carry(destination, self._written[destination]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _carry(self, destination: NodeId, number: int) -> None:
        headers: dict[str, Value] = {"n": number, "life": self._life}
        await self._node.send_reliable(destination, TOPIC, headers)
        self._taken[destination] += 1

    async def _rest(self, _args: dict[str, Value]) -> Value:
        """Write no more; True once all that was written is taken, False if that takes too long."""
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=SETTLE_S)
        return not self._under_way

    async def _report(self, _args: dict[str, Value]) -> Value:
        return {
            "life": self._life,
            "written": dict(self._written.items()),
            "taken": dict(self._taken.items()),
            "heard": {stream: heard.as_value() for stream, heard in self._heard.items()},
        }


def only_numbers(*_: object) -> dict[str, ServiceFactory]:
    """The services of this agent, which runs no work."""
    return {"numbers": Numbers}


if __name__ == "__main__":
    setattr(agent_module, "registered_services", only_numbers)  # noqa: B010
    sys.exit(main())
