"""The owner of quantities: the only one who grants them, and nothing before it is on the disk.

``handle(event, now)`` returns what is to be done; ``now`` is the owner's steady clock. A unit is
free again only when the end of its lease is on the disk too. A lease that the owner itself holds
does not run out while the owner lives; after a restart it has its ttl to be claimed again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.scheduling.grants.events import (
    Changed,
    Counted,
    Effect,
    Event,
    Recalled,
    Tell,
    Tick,
    Write,
    WriteFailed,
    Written,
)
from cantor.scheduling.grants.journal import Began, Kept, Over, Record
from cantor.scheduling.grants.past import Past
from cantor.scheduling.grants.records import (
    TOKEN_BITS,
    TTL_MAX_S,
    Ended,
    Granted,
    Key,
    Lease,
    Refused,
    Release,
    Renew,
    Reserve,
    Waiting,
    Why,
)
from cantor.scheduling.grants.standing import Held, Waits, names_of
from cantor.scheduling.grants.stock import Have, Stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.base.ids import NodeId

WAIT_KEEP_S = 5.0
RETRY_S = 1.0
WAITING_MAX = 10_000
HOLDERS_NAMED_MAX = 3


@dataclass(slots=True)
class Grantor:
    """Grants the quantities of node ``me`` in a life with this ``epoch``, which only ever grows.

    ``kept`` is what its journal said; ``is_lost`` if there should be one and is none. ``share``
    tells how much of its share a project has used: of equal priority the lowest comes first.
    """

    me: NodeId
    epoch: int
    now: float
    kept: Kept = field(default_factory=Kept)
    is_lost: bool = False
    share: Callable[[str], float] = lambda _: 0.0
    ttl_max_s: float = TTL_MAX_S
    _stock: Stock = field(default_factory=Stock)
    _held: dict[Key, Held] = field(default_factory=dict)
    _waiting: dict[Key, Waits] = field(default_factory=dict)
    _past: Past = field(default_factory=Past)
    _writes: dict[int, Began | Held] = field(default_factory=dict)
    _effects: list[Effect] = field(default_factory=list)
    _number: int = 0
    _order: int = 0
    _count: int = 0
    _is_serving: bool = False
    _begin_s: float = 0.0
    _serves_from_s: float = 0.0
    _due_s: float = -math.inf

    def __post_init__(self) -> None:
        self.is_lost = self.is_lost or self.kept.is_lost or not self.kept.is_whole
        if self.is_lost:
            self._serves_from_s = self.now + self.ttl_max_s
        for lease in self.kept.leases.values():
            held = Held(lease, "held", 0.0, self.now + lease.ttl_s)
            self._held[lease.key] = held
            self._stock.add(lease)
        for key in self.kept.over:
            self._past.add(key, self.now)

    @property
    def leases(self) -> list[Lease]:
        """What is held, by key; what is not yet on the disk is left out."""
        return [h.lease for key, h in sorted(self._held.items()) if h.state != "writing"]

    @property
    def waiting(self) -> list[Reserve]:
        """Who waits, in the order in which they are looked at."""
        return [one.reserve for one in self._in_order()]

    @property
    def is_serving(self) -> bool:
        """Whether it grants: it has begun, and knows what it had granted."""
        return self._is_serving and self.now >= self._serves_from_s

    @property
    def wake_s(self) -> float:
        """When the next :class:`Tick` is due."""
        return self._due_s

    @property
    def is_writing(self) -> bool:
        """Whether the disk has not taken, nor refused, what it was given."""
        return bool(self._writes)

    def holds(self, key: Key) -> bool:
        """Whether anything stands under this key, on the disk or on its way to it."""
        return key in self._held

    def stock(self) -> Stock:
        """What there is and what is free."""
        return self._stock

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What is to be done about an event."""
        self.now = now
        self._effects = []
        if now >= self._due_s:
            self._run_out()
            self._due_s = self._next_due_s()
        match event:
            case Have():
                self._stock.have = event
                self._refuse_for_ever()
                self._serve()
            case Reserve():
                self._reserve(event)
            case Renew():
                self._renew(event)
            case Release():
                self._release(event)
            case Written(number):
                self._written(number)
            case WriteFailed(number, reason):
                self._failed(number, reason)
            case Recalled() | Counted():
                self._recover(event)
            case Tick():
                self._serve()
        return self._effects

    def _reserve(self, asked: Reserve) -> None:
        held = self._held.get(asked.key)
        if held is not None:
            self._again(held, asked)
        elif self._past.has(asked.key):
            self._refuse(asked, "ended", "this try is over; try again with a higher attempt")
        elif why := self._stock.never(asked.needs):
            self._waiting.pop(asked.key, None)
            self._refuse(asked, "never", why)
        elif asked.key not in self._waiting and len(self._waiting) >= WAITING_MAX:
            self._refuse(asked, "busy", f"{WAITING_MAX} others wait")
        else:
            self._queue(asked)

    def _again(self, held: Held, asked: Reserve) -> None:
        if asked.holder != held.lease.holder:
            self._refuse(asked, "wrong", "another node holds it under this name")
        elif held.state == "held" and not held.is_unwanted:
            self._extend(held, asked.asked_s)
        elif held.state == "writing":
            held.asked_s = max(held.asked_s, asked.asked_s)
        else:
            self._refuse(asked, "ended", "this try is over; try again with a higher attempt")

    def _queue(self, asked: Reserve) -> None:
        before = self._waiting.get(asked.key)
        if before is None:
            self._order += 1
            self._due_s = min(self._due_s, self.now + RETRY_S)
        order = before.order if before else self._order
        waits = Waits(asked, order, self.now, names_of(asked))
        self._waiting[asked.key] = waits
        if before is None and self._may_be_next(waits):
            self._serve()
        if asked.key not in self._waiting:
            return
        if not asked.may_wait and self.now < self._serves_from_s:
            del self._waiting[asked.key]
            self._refuse(asked, "busy", self._why_not(asked))
            return
        self._effects.append(Tell(asked.holder, Waiting(asked.key, self._why_not(asked))))

    def _may_be_next(self, waits: Waits) -> bool:
        """Whether somebody new may get something: all others cannot have it, or are behind."""
        mine = self._rank(waits)
        return all(
            one is waits or not one.names & waits.names or self._rank(one) > mine
            for one in self._waiting.values()
        )

    def _renew(self, asked: Renew) -> None:
        held = self._held.get(asked.key)
        if held is None or held.lease.token != asked.token or held.lease.holder != asked.holder:
            self._refuse(asked, "lost", "the owner knows of no such lease")
        elif held.state == "held" and not held.is_unwanted:
            self._extend(held, asked.asked_s)
        elif held.state == "ending" or held.is_unwanted:
            self._refuse(asked, "lost", "it has run out or was given back")

    def _extend(self, held: Held, asked_s: float) -> None:
        is_own = held.lease.holder == self.me
        held.ends_s = math.inf if is_own else self.now + held.lease.ttl_s
        self._due_s = min(self._due_s, held.ends_s)
        self._effects.append(Tell(held.lease.holder, Granted(held.lease, asked_s)))

    def _release(self, asked: Release) -> None:
        held = self._held.get(asked.key)
        waits = self._waiting.get(asked.key)
        if (held and held.lease.holder != asked.holder) or (
            waits and waits.reserve.holder != asked.holder
        ):
            self._refuse(asked, "wrong", "another node holds it under this name")
            return
        self._waiting.pop(asked.key, None)
        if held is None:
            self._past.add(asked.key, self.now)
            self._effects.append(Tell(asked.holder, Ended(asked.key)))
            self._serve()
        elif held.state == "held":
            self._end(held)
        else:
            held.is_unwanted = True

    def _recover(self, event: Recalled | Counted) -> None:
        """Hold what a holder says, for it must not be granted to another; or it was the last."""
        if isinstance(event, Counted):
            self._serves_from_s = self._begin_s = self._due_s = self.now
            self._run_out()
            return
        lease = event.lease
        if self.is_lost and lease.key not in self._held and not self._past.has(lease.key):
            held = self._held[lease.key] = Held(lease, "writing", 0.0)
            self._stock.add(lease)
            self._write(lease, held)

    def _run_out(self) -> None:
        for held in list(self._held.values()):
            if held.state != "held":
                continue
            if held.ends_s <= self.now and not held.is_unwanted:
                text = "it was not renewed in time"
                self._effects.append(
                    Tell(held.lease.holder, Refused(held.lease.key, "lost", text))
                )  # fmt: skip
                self._end(held)
            elif held.retry_s <= self.now:
                self._end(held)
        for key, waits in list(self._waiting.items()):
            if waits.reserve.holder != self.me and waits.heard_s + WAIT_KEEP_S < self.now:
                del self._waiting[key]
        if not self._is_serving and self._begin_s <= self.now:
            self._begin_s = math.inf
            self.is_lost = self.is_lost and self.now < self._serves_from_s
            began = Began(self.epoch, self.is_lost)
            self._write(began, began)

    def _next_due_s(self) -> float:
        held = [one for one in self._held.values() if one.state == "held"]
        times = [one.retry_s if one.is_unwanted else one.ends_s for one in held]
        if not self._is_serving:
            times.append(self._begin_s)
        if self._waiting:
            times.append(max(self.now, self._serves_from_s) + RETRY_S)
        return min(times, default=math.inf)

    def _end(self, held: Held) -> None:
        held.state, held.retry_s, held.is_unwanted = "ending", math.inf, True
        self._write(Over(held.lease.key), held)

    def _write(self, record: Record, what: Began | Held) -> None:
        self._number += 1
        self._writes[self._number] = what
        self._effects.append(Write(self._number, record))

    def _written(self, number: int) -> None:
        for what in self._taken_writes(number):
            if isinstance(what, Began):
                self._is_serving = not what.is_lost
                self._begin_s = self._serves_from_s
                self._due_s = min(self._due_s, self._begin_s)
            elif what.state == "writing":
                what.state = "held"
                self._effects.append(Changed())
                if what.is_unwanted:
                    self._end(what)
                else:
                    self._extend(what, what.asked_s)
            else:
                lease = what.lease
                del self._held[lease.key]
                self._stock.remove(lease)
                self._past.add(lease.key, self.now)
                self._effects += [Tell(lease.holder, Ended(lease.key)), Changed()]
        self._serve()

    def _failed(self, number: int, reason: str) -> None:
        for what in self._taken_writes(number):
            if isinstance(what, Began):
                self._begin_s = self.now + RETRY_S
                self._due_s = min(self._due_s, self._begin_s)
            elif what.state == "writing":
                key, holder = what.lease.key, what.lease.holder
                del self._held[key]
                self._stock.remove(what.lease)
                self._effects.append(Tell(holder, Refused(key, "disk", reason)))
            else:
                what.state, what.retry_s = "held", self.now + RETRY_S
                self._due_s = min(self._due_s, what.retry_s)

    def _taken_writes(self, number: int) -> Iterable[Began | Held]:
        done = [one for one in self._writes if one <= number]
        return [self._writes.pop(one) for one in done]

    def _refuse_for_ever(self) -> None:
        """Hardware has come or gone: nobody waits for what cannot be met any more."""
        for key, waits in list(self._waiting.items()):
            if why := self._stock.never(waits.reserve.needs):
                del self._waiting[key]
                self._refuse(waits.reserve, "never", why)

    def _serve(self) -> None:
        """Grant what can be granted: nobody overtakes who waits for the same quantity."""
        if not self.is_serving or self._stock.have is None:
            return
        blocked: set[str] = set()
        for waits in self._in_order():
            asked = waits.reserve
            wanted = waits.names
            fit = None if wanted & blocked else self._stock.fit(asked.needs)
            if fit is None:
                blocked |= wanted
                continue
            del self._waiting[asked.key]
            self._grant(asked, *fit)
        for key, waits in list(self._waiting.items()):
            if not waits.reserve.may_wait:
                del self._waiting[key]
                self._refuse(waits.reserve, "busy", self._why_not(waits.reserve))

    def _grant(
        self, asked: Reserve, taken: dict[str, int | float], units: dict[str, tuple[str, ...]]
    ) -> None:
        self._count += 1
        lease = Lease(
            asked.key,
            asked.holder,
            self.epoch << TOKEN_BITS | self._count,
            taken,
            units,
            min(asked.ttl_s, self.ttl_max_s),
            asked.now,
            asked.project,
            asked.priority,
        )
        held = Held(lease, "writing", asked.asked_s)
        self._held[asked.key] = held
        self._stock.add(lease)
        self._write(lease, held)

    def _in_order(self) -> list[Waits]:
        return sorted(self._waiting.values(), key=self._rank)

    def _rank(self, waits: Waits) -> tuple[int, float, int]:
        asked = waits.reserve
        return -asked.priority, self.share(asked.project), waits.order

    def _why_not(self, asked: Reserve) -> str:
        if self.now < self._serves_from_s:
            left_s = math.ceil(self._serves_from_s - self.now)
            until = f"for {left_s} s" if left_s <= TTL_MAX_S else "until its rights are counted"
            return f"what it had granted is not known any more: it grants nothing {until}"
        if not self._is_serving:
            return "it has just started"
        if self._stock.fit(asked.needs) is not None:
            return "others wait for the same before it"
        keys, more = self._stock.holders(sorted(names_of(asked)), HOLDERS_NAMED_MAX)
        named = ", ".join(key.task for key in keys) + (f" and {more} more" if more else "")
        held = f"; held by {named}" if named else ""
        return self._stock.lack(asked.needs) + held

    def _refuse(self, asked: Reserve | Renew | Release, why: Why, text: str) -> None:
        self._effects.append(Tell(asked.holder, Refused(asked.key, why, text)))
