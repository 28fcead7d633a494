"""When to dial which node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cantor.mesh.pace import NEVER

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 30.0
PEERS_MAX = 1024
ADDRESSES_MAX = 16


class Randomness(Protocol):
    """The part of ``random.Random`` that the core needs."""

    def random(self) -> float:
        """A number in [0, 1)."""


@dataclass(slots=True)
class _Candidate:
    addresses: tuple[str, ...]
    dial_at: float
    attempts: int = 0
    is_busy: bool = False


class Dialling:
    """The peers that may be dialled, each with a jittered backoff that doubles."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._candidates: dict[NodeId, _Candidate] = {}
        self._linked: set[NodeId] = set()

    def seen(self, node: NodeId, addresses: tuple[str, ...], now: float) -> None:
        """Remember where a node is; one that is new is due at once."""
        known = self._candidates.get(node)
        if known is not None:
            known.addresses = addresses[:ADDRESSES_MAX]
        elif len(self._candidates) < PEERS_MAX:
            is_busy = node in self._linked
            self._candidates[node] = _Candidate(addresses[:ADDRESSES_MAX], now, is_busy=is_busy)

    def linked(self, node: NodeId) -> None:
        """A link is up: the next loss starts from the shortest backoff."""
        self._linked.add(node)
        known = self._candidates.get(node)
        if known is not None:
            known.attempts = 0
            known.is_busy = True

    def lost(self, node: NodeId, now: float) -> None:
        """A dial failed or a link went down: dial again later."""
        self._linked.discard(node)
        known = self._candidates.get(node)
        if known is not None:
            pause_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(known.attempts, 16))
            known.dial_at = now + pause_s * (0.5 + self._randomness.random())
            known.attempts += 1
            known.is_busy = False

    def next_due(self) -> float:
        """When the next dial is due; infinite while there is none."""
        idle = (known.dial_at for known in self._candidates.values() if not known.is_busy)
        return min(idle, default=NEVER)

    def due(self, now: float) -> list[tuple[NodeId, tuple[str, ...]]]:
        """The nodes to dial now; each stays out until ``lost``."""
        found = []
        for node, known in sorted(self._candidates.items()):
            if not known.is_busy and known.dial_at <= now:
                known.is_busy = True
                found.append((node, known.addresses))
        return found
