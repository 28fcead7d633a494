"""What a driver must do: the output of ``MeshCore.handle``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact
    from cantor.wire import DataFrame


@dataclass(frozen=True, slots=True)
class Transmit:
    """Write ``frame`` to ``peer`` on the link with nonce ``link``; drop it if that is gone."""

    peer: NodeId
    frame: DataFrame
    link: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed ``TimerFired(name)`` at ``at`` (the time of ``now``); replaces a timer of that name."""

    name: str
    at: float


def _no_more(_node: NodeId) -> tuple[NodeId, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class RoutesChanged:
    """Where the data plane sends frames from now on.

    ``links`` are the nonces of the links in use by neighbour. ``first_hops`` are the neighbours
    through which each node is reached: the shortest way first, then loop-free ways that are
    nearly as short, over which bulk may be spread. ``tree`` are the neighbours that get what is
    meant for all. ``enough`` gives further loop-free ways, too dear to be chosen anew, on which a
    flow that takes one had better stay.
    """

    links: Mapping[NodeId, str]
    first_hops: Mapping[NodeId, tuple[NodeId, ...]]
    tree: frozenset[NodeId]
    enough: Callable[[NodeId], tuple[NodeId, ...]] = field(default=_no_more, compare=False)


@dataclass(frozen=True, slots=True)
class Dial:
    """Try to open a link to ``node``; answer with LinkUp or DialFailed."""

    node: NodeId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Close the connection with nonce ``link`` to ``peer``."""

    peer: NodeId
    link: str
    reason: str


@dataclass(frozen=True, slots=True)
class FactsChanged:
    """These facts are new in the ledger; a value of ``None`` means withdrawn."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class NodeAlive:
    """A node can be reached again, or for the first time."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeDead:
    """No live node reports a link to ``node`` any more."""

    node: NodeId


Effect: TypeAlias = (
    Transmit | SetTimer | RoutesChanged | Dial | CloseLink | FactsChanged | NodeAlive | NodeDead
)
