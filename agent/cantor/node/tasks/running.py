"""Attempts that run on this node, for its own box and for others: granted, in a pool of workers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, NeedsError, RemoteProtocolError, UnavailableError
from cantor.base.secret_names import Cover
from cantor.bundles.code import is_id
from cantor.node.actors.lives import Lives
from cantor.node.tasks.listening import LAST, Telling
from cantor.node.tasks.outcomes import covered, with_work
from cantor.node.tasks.reports import Reports
from cantor.node.tasks.stages import stage_of
from cantor.node.tasks.turns import WorkerLine
from cantor.node.tasks.wheels import Dressing
from cantor.node.tasks.wording import (
    DROPPED,
    ENDED,
    FAILED,
    FELL,
    REFUSED,
    TOLD,
    WANTED,
    terms_from,
    value_of,
)
from cantor.node.tasks.workplaces import Workplaces
from cantor.scheduling.needs import parse
from cantor.scheduling.reach import can_ever
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.scheduling.tasks.hosting import Begin, End, Hosting, Key
from cantor.scheduling.tasks.story import task_id
from cantor.workers.failures import pack_failure
from cantor.workers.units import End as UnitEnd
from cantor.workers.units import Passed, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.base.ids import NodeId
    from cantor.node.actors.lives import Living
    from cantor.node.grants.reservation import Reservation
    from cantor.node.services import Node
    from cantor.node.settings import Work
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.nested import Nested
    from cantor.node.tasks.stages import Stage
    from cantor.node.tasks.wheels import Clothes
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.needs import Needs
    from cantor.scheduling.tasks.hosting import Effect
    from cantor.scheduling.tasks.records import Host
    from cantor.workers.apart import Principal
    from cantor.workers.pools import Pools
    from cantor.workers.units import Unit

CODES_BYTES_MAX = 256 * 1024 * 1024
"""Of code that came from others; what was not used for longest makes room."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One that was begun: it waits for its code, for its units, or runs."""

    key: Key
    code: str
    terms: Terms
    may_wait: bool
    parts: Parts
    principal: Principal
    unit: Unit | None = None
    pools: Pools | None = None
    """Where the unit is."""
    reservation: Reservation | None = None
    waiting: asyncio.Task[None] | None = None
    told: int = 0
    clothes: Clothes | None = None
    """The wheels that it imports from, if it brings any."""
    life: Living | None = None
    """What calls need that are made of it, if it is an actor."""
    secrets: dict[str, bytes] = field(default_factory=dict)
    """What it was given: it is covered in all that it says."""

    @property
    def task(self) -> str:
        """The id of its task."""
        return task_id(self.key.node, self.key.life, self.key.task)


