"""The facts of this node that outlive its stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.ledger.share import FACTS_PER_OWNER_MAX
from cantor.mesh.events import LocalFact

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.memory import NodeMemory
    from cantor.wire.frame import Value

LASTING_FACTS_MAX = FACTS_PER_OWNER_MAX - 32
"""The rest of a node's share is for what it must always be able to say: itself and its hardware."""
_log = logging.getLogger(__name__)


class LastingFacts:
    """Said through ``post`` and kept in ``memory``; only what the mesh has taken is kept."""

    def __init__(self, memory: NodeMemory, post: Callable[[LocalFact], None]) -> None:
        self._memory = memory
        self._post = post
        self._facts = memory.lasting_facts()

    def say(self, name: str, value: Value) -> None:
        """Say and keep a fact; None withdraws it.

        Raises:
            LocalProtocolError: this node holds as many as it may, or the ledger refuses it.
        """
        if value is not None and name not in self._facts and len(self._facts) >= LASTING_FACTS_MAX:
            raise LocalProtocolError(
                f"this node holds {LASTING_FACTS_MAX} lasting facts, as many as it may",
                where=name,
                remedy="withdraw some, or let another node say it",
            )
        self._post(LocalFact(name, value, lasting=True))
        facts = {**self._facts, name: value}
        if value is None:
            del facts[name]
        self._facts = facts
        self._memory.remember_lasting_facts(facts)

    def say_all(self) -> None:
        """Say what was kept over a restart; what the ledger has no room for stays in the file."""
        for name, value in self._facts.items():
            try:
                self._post(LocalFact(name, value, lasting=True))
            except LocalProtocolError as error:
                _log.warning("a kept fact was refused", extra={"fact": name, "reason": str(error)})
