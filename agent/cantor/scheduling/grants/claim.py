"""Who holds: one attempt of a task that needs units of one node or of several, all or none.

Nodes are asked one after the other in the order of their ids, so that two groups cannot wait for
each other in a ring. A group that waits too long while it holds a part gives that back and begins
a new round. A lease of another node counts from the moment of asking, less a margin for clocks that
run apart; whoever reaches its end has lost it, whether the owner was heard or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from cantor.scheduling.grants.records import (
    TTL_DEFAULT_S,
    Answer,
    Asked,
    Ended,
    Granted,
    Key,
    Lease,
    Refused,
    Release,
    Renew,
    Reserve,
    Waiting,
    WantedBack,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.needs import Needs

ASK_AGAIN_S = 1.0
HOLD_PART_S = 5.0
MARGIN = 0.1
RENEWALS = 3
ROUND_PAUSE_S = 0.5
ROUND_PAUSES_MAX = 8


@dataclass(frozen=True, slots=True)
class Ask:
    """Put a question to a node."""

    node: NodeId
    asked: Asked


@dataclass(frozen=True, slots=True)
class Holds:
    """Everything is held."""

    leases: Mapping[NodeId, Lease]


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """It still waits; for a person."""

    node: NodeId
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be had; nothing is held."""

    node: NodeId
    refused: Refused


@dataclass(frozen=True, slots=True)
class Lost:
    """What was held is held no more: end what uses it at once."""

    node: NodeId
    why: str


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """It is held, but others are owed it: end what uses it soon, and drop the claim."""

    node: NodeId
    why: str


@dataclass(frozen=True, slots=True)
class Over:
    """Every node knows that nothing is held."""


Effect: TypeAlias = Ask | Holds | WaitsFor | Failed | Lost | Reclaimed | Over


@dataclass(slots=True)
class _Part:
    lease: Lease
    until_s: float
    ask_s: float


