"""Those who wait for an owner, in the order that it was given."""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.scheduling.grants.order import Order
    from cantor.scheduling.grants.records import Key
    from cantor.scheduling.grants.standing import Waits
    from cantor.scheduling.grants.stock import Fit, Stock

HOLDERS_NAMED_MAX = 3


class Line:
    """Who waits, by key."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._waiting: dict[Key, Waits] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    def __iter__(self) -> Iterator[Waits]:
        """All, as they came; the line may change meanwhile."""
        return iter(list(self._waiting.values()))

    def get(self, key: Key) -> Waits | None:
        """Who waits under this key."""
        return self._waiting.get(key)

    def add(self, waits: Waits, now: float) -> None:
        """Somebody has come."""
        self._waiting[waits.reserve.key] = waits
        self._order.waits(waits, now)

    def pop(self, key: Key, now: float) -> None:
        """Whoever waits under this key waits no longer."""
        waits = self._waiting.pop(key, None)
        if waits is not None:
            self._order.left(waits, now)

    def count(self, waits: Waits, amounts: Mapping[str, int | float], now: float) -> None:
        """Somebody would take other amounts than before: there is other hardware now."""
        if amounts != waits.amounts:
            before, waits.amounts = replace(waits), amounts
            self._order.waits(waits, now)
            self._order.left(before, now)

    def in_order(self, now: float) -> Iterator[Waits]:
        """All, the next first; what is granted on the way counts for those that follow.

        Of each queue only the first is compared, and anew once it has been passed.
        """
        queues: dict[str, list[Waits]] = {}
        for waits in self._waiting.values():
            queues.setdefault(waits.queue, []).append(waits)
        for queue in queues.values():
            queue.sort(key=lambda one: self._order.place(one, now), reverse=True)
        heap = [(self._order.rank(queue[-1], now), name) for name, queue in queues.items()]
        heapq.heapify(heap)
        while heap:
            _, name = heapq.heappop(heap)
            yield queues[name].pop()
            if queues[name]:
                heapq.heappush(heap, (self._order.rank(queues[name][-1], now), name))

    def is_next(self, waits: Waits, now: float) -> bool:
        """Whether somebody may get something: all others cannot have it, or are behind."""
        mine, order = self._order.rank(waits, now), self._order
        return all(
            one is waits
            or not one.names & waits.names
            or order.rank(one, now) > mine
            or order.lack(one.queue, one.amounts)
            for one in self._waiting.values()
        )

    def fitting(self, stock: Stock, now: float) -> Iterator[tuple[Waits, Fit]]:
        """Whom to grant what, one after the other; each is to be granted before the next.

        Nobody overtakes who waits for the same quantity. But who may not have more now stands in
        nobody's way.
        """
        blocked: set[str] = set()
        for waits in self.in_order(now):
            if self._order.lack(waits.queue, waits.amounts):
                continue
            fit = None if waits.names & blocked else stock.fit(waits.reserve.needs)
            if fit is None:
                if not waits.names & blocked:
                    waits.stood_s = min(waits.stood_s, now)
                blocked |= waits.names
            elif not self._order.lack(waits.queue, fit[0]):
                yield waits, fit

    def why_not(self, waits: Waits, stock: Stock) -> str:
        """What somebody waits for, for a person."""
        needs = waits.reserve.needs
        if why := self._order.lack(waits.queue, waits.amounts):
            return why
        if stock.fit(needs) is not None:
            return "others wait for the same before it"
        keys, more = stock.holders(sorted(waits.names), HOLDERS_NAMED_MAX)
        named = ", ".join(key.task for key in keys) + (f" and {more} more" if more else "")
        held = f"; held by {named}" if named else ""
        return stock.lack(needs) + held
