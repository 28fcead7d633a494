"""The side of the node that runs attempts: which to begin, and which to end.

What others ask may come late, twice or in another order. An attempt begins once, in the life of
this node that it was meant for, and only if no later one of the same task is known. What was called
off is not begun when it comes after that. When the submitter's node has gone, or has begun a new
life, nobody waits for its results any more.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

KNOWN_MAX = 65536
"""Tasks of one submitter that are remembered after their end."""


@dataclass(frozen=True, slots=True)
class Key:
    """One attempt of a task that ``node`` has submitted in one of its lives."""

    node: NodeId
    life: int
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Run it."""

    key: Key


@dataclass(frozen=True, slots=True)
class End:
    """End it if it runs; nobody wants to hear of it."""

    key: Key


Effect: TypeAlias = Begin | End


@dataclass(slots=True)
class _Submitter:
    life: int
    known: OrderedDict[int, int] = field(default_factory=OrderedDict)
    """The latest attempt by task, whether it began or was called off."""
    running: dict[int, Key] = field(default_factory=dict)


class Hosting:
    """What one life of a node runs for others and for itself."""

    def __init__(self, life: int) -> None:
        self.life = life
        self._submitters: dict[NodeId, _Submitter] = {}

    @property
    def running(self) -> int:
        """How many attempts have begun and not ended."""
        return sum(len(one.running) for one in self._submitters.values())

    def asked(self, key: Key, for_life: int) -> list[Effect]:
        """A node wants an attempt to run here, in that life of this node."""
        if for_life != self.life:
            return []  # it was meant for a former life, and may have begun then
        effects = self._heard_of(key)
        submitter = self._submitters[key.node]
        if key.life != submitter.life or not self._is_new(submitter, key):
            return effects
        before = submitter.running.get(key.task)
        if before is not None:
            effects.append(End(before))
        submitter.running[key.task] = key
        return [*effects, Begin(key)]

    def called_off(self, key: Key) -> list[Effect]:
        """A node does not want an attempt any more, nor one before it."""
        effects = self._heard_of(key)
        submitter = self._submitters[key.node]
        if key.life != submitter.life:
            return effects
        self._is_new(submitter, key)
        running = submitter.running.get(key.task)
        if running is not None and running.attempt <= key.attempt:
            del submitter.running[key.task]
            effects.append(End(running))
        return effects

    def ended(self, key: Key) -> None:
        """It runs no more."""
        submitter = self._submitters.get(key.node)
        if submitter is not None and submitter.running.get(key.task) == key:
            del submitter.running[key.task]

    def is_running(self, key: Key) -> bool:
        """Whether somebody waits for what it tells."""
        submitter = self._submitters.get(key.node)
        return submitter is not None and submitter.running.get(key.task) == key

    def gone(self, node: NodeId) -> list[Effect]:
        """A submitter's node cannot be reached: it has given its tasks to others, or has ended."""
        submitter = self._submitters.get(node)
        return [] if submitter is None else self._end_all(submitter)

    def _heard_of(self, key: Key) -> list[Effect]:
        submitter = self._submitters.get(key.node)
        if submitter is None:
            self._submitters[key.node] = _Submitter(key.life)
            return []
        if key.life <= submitter.life:
            return []
        effects = self._end_all(submitter)
        self._submitters[key.node] = _Submitter(key.life)
        return effects

    @staticmethod
    def _end_all(submitter: _Submitter) -> list[Effect]:
        effects: list[Effect] = [End(key) for key in submitter.running.values()]
        submitter.running.clear()
        return effects

    @staticmethod
    def _is_new(submitter: _Submitter, key: Key) -> bool:
        if submitter.known.get(key.task, 0) >= key.attempt:
            return False
        submitter.known[key.task] = key.attempt
        if len(submitter.known) > KNOWN_MAX:
            submitter.known.popitem(last=False)
        return True
