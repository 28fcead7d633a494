"""Which day it is, as issuers say: what nodes that left for ever have said lapses by it.

Each issuer says the day as a lasting fact, signed by the authority. It never says more than what
the other nodes' stamps bear out, so that a clock that was set ends nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError
from cantor.base.ids import short_name
from cantor.identity.statements import make_statement
from cantor.ledger.days import day_of, day_to_say

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.identity.authority import Authority
    from cantor.identity.statements import StatementReader
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node

DAY = "day"
LOOK_EVERY_S = 60.0
_log = logging.getLogger(__name__)


class Days:
    """The newest day that this node has heard of; ``begun`` is told of each."""

    def __init__(
        self,
        node: Node,
        reader: StatementReader,
        *,
        authority: Authority | None,
        begun: Callable[[int], None],
    ) -> None:
        self.newest = 0
        self._node = node
        self._reader = reader
        self._authority = authority
        self._begun = begun
        self._look_at_s = 0.0

    def heard(self, fact: Fact) -> None:
        """Take a fact named ``day``; one of a day that lies ahead of its own stamp is none."""
        if fact.value is None:
            return
        try:
            day = self._reader.read(fact.value, DAY).content.get("day")
            if not isinstance(day, int) or day > day_of(fact.hlc):
                raise IdentityError("a day that has not begun", where="identity")
        except IdentityError as error:
            extra = {"peer": short_name(fact.owner), "reason": str(error)}
            _log.warning("a day that proves nothing", extra=extra)
            return
        if day > self.newest:
            self.newest = day
            self._begun(day)

    def look(self) -> None:
        """As an issuer: say the day if a new one has begun; ask about once a second."""
        now_s = self._node.clock.monotonic()
        if self._authority is None or now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        wall_s = self._node.wall()
        day = day_to_say(self._node.facts(""), self._node.node_id, self._node.alive(), wall_s)
        if day is not None and day > self.newest:
            statement = make_statement(self._authority, DAY, {"day": day}, wall_s)
            self._node.publish(DAY, statement.packed, lasting=True)