class Running:
    """``own`` tells what this node has; what attempts submit themselves goes to ``children``."""

    def __init__(
        self,
        node: Node,
        work: Work,
        lines: Lines,
        own: Callable[[], Host | None],
        children: Nested,
    ) -> None:
        self._node = node
        self._work = work
        self._lines = lines
        self._own = own
        self._core = Hosting(node.life)
        self._attempts: dict[Key, Attempt] = {}
        self._codes: OrderedDict[str, Passed] = OrderedDict()
        self._wanting: dict[str, list[Attempt]] = {}
        self._places = Workplaces(node, work, children)
        self._reports = Reports()
        self._line = WorkerLine(node, work.workers, self._start, self._preempt)
        self._dressing = Dressing(node)
        self.lives = Lives(lines, self._attempts.get, self._report, self._reports.put)

    def start(self) -> None:
        """Start the workers that shall be warm."""
        self._reports.start()
        self._places.start()

    async def close(self) -> None:
        """End what runs, and the workers."""
        self._line.close()
        for attempt in list(self._attempts.values()):
            self._end(attempt)
        await self.lives.close()
        await self._places.close()

    @property
    def load(self) -> float:
        """Tasks for each worker; actors have a process each besides."""
        tasks = len(self._attempts) - self.lives.count
        return tasks / max(1, self._work.workers)

    def of_task(self, task: str) -> Attempt | None:
        """The attempt of a task that runs here."""
        return next((one for one in self._attempts.values() if one.task == task), None)

    def rows(self) -> list[Attempt]:
        """What is here now."""
        return list(self._attempts.values())

    def stages(self, source: NodeId) -> list[Stage]:
        """How far the attempts of a node's tasks are here."""
        mine = [one for one in self._attempts.values()
                if one.key.node == source and not one.terms.actor]  # fmt: skip
        return [stage_of(one, has_code=one.code in self._codes) for one in mine]

    def run(self, source: NodeId, message: Message, parts: Parts) -> None:
        """A node wants an attempt to run here.

        Raises:
            RemoteProtocolError: the message is odd.
        """
        _, life, task, number, for_life, code, told, may_wait = message
        key = Key(source, int(life), int(task), int(number))
        if type(code) is not str or not is_id(code):
            raise RemoteProtocolError("a task without code")
        terms = terms_from(told)
        principal = self._places.principal(source, terms, code)
        attempt = Attempt(key, code, terms, bool(may_wait), parts, principal)
        if not self._may_run(source):
            self._refuse(attempt, "unfit", f"{self._node.name} runs no code of this node")
            return
        for effect in self._core.asked(key, int(for_life)):
            if isinstance(effect, Begin):
                self._begin(attempt)
            else:
                self._carry_out((effect,))

    def abort(self, source: NodeId, message: Message, _: Parts) -> None:
        """Nobody wants an attempt any more."""
        _, life, task, number = message
        self._carry_out(self._core.called_off(Key(source, int(life), int(task), int(number))))

    def taken(self, source: NodeId, message: Message, _: Parts) -> None:
        """The caller of a stream has taken items."""
        _, life, task, number, count = message
        attempt = self._attempts.get(Key(source, life, task, number))
        if attempt is not None and attempt.unit is not None and attempt.pools is not None:
            attempt.pools.credit(attempt.unit, int(count))

    def learn(self, source: NodeId, message: Message, parts: Parts) -> None:
        """Code has come."""
        _, code = message
        if not self._may_run(source):
            return
        data = b"".join(bytes(part) for part in parts)
        if type(code) is not str or code in self._codes:
            return
        self._codes[code] = Passed(code, data)  # the worker looks whether it has that hash
        size = sum(len(known.data) for known in self._codes.values())
        while size > CODES_BYTES_MAX and len(self._codes) > 1:
            size -= len(self._codes.popitem(last=False)[1].data)
        for attempt in self._wanting.pop(code, ()):
            if self._core.is_running(attempt.key):
                self._begin(attempt)

    def gone(self, node: NodeId) -> None:
        """A submitter's node cannot be reached; if it comes back, it hears what was ended."""
        self._carry_out(self._core.gone(node), say=node != self._node.node_id)

    def _may_run(self, source: NodeId) -> bool:
        """Whether code of a node may run here: ``code.run`` of DESIGN 4.

        Links prove who sends, relayed messages are sealed, and the certificate says whose node it
        is.
        """
        node = self._node
        if source == node.node_id:
            return True
        is_ours = node.tenant_of(source) == node.tenant
        return self._work.code_run == "tenant" and is_ours and source in node.alive()

    def _begin(self, attempt: Attempt) -> None:
        self._attempts[attempt.key] = attempt
        code = self._codes.get(attempt.code)
        if code is None:
            self._wanting.setdefault(attempt.code, []).append(attempt)
            self._lines.tell(attempt.key.node, [WANTED, attempt.code])
            return
        self._codes.move_to_end(attempt.code)
        if not self._places.is_known(attempt.principal):
            attempt.waiting = asyncio.ensure_future(self._begin_later(attempt))
            return
        if why := self._places.why_not(attempt.principal):
            self._refuse(attempt, "unfit", f"{self._node.name} cannot run it: {why}")
            return
        if attempt.terms.wheels and attempt.clothes is None:
            attempt.waiting = asyncio.ensure_future(self._dress(attempt))
        else:
            self._ask_units(attempt)

    async def _dress(self, attempt: Attempt) -> None:
        """Have its wheels here. Bad ones are its result; without any, another node is asked."""
        try:
            attempt.clothes = await self._dressing.clothes(attempt.terms.wheels, attempt.key.node)
        except UnavailableError as error:
            self._refuse(attempt, "unfit", f"{self._node.name}: {error}")
        except CantorError as error:
            self._report(attempt, [FAILED, pack_failure(error)], ())
        else:
            self._ask_units(attempt)

    def _ask_units(self, attempt: Attempt) -> None:
        if not attempt.terms.needs:
            self._line.put(attempt)
            return
        needs, own = parse(attempt.terms.needs), self._own()
        if own is None or not can_ever(needs, own.resources, own.labels):
            why = needs.explain(own.resources, own.labels) if own is not None else ""
            self._refuse(attempt, "unfit", f"{self._node.name}: {why or 'it runs no tasks'}")
        elif not needs.takes_units and needs.satisfied_by(own.free, own.labels):
            self._line.put(attempt)
        else:
            attempt.waiting = asyncio.ensure_future(self._reserve(attempt, needs))

    async def _begin_later(self, attempt: Attempt) -> None:
        await self._places.known()
        attempt.waiting = None
        self._begin(attempt)

    async def _reserve(self, attempt: Attempt, needs: Needs) -> None:
        key, me = attempt.key, self._node.node_id
        name = f"task/{key.node[:8]}-{key.life}-{key.task}"
        try:
            reservation = attempt.reservation = self._node.reserve(
                name, key.attempt, {me: needs}, may_wait=attempt.may_wait,
                priority=-attempt.terms.priority,
                project=attempt.terms.project or DEFAULT_PROJECT,
                may_reclaim=not attempt.terms.at_most_once and not attempt.terms.is_life,
            )  # fmt: skip
            await reservation.held()
        except NeedsError as error:
            self._refuse(attempt, "unfit", str(error))
        except CantorError as error:
            self._refuse(attempt, "busy", str(error))
        else:
            reservation.on_change(lambda: self._held_on(attempt))
            self._line.put(attempt)

    def _held_on(self, attempt: Attempt) -> None:
        """What was granted is held no more, or owed to others: what uses it ends."""
        reservation = attempt.reservation
        if reservation is None or attempt.key not in self._attempts:
            return
        if reservation.is_lost:
            self._lines.tell(attempt.key.node, [DROPPED, *_named(attempt.key)])
            self._end(attempt)
        elif reservation.is_wanted_back:
            self._preempt(attempt, reservation.why)

    def _preempt(self, attempt: Attempt, why: str) -> None:
        """End it for another project; its submitter may begin it anew."""
        ended = [ENDED, UnitEnd.PREEMPTED.value, [None, None, why, False]]
        self._lines.tell(attempt.key.node, [TOLD, *_named(attempt.key), attempt.told, ended])
        self._end(attempt)

    def _start(self, attempt: Attempt) -> None:
        try:
            pools = attempt.pools = self._places.of(attempt.principal)
        except CantorError as error:
            self._refuse(attempt, "unfit", f"{self._node.name} cannot run it: {error}")
            return
        folders = "" if attempt.clothes is None else attempt.clothes.folders
        if attempt.terms.is_life:
            self.lives.begin(attempt, self._codes[attempt.code], pools, folders)
            return
        terms = _in_pool(attempt.terms, folders)
        body, buffers = value_of(attempt.parts)
        listener = _Telling(attempt.key, partial(self._report, attempt))
        attempt.parts = ()
        code = self._codes[attempt.code]
        held = None
        if attempt.reservation is not None:
            held = self._places.hold(attempt.reservation, terms.name)
        attempt.unit = pools.submit(code, body, buffers, listener, terms, held)

    def _refuse(self, attempt: Attempt, why: str, text: str) -> None:
        self._lines.tell(attempt.key.node, [REFUSED, *_named(attempt.key), why, text])
        self._forget(attempt)

    def _carry_out(self, effects: Iterable[Effect], *, say: bool = False) -> None:
        for effect in effects:
            attempt = self._attempts.get(effect.key)
            if isinstance(effect, End) and attempt is not None:
                if say:
                    self._lines.tell(effect.key.node, [DROPPED, *_named(effect.key)])
                self._end(attempt)

    def _end(self, attempt: Attempt) -> None:
        if attempt.unit is not None and attempt.pools is not None:
            attempt.pools.cancel(attempt.unit)
        if attempt.waiting is not None:
            attempt.waiting.cancel()
        self._forget(attempt)

    def _forget(self, attempt: Attempt, *, is_done: bool = False) -> None:
        self._core.ended(attempt.key)
        self._attempts.pop(attempt.key, None)
        self._line.ended(attempt, is_done=is_done)
        if attempt.clothes is not None:
            attempt.clothes.release()
        if attempt.life is not None:
            self.lives.end(attempt)
        elif attempt.reservation is not None and attempt.unit is None:
            attempt.reservation.drop()  # else the pool gives it back, when its worker has ended

    def _report(self, attempt: Attempt, message: Message, parts: Parts) -> None:
        """A thread of the pool tells something: the loop takes it."""
        self._reports.put(partial(self._reported, attempt, message, parts))

    def _reported(self, attempt: Attempt, message: Message, parts: Parts) -> None:
        if self._attempts.get(attempt.key) is not attempt:
            return
        if attempt.secrets:
            message = covered(Cover(attempt.secrets), message)
        if message[0] == FELL:
            message = self.lives.fallen(attempt, message)
        elif message[0] in LAST and attempt.unit is not None:
            message = with_work(message, attempt.unit.worker, attempt.unit.took_s)
        if message[0] in LAST:
            self._places.ended(attempt.code, message)
        told = [TOLD, *_named(attempt.key), attempt.told, message]
        attempt.told += 1
        self._lines.tell(attempt.key.node, told, parts)
        if message[0] in (*LAST, FELL):
            self._forget(attempt, is_done=True)


class _Telling(Telling):
    """Knows which task it is, for those that it submits."""

    __slots__ = ("_key",)

    def __init__(self, key: Key, tell: Callable[[Message, Parts], None]) -> None:
        super().__init__(tell)
        self._key = key

    @property
    def task(self) -> str:
        return task_id(self._key.node, self._key.life, self._key.task)


@lru_cache(maxsize=256)
def _in_pool(terms: Terms, folders: str) -> Terms:
    """The terms for the pool: it is granted already, and not tried again there."""
    return replace(terms, retries=0, needs="", folders=folders)


def _named(key: Key) -> tuple[int, int, int]:
    return key.life, key.task, key.attempt
