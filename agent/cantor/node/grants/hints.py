"""What a node says of its grants to all others: how much is taken, and how many wait.

It helps to choose a node and to see what the mesh does; nobody may rely on it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from cantor.scheduling.grants.standing import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.node.services import Node
    from cantor.scheduling.grants.grantor import Grantor
    from cantor.wire.frame import Value

TAKEN_FACT, WAITING_FACT = "taken", "waiting"
ELSEWHERE = "elsewhere"
"""Among the kinds of work: units of shared quantities that other nodes have a right to."""
HINT_S = 0.25
KIND_CHARACTERS_MAX = 64


class Hints:
    """The facts ``taken``, by kind of work, and ``waiting``; a few times a second at most."""

    def __init__(
        self,
        node: Node,
        grantor: Callable[[], Grantor | None],
        elsewhere: Callable[[], Mapping[str, int]],
    ) -> None:
        self._node = node
        self._grantor = grantor
        self._elsewhere = elsewhere
        self._timer: asyncio.TimerHandle | None = None
        self._said: dict[str, Value] = {}

    def soon(self) -> None:
        """Something may have changed."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HINT_S, self._say)

    def close(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _say(self) -> None:
        self._timer = None
        grantor = self._grantor()
        taken: dict[str, dict[str, int | float]] = {}
        for lease in grantor.leases if grantor else ():
            work = lease.key.task.partition("/")[0][:KIND_CHARACTERS_MAX]
            kind = taken.setdefault(work, {})
            for name, amount in lease.taken.items():
                kind[name] = kind.get(name, 0) + amount
        if elsewhere := self._elsewhere():
            taken[ELSEWHERE] = dict(elsewhere)
        waiting: Counter[str] = Counter()
        for asked in grantor.waiting if grantor else ():
            waiting.update(names_of(asked))
        facts: dict[str, Value] = {
            TAKEN_FACT: {kind: dict(amounts) for kind, amounts in taken.items()},
            WAITING_FACT: dict(waiting),
        }
        for name, value in facts.items():
            if value != self._said.get(name, {}):
                self._node.publish(name, value)
                self._said[name] = value
