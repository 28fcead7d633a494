"""The owner of quantities: the only one who grants them, and nothing before it is on the disk.

``handle(event, now)`` returns what is to be done; ``now`` is the owner's steady clock. A unit is
free again only when the end of its lease is on the disk too. A lease that the owner itself holds
does not run out while the owner lives; after a restart it has its ttl to be claimed again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

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
from cantor.scheduling.grants.line import Line
from cantor.scheduling.grants.order import Arrival, Order
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
    WantedBack,
    Why,
)
from cantor.scheduling.grants.standing import Held, Waits, lost_text, names_of
from cantor.scheduling.grants.stock import Have, Stock, lease_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.stock import Fit

WAIT_KEEP_S = 5.0
RETRY_S = 1.0
WAITING_MAX = 10_000


@dataclass(slots=True)
class Grantor:
    """Grants the quantities of node ``me`` in a life with this ``epoch``, which only ever grows.

    ``kept`` is what its journal said; ``is_lost`` if there should be one and is none. ``order``
    says who of those that wait is next, and who must give back.
    """

    me: NodeId
    epoch: int
    now: float
    kept: Kept = field(default_factory=Kept)
    is_lost: bool = False
    order: Order = field(default_factory=Arrival)
    ttl_max_s: float = TTL_MAX_S
    _stock: Stock = field(default_factory=Stock)
    _held: dict[Key, Held] = field(default_factory=dict)
    line: Line = field(init=False)
    _past: Past = field(default_factory=Past)
    _writes: dict[int, Began | Held] = field(default_factory=dict)
    _effects: list[Effect] = field(default_factory=list)
    _number: int = 0
    _came: int = 0
    _count: int = 0
    _is_serving: bool = False
    _begin_s: float = 0.0
    _serves_from_s: float = 0.0
    _due_s: float = -math.inf

    def __post_init__(self) -> None:
        self.line = Line(self.order)
        self.is_lost = self.is_lost or self.kept.is_lost or not self.kept.is_whole
        if self.is_lost:
            self._serves_from_s = self.now + self.ttl_max_s
        for lease in self.kept.leases.values():
            self._hold(lease, "held", 0.0, self.now + lease.ttl_s)
        for key in self.kept.over:
            self._past.add(key, self.now)

    @property
    def leases(self) -> list[Lease]:
        """What is held, by key; what is not yet on the disk is left out."""
        return [h.lease for key, h in sorted(self._held.items()) if h.state != "writing"]

    @property
    def waiting(self) -> list[Reserve]:
        """Who waits, in the order in which they are looked at."""
        return [one.reserve for one in self.line.in_order(self.now)]

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
                self._take_back()
        return self._effects

    def _reserve(self, asked: Reserve) -> None:
        held, waits = self._held.get(asked.key), self.line.get(asked.key)
        if held is not None and asked.holder != held.lease.holder:
            self._refuse(asked, "wrong", "another node holds it under this name")
        elif held is not None and held.state == "writing":
            held.asked_s = max(held.asked_s, asked.asked_s)
        elif held is not None and self._goes_on(held, asked.asked_s):
            return
        elif held is not None or self._past.has(asked.key):
            self._refuse(asked, "ended", "this try is over; try again with a higher attempt")
        elif waits is not None and waits.reserve.holder != asked.holder:
            self._refuse(asked, "wrong", "another node waits under this name")
        elif waits is not None:
            waits.reserve, waits.heard_s = replace(waits.reserve, asked_s=asked.asked_s), self.now
            self._answer_waiting(waits)
        elif len(self.line) >= WAITING_MAX:
            self._refuse(asked, "busy", f"{WAITING_MAX} others wait")
        else:
            self._queue(asked)

    def _queue(self, asked: Reserve) -> None:
        names = names_of(asked)
        waits = Waits(
            asked, self._came, self.now, self.now, names, self._stock.whole(asked.needs),
            self.order.queue_of(asked.holder, asked.project),
        )  # fmt: skip
        if why := self._stock.never(asked.needs) or self.order.refusal(waits):
            self._refuse(asked, "never", why)
            return
        self._came += 1
        self._due_s = min(self._due_s, self.now + RETRY_S)
        self.line.add(waits, self.now)
        if self.line.is_next(waits, self.now):
            self._serve()
        if asked.key in self.line:
            self._answer_waiting(waits)

    def _answer_waiting(self, waits: Waits) -> None:
        asked = waits.reserve
        if not asked.may_wait and self.now < self._serves_from_s:
            self.line.pop(asked.key, self.now)
            self._refuse(asked, "busy", self._why_not(waits))
            return
        self._effects.append(Tell(asked.holder, Waiting(asked.key, self._why_not(waits))))

    def _renew(self, asked: Renew) -> None:
        held = self._held.get(asked.key)
        if held is None or held.lease.token != asked.token or held.lease.holder != asked.holder:
            self._refuse(asked, "lost", "the owner knows of no such lease")
        elif held.state != "writing" and not self._goes_on(held, asked.asked_s):
            self._refuse(asked, "lost", "it has run out or was given back")

    def _goes_on(self, held: Held, asked_s: float) -> bool:
        """Extend it, or ask it back once more; False if it is over."""
        if held.state != "held" or held.is_unwanted:
            return False
        if held.wanted_by:
            self._want_back(held)
        else:
            self._extend(held, asked_s)
        return True

    def _extend(self, held: Held, asked_s: float) -> None:
        is_own = held.lease.holder == self.me
        held.ends_s = math.inf if is_own else self.now + held.lease.ttl_s
        self._due_s = min(self._due_s, held.ends_s)
        self._effects.append(Tell(held.lease.holder, Granted(held.lease, asked_s)))

    def _release(self, asked: Release) -> None:
        held = self._held.get(asked.key)
        waits = self.line.get(asked.key)
        if (held and held.lease.holder != asked.holder) or (
            waits and waits.reserve.holder != asked.holder
        ):
            self._refuse(asked, "wrong", "another node holds it under this name")
            return
        self.line.pop(asked.key, self.now)
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
            self._write(lease, self._hold(lease, "writing", 0.0))

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
        for waits in self.line:
            if waits.reserve.holder != self.me and waits.heard_s + WAIT_KEEP_S < self.now:
                self.line.pop(waits.reserve.key, self.now)
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
        if len(self.line):
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
                self._let_go(lease)
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
                self._let_go(what.lease)
                self._effects.append(Tell(holder, Refused(key, "disk", reason)))
            else:
                what.state, what.retry_s = "held", self.now + RETRY_S
                self._due_s = min(self._due_s, what.retry_s)

    def _taken_writes(self, number: int) -> Iterable[Began | Held]:
        done = [one for one in self._writes if one <= number]
        return [self._writes.pop(one) for one in done]

    def _hold(
        self,
        lease: Lease,
        state: Literal["writing", "held"],
        asked_s: float,
        ends_s: float = math.inf,
    ) -> Held:
        queue = self.order.queue_of(lease.holder, lease.project)
        held = self._held[lease.key] = Held(
            lease, state, asked_s, ends_s, queue=queue, since_s=self.now
        )
        self._stock.add(lease)
        self.order.took(held, self.now)
        return held

    def _let_go(self, lease: Lease) -> None:
        held = self._held.pop(lease.key)
        self._stock.remove(lease)
        self.order.gave(held, self.now)

    def _refuse_for_ever(self) -> None:
        """Hardware has come or gone: nobody waits for what cannot be met any more."""
        for waits in self.line:
            asked = waits.reserve
            self.line.count(waits, self._stock.whole(asked.needs), self.now)
            if why := self._stock.never(asked.needs) or self.order.refusal(waits):
                self.line.pop(asked.key, self.now)
                self._refuse(asked, "never", why)

    def _serve(self) -> None:
        """Grant what can be granted; who may not wait is refused."""
        if not self.is_serving or self._stock.have is None:
            return
        for waits, fit in self.line.fitting(self._stock, self.now):
            self.line.pop(waits.reserve.key, self.now)
            self._grant(waits.reserve, fit)
        for waits in self.line:
            if not waits.reserve.may_wait:
                self.line.pop(waits.reserve.key, self.now)
                self._refuse(waits.reserve, "busy", self._why_not(waits))

    def _take_back(self) -> None:
        """Ask back what is lent, for those who have waited for long enough."""
        if self.is_serving and len(self.line):
            held = [one for one in self._held.values() if one.state == "held"]
            line = self.line.in_order(self.now)
            for one in self.order.wanted_back(line, held, self._stock, self.now):
                self._want_back(one)

    def _want_back(self, held: Held) -> None:
        why = f"it is owed to {held.wanted_by}"
        self._effects.append(Tell(held.lease.holder, WantedBack(held.lease.key, why)))

    def _grant(self, asked: Reserve, fit: Fit) -> None:
        self._count += 1
        token = self.epoch << TOKEN_BITS | self._count
        lease = lease_for(asked, token, fit, min(asked.ttl_s, self.ttl_max_s))
        self._write(lease, self._hold(lease, "writing", asked.asked_s))

    def _why_not(self, waits: Waits) -> str:
        if self.now < self._serves_from_s:
            return lost_text(self._serves_from_s - self.now)
        if not self._is_serving:
            return "it has just started"
        return self.line.why_not(waits, self._stock)

    def _refuse(self, asked: Reserve | Renew | Release, why: Why, text: str) -> None:
        self._effects.append(Tell(asked.holder, Refused(asked.key, why, text)))
