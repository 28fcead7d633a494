"""Nodes that live in memory, for tests of services: facts are everywhere at once, messages too."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack

from cantor.base.clock import SystemClock
from cantor.base.errors import IdentityError, UnavailableError
from cantor.base.resources import merge_resources
from cantor.identity.words import Word
from cantor.ledger.facts import Fact
from cantor.mesh.graph import Graph
from cantor.node.grants.grants import Grants
from cantor.node.messages import Messages
from cantor.node.sandboxes import Sandboxes
from cantor.node.talk import Talk
from cantor.node.view import pack_devices, pack_resources, view_nodes
from cantor.workers.sandbox.levels import LEVELS
from cantor.workers.sandbox.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from cantor.base.resources import Device, Resource
    from cantor.node.grants.reservation import Reservation
    from cantor.node.services import Handler, Service, StreamHandler
    from cantor.node.view import NodeView
    from cantor.scheduling.needs import Needs
    from cantor.scheduling.shares.terms import Terms
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer, Value


class FakeStreams:
    """Reliable messages and streams in memory: nothing is lost, so nothing waits."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def on_message(self, topic: str, handler: Handler) -> None:
        """``Messages`` calls it."""

    def on_stream(self, topic: str, handler: StreamHandler) -> None:
        """Call ``handler`` for the messages of streams of this topic."""
        self._messages.on_message(
            f"stream {topic}", lambda message: handler(message.source, message.body)
        )

    async def send(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value],
        body: tuple[Buffer, ...],
        *,
        priority: int,
        timeout_s: float | None,
    ) -> None:
        """Send a message. A node that is away does not come back in time.

        Raises:
            UnavailableError: it is away.
        """
        if not self._messages.send(destination, topic, headers, body, priority):
            raise UnavailableError(f"not taken in {timeout_s} s", where=topic)
        await asyncio.sleep(0)

    def open(self, destination: NodeId, topic: str, priority: int) -> FakeStream:
        """A stream to a node."""
        return FakeStream(self._messages, destination, topic, priority)


class FakeDisk:
    """Takes every journal at once."""

    def append(self, data: bytes) -> None:
        """It is kept nowhere."""

    def replace(self, data: bytes) -> None:
        """It is kept nowhere."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class FakeStream:
    """A stream whose messages are taken in the next turn of the loop."""

    messages: Messages
    destination: NodeId
    topic: str
    priority: int

    def write(self, message: Buffer) -> None:
        self.messages.send(self.destination, f"stream {self.topic}", {}, (message,), self.priority)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def flush(self, timeout_s: float | None = None) -> None:
        del timeout_s
        await asyncio.sleep(0)

    def close(self) -> None:
        """Nothing waits."""


class FakeWords:
    """Words that are believed as they are; ``strangers`` are nodes whose code may not run here."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self.strangers: set[NodeId] = set()

    def say(self, kind: str, content: Mapping[str, Value]) -> bytes:
        packed: bytes = msgpack.packb([kind, self._node, dict(content)])
        return packed

    def read(self, packed: object, kind: str) -> Word:
        try:
            said, by, content = msgpack.unpackb(packed)
        except (TypeError, ValueError) as error:
            raise IdentityError("a signed word does not hold", where="identity") from error
        if said != kind:
            raise IdentityError("a signed word does not hold", where="identity")
        return Word(kind, by, "default", content)

    def may_run_code(self, word: Word) -> bool:
        return word.by not in self.strangers


class FakeMesh:
    """Nodes without links. ``kill`` and ``revive`` move them; ``lost`` counts dropped messages;
    ``banned`` are declared dead."""

    def __init__(self) -> None:
        self.nodes: dict[NodeId, FakeNode] = {}
        self.dead: set[NodeId] = set()
        self.banned: set[NodeId] = set()
        self.held: dict[tuple[NodeId, str], Fact] = {}
        self.lost = 0
        self._stamps = itertools.count(1)

    def add(
        self,
        node_id: NodeId,
        folder: Path,
        *,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        resources: Sequence[Resource] = (),
        clock: Clock | None = None,
    ) -> FakeNode:
        """A further node."""
        node = FakeNode(self, node_id, folder, name, dict(labels or {}), clock or SystemClock())
        self.nodes[node_id] = node
        about: dict[str, Value] = {"name": node.name, "labels": dict(node.labels)}
        node.publish("node", about)
        node.offer("machine", (), resources)
        return node

    def kill(self, node_id: NodeId) -> None:
        """The node answers no more; its facts stay."""
        self.dead.add(node_id)
        for node in self.nodes.values():
            node.messages.lost(node_id)
        self.tell()

    def revive(self, node_id: NodeId) -> None:
        """The node is back."""
        self.dead.discard(node_id)
        self.tell()

    def write(self, owner: NodeId, name: str, value: Value) -> None:
        """Replace a fact."""
        self.held[(owner, name)] = Fact(owner, name, value, 1, next(self._stamps))
        self.tell()

    def tell(self) -> None:
        """Wake every subscriber."""
        for node in list(self.nodes.values()):
            for changed in list(node.subscribers):
                changed()

    def carry(self, frame: DataFrame) -> str:
        """Take a frame to its destination in the next turn of the loop."""
        target = self.nodes.get(frame.destination)
        if target is None or {frame.destination, frame.source} & self.dead:
            self.lost += 1
            return "there is no path to it"
        asyncio.get_running_loop().call_soon(target.messages.delivered, frame)
        return ""


