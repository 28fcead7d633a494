"""What the layers above get from a node, and what a node asks of them.

A layer above registers a factory in the entry-point group ``cantor.services``: a function that
takes a :class:`Node` and returns a :class:`Service`. The agent makes every registered service,
starts them when it is in the mesh and closes them before it leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cantor.base.program import parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from cantor.base.resources import Device, Resource
    from cantor.identity.words import Word
    from cantor.ledger.facts import Fact
    from cantor.mesh.graph import Graph
    from cantor.node.grants.reservation import Reservation
    from cantor.node.sandboxes import Sandboxes
    from cantor.node.settings import Exports, Work
    from cantor.node.shares.shares import Shares
    from cantor.node.view import NodeView
    from cantor.scheduling.needs import Needs
    from cantor.scheduling.shares.terms import Terms
    from cantor.wire.frame import Buffer, Value

SERVICE_GROUP = "cantor.services"


@dataclass(frozen=True, slots=True)
class Message:
    """What another node, or this one, has sent under a topic."""

    source: NodeId
    headers: dict[str, Value]
    body: tuple[Buffer, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    headers: dict[str, Value] = field(default_factory=dict)
    body: tuple[Buffer, ...] = ()


Handler: TypeAlias = Callable[[Message], None]
StreamHandler: TypeAlias = Callable[["NodeId", "tuple[Buffer, ...]"], None]
"""Takes some messages of a stream, in order, with the node that they come from."""
Answer: TypeAlias = Callable[[Message], Reply | Awaitable[Reply]]
"""How a request is answered: at once, or in a task that ends when nobody waits for it any more."""
Call: TypeAlias = "Callable[[dict[str, Value]], Value | Awaitable[Value]]"
"""A call of the control socket: arguments in, result out. ``CantorError`` goes to who asked."""


class Stream(Protocol):
    """Messages to one node, in order."""

    def write(self, message: Buffer) -> None:
        """Send a message; keep to ``drain`` when many follow each other."""

    async def drain(self) -> None:
        """Wait until so little waits that it makes sense to write more."""

    async def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the other node has taken everything that was written so far.

        Raises:
            UnavailableError: it has not in time; what waits is still sent.
        """

    def close(self) -> None:
        """Write no more; what the other node has not taken yet is still sent."""


class Words(Protocol):
    """What a node signs in its own name, and what others have signed so."""

    def say(self, kind: str, content: Mapping[str, Value]) -> bytes:
        """A word of this node, which proves itself whoever hands it on.

        Raises:
            IdentityError: it is too long.
        """

    def read(self, packed: object, kind: str) -> Word:
        """A word of that kind.

        Raises:
            IdentityError: it does not hold, or its signer was put out of the mesh.
        """

    def may_run_code(self, word: Word) -> bool:
        """Whether whoever signed the word has ``code.run`` on this node."""


