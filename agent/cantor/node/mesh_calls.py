"""What a node tells of the mesh around it, and what it measures when a person asks.

Other nodes ask this one over the mesh: ``mesh.ping`` (an empty answer), ``mesh.route`` (its next
hop to a node), ``mesh.links`` (what it measures of its links) and ``mesh.bulk`` (takes and gives
bytes). The command line asks through the
control socket, in steps of at most a few seconds, so that it can show how far it is and may be
ended at any moment: nothing goes on here once it has stopped asking.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId, short_name
from cantor.node.graph import LINKS_FACT, mesh_graph, read_figures
from cantor.node.services import Reply
from cantor.node.view import find_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.graph import MeshGraph
    from cantor.node.services import Call, Message, Node
    from cantor.node.view import NodeView
    from cantor.wire.frame import Value

PING_TIMEOUT_S = 5.0
STEP_S_MAX = 2.0
"""One call of a benchmark measures for at most this long."""
BULK_BYTES_MAX = 1024 * 1024
_SMALL_BODY = (bytes(64),)
_BULK_BYTES = (64 * 1024, 256 * 1024)
_BULK_FAST_S = 0.02
_BULK_AHEAD_S = 0.2
_BULK_AT_ONCE_MAX = 16


class MeshCalls:
    """The calls and answers of one node; ``status`` gives what its driver says of its links."""

    def __init__(self, node: Node, status: Callable[[], dict[str, Value]]) -> None:
        self._node = node
        self._status = status
        self._graph: MeshGraph | None = None
        node.subscribe(self._forget)
        node.answer("mesh.ping", self._answer_ping)
        node.answer("mesh.route", self._answer_route)
        node.answer("mesh.bulk", self._answer_bulk)
        node.answer("mesh.links", self._answer_links)

    def calls(self) -> dict[str, Call]:
        """What the control socket answers; see the module ``cantor.cli.mesh``."""
        return {
            "mesh.status": self._call_status,
            "mesh.graph": lambda _: self.graph().as_value(),
            "mesh.path": self._call_path,
            "mesh.find": self._call_find,
            "mesh.ping": self._call_ping,
            "mesh.hop": self._call_hop,
            "mesh.bench": self._call_bench,
        }

    def graph(self) -> MeshGraph:
        """The mesh as this node's ledger knows it; computed anew after changes only."""
        if self._graph is None:
            names = {view.id: view.name for view in self._node.nodes()}
            facts = self._node.facts(LINKS_FACT)
            self._graph = mesh_graph(self._node.node_id, facts, self._node.alive(), names)
        return self._graph

    async def links_of(self, node: NodeId) -> list[dict[str, Value]]:
        """What a node, this one or another, says of its links now; rows as its driver gives them.

        Raises:
            UnavailableError: it cannot be reached.
            RemoteProtocolError: it is too old to answer.
        """
        if node == self._node.node_id:
            told = self._status().get("links")
        else:
            told = (await self._node.request(node, "mesh.links")).headers.get("links")
        return [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []

    def _forget(self) -> None:
        self._graph = None

    async def _answer_ping(self, _message: Message) -> Reply:
        return Reply()

    async def _answer_route(self, message: Message) -> Reply:
        hop = self.graph().next_hop(self._node.node_id, NodeId(str(message.headers.get("to"))))
        return Reply({"hop": hop})

    async def _answer_links(self, _message: Message) -> Reply:
        return Reply({"links": self._status().get("links")})

    async def _answer_bulk(self, message: Message) -> Reply:
        wanted = message.headers.get("want")
        if not isinstance(wanted, int) or not 0 <= wanted <= BULK_BYTES_MAX:
            raise RemoteProtocolError(f"it wants {wanted!r:.40} bytes")
        return Reply(body=(bytes(wanted),) if wanted else ())

    def _call_status(self, _args: dict[str, Value]) -> Value:
        graph, told, me = self.graph(), self._status(), self._node.node_id
        own = next((f.value for f in self._node.facts(LINKS_FACT) if f.owner == me), None)
        figures = read_figures(own)
        tree = {
            end for edge in graph.edges if edge.in_tree and me in edge.ends for end in edge.ends
        }
        links = told.get("links")
        rows: list[Value] = [
            {**link, **figures.get(NodeId(str(link["peer"])), {}), "tree": link["peer"] in tree}
            for link in (links if isinstance(links, list) else [])
            if isinstance(link, dict)
        ]
        return {
            "id": me,
            "name": self._node.name,
            "nodes_online": len(graph.alive),
            "nodes_known": len(graph.names),
            "degree": len(rows),
            "tree_neighbours": [graph.name(node) for node in sorted(tree - {me})],
            "links": rows,
            "dropped": told.get("dropped", {}),
        }

    def _call_path(self, args: dict[str, Value]) -> Value:
        start, end = self._find(args, "from"), self._find(args, "to")
        for view in (start, end):
            _refuse_offline(view)
        graph = self.graph()
        hops = graph.path(start.id, end.id)
        told: list[Value] = [
            {"node": hop.node, "name": graph.name(hop.node), "cost": hop.cost} for hop in hops
        ]
        return {"from": start.id, "to": end.id, "cost": sum(h.cost for h in hops), "hops": told}

    def _call_find(self, args: dict[str, Value]) -> Value:
        view = self._find(args, "node")
        return {"node": view.id, "name": view.name}

    async def _call_ping(self, args: dict[str, Value]) -> Value:
        view = self._find(args, "node")
        _refuse_offline(view)
        rtt_s = await self._round_trip(view.id, "mesh.ping")
        return {"node": view.id, "name": view.name, "rtt_ms": 1000 * rtt_s}

    async def _call_hop(self, args: dict[str, Value]) -> Value:
        """The next hop from the node ``at`` on the way to ``to``, and the round trip to it."""
        at, target = self._find(args, "at"), self._find(args, "to")
        _refuse_offline(target)
        if at.id == self._node.node_id:
            hop = self.graph().next_hop(at.id, target.id)
        else:
            answer = await self._node.request(
                at.id, "mesh.route", {"to": target.id}, timeout_s=PING_TIMEOUT_S
            )
            hop = NodeId(str(answer.headers.get("hop") or "")) or None
        if hop is None:
            raise UnavailableError(
                f"it knows no way to {target.name}",
                where=at.name,
                remedy="try again: routes follow within seconds of a change",
            )
        rtt_s = await self._round_trip(hop, "mesh.ping")
        return {"node": hop, "name": self.graph().name(hop), "rtt_ms": 1000 * rtt_s}

    async def _call_bench(self, args: dict[str, Value]) -> Value:
        """Measure one thing for some seconds: ``round_trips``, ``send`` or ``receive``."""
        view, seconds, kind = self._find(args, "node"), args.get("seconds"), args.get("measure")
        _refuse_offline(view)
        if view.id == self._node.node_id:
            raise ConfigError("a node cannot be measured against itself", where=view.name)
        if not isinstance(seconds, int | float) or not 0 < seconds <= STEP_S_MAX:
            raise ConfigError(f"give more than 0 and at most {STEP_S_MAX:g} s", where="seconds")
        if kind == "round_trips":
            return await self._measure_round_trips(view.id, float(seconds))
        if kind in {"send", "receive"}:
            return await self._measure_bulk(view.id, float(seconds), is_sending=kind == "send")
        raise ConfigError("give round_trips, send or receive", where="measure")

    async def _measure_round_trips(self, node: NodeId, seconds: float) -> Value:
        clock = self._node.clock
        end_s = clock.monotonic() + seconds
        found: list[Value] = []
        while clock.monotonic() < end_s:
            found.append(1000 * await self._round_trip(node, "mesh.ping"))
        return {"rtt_ms": found}

    async def _measure_bulk(self, node: NodeId, seconds: float, *, is_sending: bool) -> Value:
        """Bytes that went through, with so much under way that a slow line is not overrun."""
        clock = self._node.clock
        begun_s, carried = clock.monotonic(), 0

        async def carry(size: int) -> None:
            nonlocal carried
            body = (bytes(size),) if is_sending else ()
            wish: dict[str, Value] = {"want": 0 if is_sending else size}
            await self._node.request(node, "mesh.bulk", wish, body, timeout_s=30.0, priority=2)
            carried += size

        async def keep_carrying(size: int) -> None:
            while clock.monotonic() - begun_s < seconds:
                await carry(size)

        small, large = _BULK_BYTES
        await carry(small)
        first_s = max(clock.monotonic() - begun_s, 1e-6)
        size = large if first_s < _BULK_FAST_S else small
        at_once = max(1, min(_BULK_AT_ONCE_MAX, int(_BULK_AHEAD_S / first_s)))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(keep_carrying(size))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed  # the first of many that say the same
        return {"bytes": carried, "seconds": clock.monotonic() - begun_s}

    async def _round_trip(self, node: NodeId, topic: str) -> float:
        begun_s = self._node.clock.monotonic()
        await self._node.request(node, topic, {}, _SMALL_BODY, timeout_s=PING_TIMEOUT_S)
        return self._node.clock.monotonic() - begun_s

    def _find(self, args: dict[str, Value], name: str) -> NodeView:
        return find_node(self._node.nodes(), str(args.get(name, "")))


def _refuse_offline(view: NodeView) -> None:
    if not view.is_alive:
        raise UnavailableError(
            "it cannot be reached from here",
            where=f"{view.name} ({short_name(view.id)})",
            remedy="see that its agent runs and its network works",
        )