class FakeNode(Talk):
    """One node of a FakeMesh; it is a :class:`cantor.node.services.Node`."""

    def __init__(
        self,
        mesh: FakeMesh,
        node_id: NodeId,
        folder: Path,
        name: str,
        labels: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self.node_id = node_id
        self.name = name or node_id[:8]
        self.folder = folder
        self.labels = labels
        self.tenant = "default"
        self.life = 1
        self.clock = clock
        self.words = FakeWords(node_id)
        self.sandboxes = Sandboxes(node_id, folder)
        self.sandboxes.learn([Trial(level) for level in LEVELS])
        self.services: dict[str, Service] = {}
        self.projects: Mapping[str, Terms] = {}
        self.subscribers: list[Callable[[], None]] = []
        self.lasting: set[str] = set()
        self._mesh = mesh
        self.messages = self._messages = Messages(node_id, 1, mesh.carry)
        self._streams = FakeStreams(self.messages)
        self._offers: dict[str, tuple[Sequence[Device], Sequence[Resource]]] = {}
        self.grants = Grants(self, epoch=1, disk=FakeDisk(), rights_disk=FakeDisk())

    def service(self, name: str) -> Service | None:
        return self.services.get(name)

    async def kept(self) -> None:
        """Nothing is written here."""

    def reserve(
        self,
        task: str,
        attempt: int,
        wants: Mapping[NodeId, Needs],
        *,
        priority: int = 0,
        project: str = "default",
        may_wait: bool = True,
        may_reclaim: bool = False,
    ) -> Reservation:
        """Like any node; here the grants of all nodes begin when they are first used."""
        for node in self._mesh.nodes.values():
            node.grants.start()
        return super().reserve(
            task, attempt, wants, priority=priority, project=project, may_wait=may_wait,
            may_reclaim=may_reclaim,
        )  # fmt: skip

    @property
    def graph(self) -> Graph:
        """All that live, in a row."""
        graph, row = Graph(), sorted(self.alive())
        for one, other in itertools.pairwise(row):
            graph._set(one, other, 1.0)
        return graph

    def wall(self) -> float:
        return self.clock.wall()

    def tenant_of(self, node: NodeId) -> str:
        return self._mesh.nodes[node].tenant if node in self._mesh.nodes else ""

    def is_dead(self, node: NodeId) -> bool:
        return node in self._mesh.banned

    def nodes(self) -> list[NodeView]:
        return view_nodes(self._mesh.held.values(), set(self.alive()))

    def alive(self) -> frozenset[NodeId]:
        return frozenset(set(self._mesh.nodes) - self._mesh.dead)

    def facts(self, prefix: str) -> list[Fact]:
        held = self._mesh.held
        facts = [held[key] for key in sorted(held)]
        return [fact for fact in facts if fact.value is not None and fact.name.startswith(prefix)]

    def publish(self, name: str, value: Value, *, lasting: bool = False) -> None:
        if lasting:
            self.lasting.add(name)
        self._mesh.write(self.node_id, name, value)

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.subscribers.append(changed)
        return lambda: self.subscribers.remove(changed)

    def offer(self, source: str, devices: Sequence[Device], resources: Sequence[Resource]) -> None:
        self._offers[source] = (devices, resources)
        given = [self._offers[name] for name in sorted(self._offers)]
        devices = [one for found, _ in given for one in found]
        resources = [one for _, found in given for one in found]
        self.publish("devices", pack_devices(devices))
        self.publish("resources", pack_resources(resources))
        self.grants.offer(devices, merge_resources(resources))