@dataclass(slots=True)
class Claim:
    """One attempt. ``me`` is the node of the holder; ``now`` in UTC seconds is for people."""

    me: NodeId
    task: str
    attempt: int
    wants: Mapping[NodeId, Needs]
    ttl_s: float = TTL_DEFAULT_S
    priority: int = 0
    project: str = ""
    may_wait: bool = True
    now: float = 0.0
    may_reclaim: bool = False
    state: Literal["new", "claiming", "held", "dropping", "over"] = "new"
    round: int = 0
    _parts: dict[NodeId, _Part] = field(default_factory=dict)
    _dropping: dict[tuple[NodeId, Key], float] = field(default_factory=dict)
    _give_up_s: float = math.inf
    _ask_s: float = 0.0
    _patience_s: float = math.inf
    _effects: list[Effect] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """What it is called now."""
        return Key(self.task, self.attempt, self.round)

    def is_valid(self, now_s: float) -> bool:
        """Whether everything is held at this moment of the holder's steady clock."""
        return self.state == "held" and all(now_s < part.until_s for part in self._parts.values())

    @property
    def leases(self) -> dict[NodeId, Lease]:
        """What is held so far."""
        return {node: part.lease for node, part in self._parts.items()}

    @property
    def wake_s(self) -> float:
        """When :meth:`tick` is due."""
        times = [self._ask_s] if self.state in ("new", "claiming") else []
        times += [min(part.ask_s, part.until_s) for part in self._parts.values()]
        times += [*self._dropping.values(), self._patience_s]
        return math.inf if self.state == "over" else min(times, default=math.inf)

    def tick(self, now_s: float) -> list[Effect]:
        """Begin, or go on: time has passed."""
        self._effects = []
        self._look(now_s)
        return self._effects

    def drop(self, now_s: float) -> list[Effect]:
        """Give everything back, or wait no longer."""
        self._effects = []
        if self.state in ("new", "claiming", "held"):
            self._drop("dropping", now_s)
            self._look(now_s)
        return self._effects

    def answered(self, node: NodeId, answer: Answer, now_s: float) -> list[Effect]:
        """A node has answered; late and repeated answers do no harm."""
        self._effects = []
        self._check(now_s)
        current = answer.key == self.key and self.state in ("claiming", "held")
        match answer:
            case Granted(lease, asked_s):
                if current:
                    self._granted(node, lease, asked_s, now_s)
                elif self._may_have_asked(node, answer.key):
                    self._give_back(node, answer.key, now_s)
            case Waiting(_, why):
                if current and node not in self._parts:
                    self._effects.append(WaitsFor(node, why))
            case Refused():
                self._refused(node, answer, now_s, is_current=current)
            case WantedBack(_, why):
                if current and node in self._parts:
                    self._wanted_back(node, why, now_s)
            case Ended(key):
                self._dropping.pop((node, key), None)
        self._look(now_s)
        return self._effects

    def _granted(self, node: NodeId, lease: Lease, asked_s: float, now_s: float) -> None:
        until_s = math.inf if node == self.me else asked_s + lease.ttl_s * (1 - MARGIN)
        part = self._parts.get(node)
        if part is None and node == self._next():
            self._parts[node] = _Part(lease, until_s, self._renew_s(node, now_s))
            self._ask_s, self._patience_s = now_s, now_s + HOLD_PART_S
        elif part is not None and part.lease.token == lease.token:
            part.until_s = max(part.until_s, until_s)

    def _wanted_back(self, node: NodeId, why: str, now_s: float) -> None:
        if self.state == "held":
            self._effects.append(Reclaimed(node, why))
        else:  # nothing uses it yet
            self._lose(node, why, now_s)

    def _refused(self, node: NodeId, refused: Refused, now_s: float, *, is_current: bool) -> None:
        if refused.why in ("ended", "lost", "wrong"):
            self._dropping.pop((node, refused.key), None)
        if not is_current:
            return
        if node in self._parts:
            if refused.why == "lost":
                self._lose(node, refused.text, now_s)
        elif node == self._next():
            self._effects.append(Failed(node, refused))
            self._drop("dropping", now_s, but=node)

    def _look(self, now_s: float) -> None:
        self._check(now_s)
        if self.state == "new":
            self.state = "claiming"
        if self.state == "claiming" and self._next() is None:
            self.state, self._patience_s = "held", math.inf
            self._effects.append(Holds(self.leases))
        if self.state == "claiming":
            self._claim(now_s)
        for node, part in self._parts.items():
            if part.ask_s <= now_s:
                part.ask_s = self._renew_s(node, now_s)
                self._effects.append(
                    Ask(node, Renew(part.lease.key, self.me, part.lease.token, now_s))
                )  # fmt: skip
        for (node, key), due_s in list(self._dropping.items()):
            if due_s <= now_s:
                self._dropping[(node, key)] = now_s + ASK_AGAIN_S
                self._effects.append(Ask(node, Release(key, self.me)))
        if self.state == "dropping" and (not self._dropping or now_s >= self._give_up_s):
            self.state = "over"
            self._dropping.clear()
            self._effects.append(Over())

    def _check(self, now_s: float) -> None:
        for node, part in self._parts.items():
            if now_s >= part.until_s:
                self._lose(node, "it could not be renewed in time", now_s)
                return

    def _claim(self, now_s: float) -> None:
        if self._parts and now_s >= self._patience_s:
            self._drop("claiming", now_s)
            self.round += 1
            self._patience_s = math.inf
            self._ask_s = now_s + ROUND_PAUSE_S * min(self.round, ROUND_PAUSES_MAX)
        node = self._next()
        if node is not None and now_s >= self._ask_s:
            self._ask_s = now_s + ASK_AGAIN_S
            asked = Reserve(
                self.key, self.me, self.wants[node], now_s, self.ttl_s,
                self.priority, self.project, self.may_wait, self.now, self.may_reclaim,
            )  # fmt: skip
            self._effects.append(Ask(node, asked))

    def _lose(self, node: NodeId, why: str, now_s: float) -> None:
        if self.state == "held":
            self._effects.append(Lost(node, why))
            self._drop("dropping", now_s)
        else:  # a part of a group that is not together yet
            self._patience_s = now_s
            self._drop("claiming", now_s)
            self.round += 1

    def _drop(
        self, state: Literal["claiming", "dropping"], now_s: float, *, but: NodeId | None = None
    ) -> None:
        asked = self._next() if self.state == "claiming" else None
        for node in sorted({*self._parts, *([asked] if asked is not None else [])} - {but}):
            self._dropping[(node, self.key)] = now_s
        self._parts.clear()
        self.state = state
        self._give_up_s = now_s + self.ttl_s

    def _give_back(self, node: NodeId, key: Key, now_s: float) -> None:
        self._dropping[(node, key)] = now_s + ASK_AGAIN_S
        self._effects.append(Ask(node, Release(key, self.me)))

    def _may_have_asked(self, node: NodeId, key: Key) -> bool:
        """Whether a grant may answer a question of ours that is not being taken back yet."""
        return node in self.wants and key.round <= self.round and (node, key) not in self._dropping

    def _next(self) -> NodeId | None:
        return next((node for node in sorted(self.wants) if node not in self._parts), None)

    def _renew_s(self, node: NodeId, now_s: float) -> float:
        return math.inf if node == self.me else now_s + self.ttl_s / RENEWALS
