"""The code of what was submitted on this node: sent to nodes that run it, which keep it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cantor.node.tasks.wording import CODE

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.wording import Message, Parts
    from cantor.workers.units import Passed

INLINE_BYTES_MAX = 48 * 1024
"""Code up to this size is sent before it is asked for."""


class Codes:
    """On the event loop only."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._codes: dict[str, Passed] = {}
        self._uses: Counter[str] = Counter()
        self._told: dict[NodeId, set[str]] = {}

    def use(self, code: Passed) -> None:
        """Something is under way that runs it."""
        self._codes[code.id] = code
        self._uses[code.id] += 1

    def release(self, code: Passed) -> None:
        """That has ended."""
        self._uses[code.id] -= 1
        if not self._uses[code.id]:
            del self._uses[code.id], self._codes[code.id]

    def send_ahead(self, node: NodeId, code: Passed) -> None:
        """A node is going to run it: the first time, small code goes before the message."""
        known = self._told.setdefault(node, set())
        if code.id not in known:
            known.add(code.id)
            if len(code.data) <= INLINE_BYTES_MAX:  # of larger ones it says whether it lacks them
                self._lines.tell(node, [CODE, code.id], (code.data,))

    def lost(self, node: NodeId) -> None:
        """A node cannot be reached: what was sent may not have arrived."""
        self._told.pop(node, None)

    def heard_wanted(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node lacks code that it shall run."""
        code = self._codes.get(message[1])
        if code is not None:
            self._lines.tell(node, [CODE, code.id], (code.data,))
