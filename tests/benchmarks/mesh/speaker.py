"""A real agent with one more service, which sends and measures what the benchmark asks for.

Takes the options of ``cantor agent`` that ``tests.bed.fleet`` gives. The calls of the service
``bench`` are at the control socket like all others; times are those of the system's monotonic
clock, which is the same on all hosts of one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.mesh.graph import Graph
from cantor.mesh.paths import FirstHops
from cantor.node.agent import Agent
from cantor.node.control import ControlServer
from cantor.node.loop import run_loop
from cantor.node.services import Reply, registered_services
from cantor.node.settings import AgentSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.services import Call, Node
    from cantor.wire.frame import Buffer, Value

FLOW, BULK, ECHO = "bench.flow", "bench.bulk", "bench.echo"
FLOW_MESSAGE = struct.Struct(">Id52x")
BULK_BYTES = 64 * 1024
SMALL_BODY = (bytes(64),)
WAIT_S = 25.0


class Speaker:
    """The service ``bench`` of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._flow: asyncio.Task[int] | None = None
        self._bulk: list[asyncio.Task[None]] = []
        self._taken: list[Value] = []
        self._bulk_bytes = 0
        self._lost: dict[str, Value] = {}
        self._alive = frozenset[NodeId]()
        self._watched: NodeId | None = None
        self._ways: list[Value] = []
        node.answer(ECHO, lambda message: Reply({}, message.body))
        node.on_stream(FLOW, self._take_flow)
        node.on_stream(BULK, self._take_bulk)

    async def start(self) -> None:
        """Note who goes and which ways change."""
        self._node.subscribe(self._changed)

    async def close(self) -> None:
        """End what is under way."""
        for task in [*self._bulk, *([self._flow] if self._flow else [])]:
            task.cancel()

    def calls(self) -> Mapping[str, Call]:
        """What the benchmark may ask."""
        return {
            "bench.ping": self._ping,
            "bench.begin_flow": self._begin_flow,
            "bench.end_flow": self._end_flow,
            "bench.taken": self._tell_taken,
            "bench.begin_bulk": self._begin_bulk,
            "bench.end_bulk": self._end_bulk,
            "bench.bulk_bytes": lambda _: {"at": time.monotonic(), "bytes": self._bulk_bytes},
            "bench.lost": lambda _: self._lost,
            "bench.watch": self._watch,
            "bench.ways": lambda _: list(self._ways),
        }

    async def _ping(self, args: dict[str, Value]) -> Value:
        """Milliseconds of round trips, one after the other, for so many seconds."""
        to, seconds, pause_s = _node(args), _number(args, "seconds"), _number(args, "pause_s")
        priority = int(_number(args, "priority"))
        found: list[Value] = []
        end_s = time.monotonic() + seconds
        while (begun_s := time.monotonic()) < end_s:
            await self._node.request(to, ECHO, {}, SMALL_BODY, timeout_s=WAIT_S, priority=priority)
            found.append(1000 * (time.monotonic() - begun_s))
            await asyncio.sleep(pause_s)
        return found

    def _begin_flow(self, args: dict[str, Value]) -> Value:
        """Send so many numbered messages of 64 B each second, reliably, until the end is asked."""
        pause_s = 1 / _number(args, "per_s")
        self._flow = asyncio.ensure_future(self._keep_flowing(_node(args), pause_s))
        return None

    async def _keep_flowing(self, to: NodeId, pause_s: float) -> int:
        stream, sent, due_s = self._node.open_stream(to, FLOW), 0, time.monotonic()
        try:
            while True:
                stream.write(FLOW_MESSAGE.pack(sent, time.monotonic()))
                sent += 1
                due_s += pause_s
                await asyncio.sleep(due_s - time.monotonic())
        except asyncio.CancelledError:
            await stream.flush(WAIT_S)
            stream.close()
            return sent

    async def _end_flow(self, _args: dict[str, Value]) -> Value:
        """Stop, and wait until all was taken; how many were sent."""
        assert self._flow is not None
        self._flow.cancel()
        sent, self._flow = await self._flow, None
        return sent

    def _take_flow(self, _source: NodeId, messages: tuple[Buffer, ...]) -> None:
        at = time.monotonic()
        for message in messages:
            number, sent_at = FLOW_MESSAGE.unpack(message)
            self._taken.append([number, sent_at, at])

    def _tell_taken(self, _args: dict[str, Value]) -> Value:
        """The number, the time of sending and the time of arrival of each message since."""
        taken, self._taken = self._taken, []
        return taken

    def _begin_bulk(self, args: dict[str, Value]) -> Value:
        """Send as much as goes, in so many reliable streams of priority 2."""
        count = int(_number(args, "streams"))
        self._bulk = [asyncio.ensure_future(self._keep_sending(_node(args))) for _ in range(count)]
        return None

    async def _keep_sending(self, to: NodeId) -> None:
        stream, message = self._node.open_stream(to, BULK, priority=2), bytes(BULK_BYTES)
        while True:
            stream.write(message)
            await stream.drain()
            await asyncio.sleep(0)

    async def _end_bulk(self, _args: dict[str, Value]) -> Value:
        for task in self._bulk:
            task.cancel()
        await asyncio.gather(*self._bulk, return_exceptions=True)
        return None

    def _take_bulk(self, _source: NodeId, messages: tuple[Buffer, ...]) -> None:
        self._bulk_bytes += sum(len(message) for message in messages)

    def _changed(self) -> None:
        at, alive = time.monotonic(), self._node.alive()
        for node in self._alive - alive:
            self._lost[node] = at
        self._alive = alive
        if self._watched is not None:
            ways = self._ways_to(self._watched)
            if not self._ways or self._ways[-1][1] != ways:  # type: ignore[index]
                self._ways.append([at, ways])

    def _watch(self, args: dict[str, Value]) -> Value:
        """Note from now on how the ways to this node change."""
        self._watched, self._ways = _node(args), []
        self._changed()
        return None

    def _ways_to(self, node: NodeId) -> list[Value]:
        """The neighbours that lead there by near-equal ways, the shortest first."""
        graph = Graph()
        for fact in self._node.facts("links"):
            graph.announced(fact.owner, fact.value)
        me = self._node.node_id
        return list(FirstHops(me, graph.of(me), graph.edges).get(node, ()))


def _node(args: dict[str, Value]) -> NodeId:
    return NodeId(str(args["to"]))


def _number(args: dict[str, Value], name: str) -> float:
    value = args[name]
    assert isinstance(value, int | float)
    return float(value)


async def main(options: argparse.Namespace) -> None:
    """Run the agent until it is asked to end."""
    settings = AgentSettings(
        options.data,
        name=options.name,
        listen=tuple(options.listen),
        seeds=tuple(options.seed),
        is_discovering=not options.no_mdns,
    )
    agent = Agent(settings, services={**registered_services(), "bench": Speaker})
    control = ControlServer(options.data, agent.calls())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await control.start()
    try:
        await agent.start()
        print(json.dumps({"id": agent.node_id}), flush=True)
        await stop.wait()
    finally:
        await agent.close()
        await control.close()


def options_of(arguments: list[str]) -> argparse.Namespace:
    """The options that the bed gives to an agent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listen", action="append", default=[])
    parser.add_argument("--seed", action="append", default=[])
    parser.add_argument("--no-mdns", action="store_true")
    parser.add_argument("--json", action="store_true", help="as it does always")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_loop(main(options_of(sys.argv[1:])))