class Node(Protocol):
    """The node that a service runs on. Everything is used on the event loop only."""

    @property
    def node_id(self) -> NodeId:
        """Who this node is."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""

    @property
    def tenant(self) -> str:
        """Whose node it is."""

    @property
    def life(self) -> int:
        """Counts the starts of this node; it is on the disk."""

    @property
    def clock(self) -> Clock:
        """Where monotonic time comes from."""

    def tenant_of(self, node: NodeId) -> str:
        """Whose node another is, as its certificate says; "" if that is not known here."""

    def is_dead(self, node: NodeId) -> bool:
        """Whether a node was declared dead: it is denied for ever."""

    @property
    def projects(self) -> Mapping[str, Terms]:
        """The projects that its tenant has declared, by name: another object when that changes."""

    @property
    def shares(self) -> Shares:
        """What projects use of the pool, as this node knows it."""

    @property
    def graph(self) -> Graph:
        """What it knows of all links, with their spanning tree; to look at only."""

    @property
    def words(self) -> Words:
        """What it signs, and what others have signed."""

    @property
    def sandboxes(self) -> Sandboxes:
        """How closed code runs here."""

    def service(self, name: str) -> Service | None:
        """Another service of this node, once all are made; None if it has none of that name."""

    def wall(self) -> float:
        """UTC seconds since 1970, not before the time that this node knows to have passed."""

    def nodes(self) -> list[NodeView]:
        """Every node that the ledger knows."""

    def alive(self) -> frozenset[NodeId]:
        """The nodes that can be reached now, this one among them."""

    def facts(self, prefix: str) -> list[Fact]:
        """The facts of all nodes whose name begins so; the withdrawn are left out."""

    def publish(self, name: str, value: Value, *, lasting: bool = False) -> None:
        """Say something about this node; ``None`` withdraws it.

        A ``lasting`` fact stays in the mesh when this node stops, and this node says it again
        after a restart.

        Raises:
            LocalProtocolError: this node says as much as it may.
        """

    async def kept(self) -> None:
        """Wait until every lasting fact is on the disk.

        Raises:
            UnavailableError: the disk does not take it.
        """

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after facts or liveness have changed; the result ends that."""

    def send(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        priority: int = 1,
    ) -> bool:
        """Send a message, at most once; False if there is no path to the node."""

    def broadcast(
        self,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        priority: int = 1,
    ) -> None:
        """Send a message to every other node that can be reached, each once at most."""

    async def send_reliable(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        priority: int = 1,
        timeout_s: float | None = None,
    ) -> None:
        """Send a message and wait until the node has taken it.

        It is sent again over whatever way exists until then; the messages of one topic arrive in
        order and once. A body of up to 4 GiB leaves in pieces, is held once at each end, and must
        not change until it is taken. A node that was started anew meanwhile may take a message
        that it took just before it ended.

        Raises:
            UnavailableError: not taken in ``timeout_s``; it may still be later.
        """

    def open_stream(self, destination: NodeId, topic: str, *, priority: int = 1) -> Stream:
        """A stream of messages to a node, as reliable as ``send_reliable`` and far quicker."""

    def on_stream(self, topic: str, handler: StreamHandler) -> None:
        """Call ``handler`` for the messages of streams of this topic."""

    def on_message(self, topic: str, handler: Handler) -> None:
        """Call ``handler`` for every message of this topic, reliable or not."""

    def answer(self, topic: str, answer: Answer) -> None:
        """Answer the requests of this topic; a ``CantorError`` is told to who asked."""

    async def request(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        timeout_s: float = 5.0,
        priority: int = 1,
    ) -> Message:
        """Ask a node and wait for its answer.

        Raises:
            UnavailableError: no path, or no answer in time.
            RemoteProtocolError: the other side refused; says why.
        """

    def offer(self, source: str, devices: Sequence[Device], resources: Sequence[Resource]) -> None:
        """Add hardware found behind this node; replaces what ``source`` offered before."""

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
        """Take what ``needs`` takes of one node or of several, all or none, while the work runs.

        Every unit is granted by the node that owns it. Await ``held()`` of the result, look at
        ``is_held`` before what must not happen twice, ``drop`` or ``release`` it at the end. What
        is given back is never granted again to the same attempt. ``Memory`` that is taken is in
        ``leases``, for the worker's limit; the token of a lease goes to whoever opens the device
        (``cantor.scheduling.grants.fence``). With ``may_reclaim`` it may be wanted back for another
        project that is owed it, while the work runs: then end that and drop it.

        Raises:
            ConfigError: this attempt reserves already, or has no usable name.
        """

    def end_former(self, prefix: str) -> None:
        """Give back what this node held before its restart under names that begin so."""


class Service(Protocol):
    """Something that runs on a node besides the mesh."""

    async def start(self) -> None:
        """Begin; the node is in the mesh."""

    async def close(self) -> None:
        """End everything that this service has started."""

    def calls(self) -> Mapping[str, Call]:
        """What processes of the same user may ask, by name: see ``cantor.node.control``."""


ServiceFactory: TypeAlias = Callable[[Node], Service]


def registered_services(
    work: Work | None = None, logs_bytes: int | None = None, exports: Exports | None = None
) -> dict[str, ServiceFactory]:
    """The factories of this installation by name: the node's own, then the others by name.

    ``work`` says for whom the node runs code, in how many workers, and what services may keep;
    ``logs_bytes`` is how much it keeps of its logs, ``exports`` where its metrics go.
    """
    from cantor.node.bundles.service import Bundles
    from cantor.node.logs.service import Logs
    from cantor.node.metrics.service import Metrics
    from cantor.node.push.service import Push
    from cantor.node.secrets.service import Secrets
    from cantor.node.settings import LOGS_BYTES, Work
    from cantor.node.state.service import State
    from cantor.node.tasks.service import Tasks
    from cantor.node.variables.service import Variables

    work = work or Work()
    return {
        "logs": partial(Logs, bytes_max=logs_bytes or LOGS_BYTES),
        "state": State,
        "metrics": partial(Metrics, exports=exports),
        "bundles": Bundles,
        "secrets": Secrets,
        "push": partial(Push, data_bytes_max=work.service_data_bytes),
        "tasks": partial(Tasks, work=work),
        "variables": Variables,
        **{point.name: point.load() for point in parts(SERVICE_GROUP)},
    }
