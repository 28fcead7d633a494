"""Whom to dial, and when: a few links are enough, and nobody may stay apart.

A node that cannot be reached over the links of others is dialled whatever it costs: that is how the
parts of a mesh find each other. Whoever has lost a link dials its former neighbour often, for that
way is known to lead there; the others are everybody's: the more nodes are together, the more seldom
each of them dials, or else all would be linked with all when a line comes back.
Of those that can be reached a node links with a few that are near and with one at random, so that
the mesh has short ways and no part of it hangs on one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cantor.mesh.pace import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cantor.base.ids import NodeId
    from cantor.mesh.settings import MeshSettings

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 1.5
BACKOFF_PER_NODE_S = 0.3
"""The longest pause grows with the number of nodes apart: so long a dial takes its turn."""
REFUSED_S = 5.0
"""A link that ended sooner did not count: the pauses go on growing."""
TURN_S = 0.3
TURN_MAX_S = 30.0
GATHER_S = 0.02
"""So long to wait for others before choosing whom to dial."""
DIALS_MAX = 16
PEERS_MAX = 4096
ADDRESSES_MAX = 16
NEAR_COST = 2.0


class Randomness(Protocol):
    """The part of ``random.Random`` that the core needs."""

    def random(self) -> float:
        """A number in [0, 1)."""


@dataclass(slots=True)
class _Candidate:
    addresses: tuple[str, ...]
    dial_at: float
    is_near: bool = False
    attempts: int = 0
    is_dialling: bool = False
    linked_at: float = NEVER

    @property
    def is_idle(self) -> bool:
        return not self.is_dialling and self.linked_at == NEVER


class Dialling:
    """The peers that may be dialled, each with a jittered backoff that doubles.

    ``next_due`` is when ``due`` should be asked again; it should also be asked after each change.
    """

    def __init__(self, randomness: Randomness, settings: MeshSettings) -> None:
        self._randomness = randomness
        self._settings = settings
        self._candidates: dict[NodeId, _Candidate] = {}
        self._linked: dict[NodeId, float] = {}
        self._former: dict[NodeId, None] = {}
        self._turns: list[float] = []
        self.next_due = NEVER

    def seen(
        self, node: NodeId, addresses: tuple[str, ...], now: float, *, is_near: bool = False
    ) -> None:
        """Remember where a node is; one that is new is due as soon as others may be known too."""
        known = self._candidates.get(node)
        if known is None:
            if len(self._candidates) >= PEERS_MAX and not self._make_room():
                return
            known = self._candidates[node] = _Candidate((), now)
            known.linked_at = self._linked.get(node, NEVER)
        known.addresses = addresses[:ADDRESSES_MAX]
        known.is_near |= is_near
        self._ask_again(now + GATHER_S)

    def _make_room(self) -> bool:
        """Give up the one that was dialled most often in vain; False while all may still answer.

        Who is there says so again, so nobody that can be reached is lost by it for long.
        """
        vain = {node: c.attempts for node, c in self._candidates.items() if c.is_idle}
        worst = max(vain, key=lambda node: (vain[node], node), default=None)
        if worst is None or not vain[worst]:
            return False
        del self._candidates[worst]
        self._former.pop(worst, None)
        return True

    def linked(self, node: NodeId, now: float) -> None:
        """A link is up."""
        self._linked[node] = now
        self._former.pop(node, None)
        known = self._candidates.get(node)
        if known is not None:
            known.is_dialling, known.linked_at = False, now
        self.next_due = now

    def beside(self, node: NodeId) -> list[tuple[NodeId, tuple[str, ...]]]:
        """Dial a node whose link has gone silent: it may answer at another of its addresses."""
        known = self._candidates.get(node)
        if known is None or known.is_dialling or not known.addresses:
            return []
        return [self._dial(node)]

    def failed(self, node: NodeId, now: float) -> None:
        """A dial led to nothing; the node may have dialled this one meanwhile."""
        if node in self._candidates:
            self._candidates[node].is_dialling = False
        if node not in self._linked:
            self.lost(node, now)

    def lost(self, node: NodeId, now: float, *, rest_s: float = 0.0, cost: float = NEVER) -> None:
        """A link went down: dial again later, after ``rest_s`` at the earliest.

        A link that cost little shows that the node is near.
        """
        if self._linked.pop(node, NEVER) < NEVER and not rest_s:
            self._remember(node)
        known = self._candidates.get(node)
        if known is None:
            return
        if now - known.linked_at >= REFUSED_S:
            known.attempts = 0
        longest_s = BACKOFF_MAX_S
        if node not in self._former:
            apart = sum(other.is_idle for other in self._candidates.values())
            longest_s = max(BACKOFF_MAX_S, min(30.0, BACKOFF_PER_NODE_S * apart))
        pause_s = min(longest_s, BACKOFF_FIRST_S * 2 ** min(known.attempts, 16))
        known.dial_at = now + max(rest_s, pause_s * (0.5 + self._randomness.random()))
        known.attempts += 1
        known.is_near |= cost <= NEAR_COST
        known.linked_at = NEVER
        self.next_due = now

    def due(
        self, alive: Collection[NodeId], degree: Callable[[NodeId], int], now: float
    ) -> list[tuple[NodeId, tuple[str, ...]]]:
        """The nodes to dial now; each stays out until ``linked`` or ``lost``.

        ``alive`` are the nodes that can be reached, ``degree`` says how many links one has.
        """
        self.next_due = NEVER
        idle = [(n, c) for n, c in self._candidates.items() if c.is_idle]
        apart = [n for n, _ in idle if n not in alive]
        found = self._dial_former([n for n in apart if n in self._former], now)
        strangers = [n for n in apart if n not in self._former]
        found += self._dial_strangers(strangers, len(alive), now)
        reached = [n for n, _ in idle if n in alive]
        while reached and len(self._linked) + self._dialling() < self._settings.links_wanted:
            ready = [n for n in reached if self._candidates[n].dial_at <= now]
            if not ready:
                self._ask_again(min(self._candidates[n].dial_at for n in reached))
                break
            chosen = self._pick(ready, degree)
            reached.remove(chosen)
            found.append(self._dial(chosen))
        return found

    def _dial_former(
        self, former: list[NodeId], now: float
    ) -> list[tuple[NodeId, tuple[str, ...]]]:
        """Dial one of those that cannot be reached any more since a link was lost."""
        if not former or self._is_dialling_former():
            return []  # asked again when that dial has led to something or nothing
        ready = [n for n in former if self._candidates[n].dial_at <= now]
        if ready:
            return [self._dial(self._one_of(ready))]
        self._ask_again(min(self._candidates[n].dial_at for n in former))
        return []

    def _dial_strangers(
        self, apart: list[NodeId], together: int, now: float
    ) -> list[tuple[NodeId, tuple[str, ...]]]:
        """Dial others that cannot be reached: a few, then a few more if that was not enough.

        ``together`` are so many as this node can reach: they look for them too.
        """
        found = []
        turn_s = min(TURN_MAX_S, TURN_S * (together + 1))
        self._turns = [at for at in self._turns if now < at + turn_s]
        room = max(1, self._settings.links_wanted - len(self._linked))
        while apart:
            if self._dialling() >= DIALS_MAX:
                self._ask_again(now + TURN_S)
                break
            if len(self._turns) >= room:
                self._ask_again(self._turns[0] + turn_s)
                break
            ready = [n for n in apart if self._candidates[n].dial_at <= now]
            if not ready:
                self._ask_again(min(self._candidates[n].dial_at for n in apart))
                break
            chosen = self._one_of(ready)
            apart.remove(chosen)
            self._turns.append(now)
            found.append(self._dial(chosen))
        return found

    def _is_dialling_former(self) -> bool:
        known = (self._candidates.get(node) for node in self._former)
        return any(candidate is not None and candidate.is_dialling for candidate in known)

    def _remember(self, node: NodeId) -> None:
        self._former[node] = None
        if len(self._former) > 2 * self._settings.links_max:
            del self._former[next(iter(self._former))]

    def _dialling(self) -> int:
        return sum(known.is_dialling for known in self._candidates.values())

    def _ask_again(self, at: float) -> None:
        self.next_due = min(self.next_due, at)

    def _dial(self, node: NodeId) -> tuple[NodeId, tuple[str, ...]]:
        known = self._candidates[node]
        known.is_dialling = True
        return node, known.addresses

    def _pick(self, ready: list[NodeId], degree: Callable[[NodeId], int]) -> NodeId:
        """One that is near until only the last link is missing, then any; rather one with room."""
        near = sum(c.is_near and not c.is_idle for c in self._candidates.values())
        if near < self._settings.links_wanted - 1:
            ready = [n for n in ready if self._candidates[n].is_near] or ready
        free = [n for n in ready if degree(n) < self._settings.links_max]
        return self._one_of(free or ready)

    def _one_of(self, nodes: list[NodeId]) -> NodeId:
        return sorted(nodes)[int(self._randomness.random() * len(nodes))]
