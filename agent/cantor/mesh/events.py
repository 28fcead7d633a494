"""What happens to a node: the input of ``MeshCore.handle``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire import DataFrame
    from cantor.wire.frame import Value


@dataclass(frozen=True, slots=True)
class Started:
    """The node begins. Must be the first event."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A control connection is authenticated and both hellos agree.

    ``link`` is the nonce of its hello; ``dialled`` says that this node opened it; ``cost`` is its
    weight in routes (more is worse) until it is measured.
    """

    peer: NodeId
    link: str
    dialled: bool
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A control connection that was reported up has ended."""

    peer: NodeId
    link: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A frame that concerns one link (a kind below 16) came from ``peer``."""

    peer: NodeId
    frame: DataFrame


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer ``name`` of a SetTimer effect is due."""

    name: str


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """Discovery, a seed or memory knows ``node`` at ``addresses`` (``host:port``).

    ``is_near`` says that it is in the same local network.
    """

    node: NodeId
    mesh: str
    addresses: tuple[str, ...]
    is_near: bool = False


@dataclass(frozen=True, slots=True)
class DialFailed:
    """No address of a Dial effect led to a link."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class LocalFact:
    """This node publishes a fact; ``None`` withdraws it.

    A ``lasting`` fact stays in the mesh when this node leaves on purpose, and for ever after.
    """

    name: str
    value: Value
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class TrustLost:
    """What only these certificates prove is to be given up: their root is trusted no longer."""

    certificates: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class DaySaid:
    """An issuer says that a day since 1970 has begun: see ``cantor.ledger.days``."""

    day: int


@dataclass(frozen=True, slots=True)
class RoutesWanted:
    """Somebody sends to a node without a route: news of links must not wait any longer."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What links carried since the last one.

    ``heard`` are the neighbours that data came from, ``carried`` those that it came from or went
    to, ``acknowledged`` those whose system has acknowledged bytes a moment ago: what
    runs there may stand still, but neither the machine nor the way to it is gone.
    """

    heard: frozenset[NodeId]
    carried: frozenset[NodeId]
    acknowledged: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, slots=True)
class LinkMeasured:
    """What the system says of a link, about once a second.

    ``rtt_s`` is the smoothed round trip, ``loss`` the share of bytes that was sent again (0 to 1),
    ``bytes_per_s`` the rate at which the line delivers, 0 while too little was sent to know it,
    ``carried_bytes`` how much the link has carried both ways since it is up, and ``rtt_least_s``
    the least round trip that was seen, 0 if it is not known.
    """

    peer: NodeId
    link: str
    rtt_s: float
    loss: float
    bytes_per_s: float
    carried_bytes: int
    rtt_least_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stopping:
    """The node leaves on purpose: withdraw its facts but the lasting and close its links."""


Event: TypeAlias = (
    Started
    | LinkUp
    | LinkDown
    | Received
    | TimerFired
    | PeerSeen
    | DialFailed
    | LocalFact
    | TrustLost
    | DaySaid
    | RoutesWanted
    | Traffic
    | LinkMeasured
    | Stopping
)
