"""Actors that are no more, and what those hear who call them all the same."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from cantor.node.actors.endings import closed
from cantor.node.actors.kept import handle_of
from cantor.workers.units import HOLDER

if TYPE_CHECKING:
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.actors.names import Named
    from cantor.workers.units import Terms

GONE_MAX = 4096
"""So many are remembered."""


class Gone:
    """By address; the oldest are forgotten."""

    def __init__(self) -> None:
        self._ends: OrderedDict[str, Message] = OrderedDict()
        self._holders: OrderedDict[str, Named] = OrderedDict()
        """Who had the name that an actor which did not get it was to have."""

    def ended(self, address: str, end: Message) -> None:
        """One has ended so."""
        self._ends[address] = end
        if len(self._ends) > GONE_MAX:
            self._ends.popitem(last=False)

    def beaten(self, address: str, holder: Named) -> None:
        """One did not get its name: another has it."""
        self._holders[address] = holder
        if len(self._holders) > GONE_MAX:
            self._holders.popitem(last=False)

    def answer(self, address: str, terms: Terms) -> tuple[Message, Parts]:
        """What a call hears: how it ended, or who has its name if that is the question."""
        holder = self._holders.get(address)
        if terms.method == HOLDER and holder is not None:
            return handle_of(holder)
        return self._ends.get(address) or closed(address, "it has ended, or its keeper has"), ()
