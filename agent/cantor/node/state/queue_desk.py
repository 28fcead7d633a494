"""One queue at work: it takes messages, gives them to who waits, and hears what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from cantor.node.state.queue_order import GOES, Held, QueueOrder
from cantor.stores.errors import StoreError
from cantor.stores.packed import pack_parts
from cantor.stores.queue_records import MOVE, PUT, REMOVE, TRIED, Move, Part, Put, Remove, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.errors import CantorError
    from cantor.node.state.queue_shelves import Shelf
    from cantor.stores.queue_records import QueueTerms

TAKE_BYTES_MAX = 1 << 20
TELL_S = 1.0
"""What is remembered of takes is written so soon, if nothing else is written before."""
TIME_S = 60.0
"""So often the disk hears what time it is, while something waits for its time."""
GIVEN_MAX = 4096
"""So many messages are remembered with the question that got them."""
_DAMAGED = "what the disk gives back is not what was written"
_log = logging.getLogger(__name__)

Given = tuple[Held, Stored]


class QueueDesk:
    """On the event loop only. ``letters`` finds the desk of its dead letters."""

    def __init__(
        self,
        number: int,
        name: str,
        terms: QueueTerms,
        shelf: Shelf,
        letters: Callable[[], QueueDesk | None],
    ) -> None:
        self.number = number
        self.name = name
        self.terms = terms
        self.dropped = self.put_count = self.done_count = self.dead_count = 0
        self._shelf = shelf
        self._letters = letters
        more = partial(shelf.after, number) if terms.durable else None
        self.order = QueueOrder(terms, shelf.number, more)
        self._loop = asyncio.get_running_loop()
        self._takers: OrderedDict[int, tuple[int, asyncio.Future[list[Given]]]] = OrderedDict()
        self._given: OrderedDict[int, list[Held]] = OrderedDict()
        """By question: who has not heard the answer asks it again."""
        self._given_count = 0
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._teller: asyncio.TimerHandle | None = None
        self._end: CantorError | None = None

    def open(self) -> None:
        """What the disk has goes on, also after a deletion that came to nothing."""
        self._end = None
        self._look()

    async def put(self, bodies: Sequence[bytes], at: float, delay_s: float) -> int | None:
        """Put messages; the number of the first, the others follow. None if there is no room.

        Raises:
            StoreError: the disk does not take them.
        """
        self._check_open()
        sizes = [len(body) for body in bodies]
        if not self.order.has_room(len(sizes), sum(sizes)):
            return None
        self.order.reserve(len(sizes), sum(sizes))
        messages = [Stored(self._shelf.number(), at, body) for body in bodies]
        until = self._shelf.now + delay_s if delay_s else 0.0
        put = Put(self.number, messages, until)
        try:
            await self._write(PUT, put, partial(self._put, put))
        except StoreError:
            self.order.release(len(sizes), sum(sizes))
            raise
        return messages[0].n

    async def take(self, ask: int, count: int, wait_s: float) -> list[Given]:
        """Take the next messages, or wait for one; none if the time is over.

        Who asks again with the same number gets what it got.

        Raises:
            StoreError: the disk does not give them back.
            NotFoundError, UnavailableError: the queue is deleted meanwhile, or the node ends.
        """
        self._check_open()
        before = self._given.get(ask)
        if before is not None:
            return self._read([held for held in before if self.order.is_taken(held.n, held.take)])
        if (due_at := self.order.due_at) is not None and due_at <= self._shelf.now:
            self._look()
        if not self._takers and (given := self._next(ask, count)):
            return given
        if not wait_s:
            return []
        told: asyncio.Future[list[Given]] = self._loop.create_future()
        replaced = self._takers.pop(ask, None)
        if replaced is not None and not replaced[1].done():
            replaced[1].set_result([])
        self._takers[ask] = count, told
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.shield(told)
        except TimeoutError:
            return told.result() if told.done() else []
        except asyncio.CancelledError:
            self._untake(ask, told)
            raise
        finally:
            if self._takers.get(ask, (0, None))[1] is told:
                del self._takers[ask]

    async def acknowledge(self, takes: Sequence[tuple[int, int]]) -> list[int]:
        """They are done; the numbers of those that are not held by these takes any more.

        Raises:
            StoreError: the disk does not take it: they may come again.
        """
        self._check_open()
        held = {n: self.order.acknowledge(n, take) for n, take in takes}
        refused = [n for n, one in held.items() if one is None]
        done = [one for one in held.values() if one is not None]
        if done:
            remove = Remove(self.number, [one.n for one in done])
            await self._write(REMOVE, remove, partial(self._left, done))
        return refused

    def give_back(self, takes: Sequence[tuple[int, int]], delay_s: float) -> list[int]:
        """They shall come again; the numbers of those that are not held by these takes."""
        until = self._shelf.now + delay_s if delay_s else 0.0
        held = {n: self.order.give_back(n, take, until) for n, take in takes}
        self._bury([one for one in held.values() if one is not None], is_given=True)
        self._look()
        return [n for n, one in held.items() if one is None]

    def extend(self, takes: Sequence[tuple[int, int]], seconds: float) -> list[int]:
        """Who has them keeps them so long from now; the numbers of those that it has not."""
        until = self._shelf.now + seconds
        refused = [n for n, take in takes if not self.order.extend(n, take, until)]
        self._stir()
        return refused

    async def changed(self) -> None:
        """Wait until something has changed."""
        self._check_open()
        await self._changed.wait()

    def stats(self) -> dict[str, Any]:
        """What it holds, and what it has done since the agent started."""
        taken, delayed = self.order.states()
        return {
            "messages": self.order.count, "bytes": self.order.bytes, "taken": taken,
            "delayed": delayed, "takers": len(self._takers), "put": self.put_count,
            "done": self.done_count, "came_again": self.order.came_again,
            "dead": self.dead_count, "dropped": self.dropped,
        }  # fmt: skip

    def close(self, error: CantorError) -> None:
        """Who waits hears why nothing comes any more."""
        self.tell()
        self._end = error
        for timer in (self._timer, self._teller):
            if timer is not None:
                timer.cancel()
        for _, told in self._takers.values():
            if not told.done():
                told.set_exception(error)
        self._changed.set()

    def tell(self) -> None:
        """Write what is remembered of takes, and what time it is."""
        self._teller = None
        if self._end is None and self.terms.durable:
            with suppress(StoreError):
                self._shelf.write(Part(TRIED, self.order.untold()))

    def came_late(self, n: int, size: int) -> None:
        """A dead letter of another queue."""
        self.order.came_late(n, size)
        self._look()

    def _check_open(self) -> None:
        if self._end is not None:
            raise self._end

    async def _write(self, kind: int, content: object, then: Callable[[Any], None]) -> None:
        """Write; ``then`` hears what came of it, also when nobody waits here any more."""
        told: asyncio.Future[None] = self._loop.create_future()

        def tell(outcome: Any) -> None:  # noqa: ANN401 (its own, or a StoreError)
            then(outcome)
            if isinstance(outcome, Exception):
                told.set_exception(outcome)
                told.exception()  # who waits may have gone
            else:
                told.set_result(None)

        self._shelf.write(Part(kind, content, tell))
        await asyncio.shield(told)

    def _put(self, put: Put, outcome: object) -> None:
        if not isinstance(outcome, Exception):
            self.put_count += len(put.messages)
            self.order.came([(one.n, len(one.body)) for one in put.messages], put.until)
            self._look()

    def _left(self, held: list[Held], outcome: object) -> None:
        if isinstance(outcome, Exception):
            for one in held:
                self.order.stay(one, self._shelf.now + self.terms.visible_s)
        else:
            self.done_count += len(held)
            for one in held:
                self.order.leave(one)
        self._stir()

    def _next(self, ask: int, count: int) -> list[Given]:
        given: list[Given] = []
        while not given and (held := self.order.take(count, TAKE_BYTES_MAX, self._shelf.now)):
            try:
                given = self._read(held)
            except StoreError:
                self.order.untake(held)
                raise
        if given:
            self._given[ask] = held
            self._given_count += len(held)
            while self._given_count > GIVEN_MAX and len(self._given) > 1:
                self._given_count -= len(self._given.popitem(last=False)[1])
            if self._teller is None and self.terms.durable:
                self._teller = self._loop.call_later(TELL_S, self.tell)
        self._stir()
        return given

    def _read(self, held: list[Held]) -> list[Given]:
        """What was taken, but for what is damaged or has gone."""
        found = self._shelf.messages(self.number, [one.n for one in held])
        given: list[Given] = []
        for one in held:
            message = found.get(one.n)
            if message is None:
                self.order.leave(one)
            elif message.is_damaged:
                self.order.acknowledge(one.n, one.take)
                self._leave(one, _DAMAGED, _as_value(message.body))
            else:
                given.append((one, message))
        return given

    def _untake(self, ask: int, told: asyncio.Future[list[Given]]) -> None:
        """Who waited has gone: what it would have got is for another."""
        if told.done() and not told.cancelled() and told.exception() is None:
            self._given_count -= len(self._given.pop(ask, ()))
            self.order.untake(held for held, _ in told.result())
            self._loop.call_soon(self._look)
        told.cancel()

    def _look(self) -> None:
        """What has become due comes again, and who waits gets what there is."""
        if self._end is not None:
            return
        self._bury(self.order.is_due(self._shelf.now))
        while self._takers:
            ask, (count, told) = next(iter(self._takers.items()))
            if not told.done():
                try:
                    given = self._next(ask, count)
                except StoreError as error:
                    told.set_exception(error)
                    told.exception()
                else:
                    if not given:
                        break
                    told.set_result(given)
            del self._takers[ask]
        self._stir()

    def _stir(self) -> None:
        """Wake who waits for a change, and be back when the next message is due."""
        self._changed.set()
        self._changed = asyncio.Event()
        due_at = self.order.due_at
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_at is not None:
            wait_s = min(max(0.0, due_at - self._shelf.now), TIME_S)
            self._timer = self._loop.call_later(wait_s, self._timed)

    def _timed(self) -> None:
        if self.order.due_at is not None and self.order.due_at > self._shelf.now:
            self.tell()
        self._look()

    def _bury(self, held: list[Held], *, is_given: bool = False) -> None:
        how = "given back" if is_given else "not acknowledged in time"
        for one in held:
            if one.state == GOES:
                self._leave(one, f"{how} in {one.tries} of {self.terms.tries_max} tries")

    def _leave(self, held: Held, why: str, body: bytes | None = None) -> None:
        """It goes to the dead letters, or is dropped if it has none."""
        letters = self._letters() if self.terms.dead_letters else None
        if letters is None and not self.terms.dead_letters:
            _log.warning("a message is dropped", extra={"queue": self.name, "why": why})
            remove = Part(REMOVE, Remove(self.number, [held.n], 1), partial(self._dropped, held))
            self._shelf.write(remove)
            return
        size = held.size if body is None else len(body)
        if letters is None or not letters.order.has_room(1, size):
            _log.warning("dead letters are full", extra={"queue": self.terms.dead_letters})
            self.order.stay(held, self._shelf.now + self.terms.visible_s)
            return
        letters.order.reserve(1, size)
        move = Move(self.number, held.n, letters.number, self._shelf.number(), self.name, why, body)
        self._shelf.write(Part(MOVE, move, partial(self._moved, held, letters, move, size)))

    def _dropped(self, held: Held, outcome: object) -> None:
        if isinstance(outcome, Exception):
            self.order.stay(held, self._shelf.now + self.terms.visible_s)
        else:
            self.dropped += 1
            self.order.leave(held)
        self._stir()

    def _moved(
        self, held: Held, letters: QueueDesk, move: Move, size: int, outcome: object
    ) -> None:
        if outcome is True:
            self.dead_count += 1
            letters.came_late(move.new, size)
        else:
            letters.order.release(1, size)
        if isinstance(outcome, Exception):
            self.order.stay(held, self._shelf.now + self.terms.visible_s)
        else:
            self.order.leave(held)
        self._stir()


def _as_value(damaged: bytes) -> bytes:
    """What is left of a message, as a value of bytes: it may be read by nobody as it is."""
    from cantor.bundles.values import pack  # seldom needed, and not by agents

    return pack_parts((pack(damaged, []),))
