"""What a node grants of its own quantities, and what it holds of its own and of others'.

Questions and answers are messages that may be lost: claims ask again until they know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.node.grants.hints import Hints
from cantor.node.grants.journal_file import JournalFile
from cantor.node.grants.offers import stock_of
from cantor.node.grants.reservation import Reservation
from cantor.node.grants.rights import Rights
from cantor.node.grants.showing import SHOW_TOPIC, Shown, Waiter, ask_shown
from cantor.node.services import Reply
from cantor.node.shares.shares import Shares
from cantor.scheduling.grants import claim as claims
from cantor.scheduling.grants.claim import Claim
from cantor.scheduling.grants.events import Tell, Tick, Write
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.reading import answer_from_value, asked_from_value
from cantor.scheduling.grants.records import TASK_CHARACTERS_MAX, TTL_DEFAULT_S, Granted, Release
from cantor.scheduling.grants.records import answer_value as packed
from cantor.scheduling.shares.terms import DEFAULT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cantor.base.ids import NodeId
    from cantor.base.resources import Device, Resource
    from cantor.node.grants.journal_file import Disk
    from cantor.node.services import Message, Node
    from cantor.scheduling.grants.events import Event, WriteFailed, Written
    from cantor.scheduling.grants.records import Answer, Asked
    from cantor.scheduling.grants.stock import Have
    from cantor.scheduling.needs import Needs

JOURNAL_NAME = "grants.journal"
ASK_TOPIC, ANSWER_TOPIC = "grants.ask", "grants.answer"
OWN_TTL_S = 3.0
"""How long the processes of an agent that was killed may need to end: then their units are free."""
ALARM_MIN_S = 0.001
_log = logging.getLogger(__name__)


class Grants:
    """The grants of one node. Everything but the journal's thread is on the event loop."""

    def __init__(
        self,
        node: Node,
        *,
        epoch: int,
        disk: Disk | None = None,
        rights_disk: Disk | None = None,
        shared: Mapping[str, int] | None = None,
        is_dead: Callable[[NodeId], bool] = lambda _: False,
    ) -> None:
        """``epoch`` counts the starts of the node; it is on the disk already.

        ``shared`` and ``is_dead`` are those of :class:`Rights`.
        """
        self._node = node
        self._epoch = epoch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._file = JournalFile(node.folder / JOURNAL_NAME, self._from_disk, disk=disk)
        self._grantor: Grantor | None = None
        self._claims: dict[tuple[str, int], tuple[Claim, Reservation]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = math.inf
        self._have: Have | None = None
        self.rights = Rights(
            node,
            lambda: self._grantor,
            self._restock,
            shared=shared or {},
            is_dead=is_dead,
            disk=rights_disk,
        )
        self.shares = Shares(node, epoch)
        self._hints = Hints(node, lambda: self._grantor, self.rights.elsewhere)

    def start(self) -> None:
        """Read the journal, begin a life, and answer; nothing if it has begun.

        Raises:
            UnavailableError: the journal cannot be read.
        """
        if self._grantor is not None:
            return
        self._loop = asyncio.get_running_loop()
        kept, is_there = self._file.read()
        is_lost = not is_there and self._epoch > 1
        if is_lost or kept.is_lost or not kept.is_whole:
            _log.warning("what this node had granted is not known", extra={"epoch": self._epoch})
        epoch = max(self._epoch, kept.epoch + 1)
        self._grantor = Grantor(
            self._node.node_id, epoch, self._now(), kept, is_lost, self.shares.order
        )
        self.shares.start()
        self._node.on_message(ASK_TOPIC, self._asked)
        self._node.on_message(ANSWER_TOPIC, self._answered)
        self._node.answer(SHOW_TOPIC, lambda _: Reply(self.shown().as_value()))
        self._tell(Tick())
        if self._have is not None:
            self._tell(self._have)
        self.rights.start(epoch)

    async def close(self) -> None:
        """Give back what is held, and write that down."""
        for _, reservation in list(self._claims.values()):
            reservation.drop()
        if self._alarm is not None:
            self._alarm.cancel()
        self._hints.close()
        self.shares.close()
        await asyncio.to_thread(self._file.close)
        await self.rights.close()
        self._grantor = None

    def offer(self, devices: Sequence[Device], resources: Sequence[Resource]) -> None:
        """What the node has now."""
        self._have = stock_of(devices, resources, self._node.labels)
        self._restock()

    def projects_changed(self) -> None:
        """Other projects are declared, or may have other amounts."""
        self.shares.look_soon()
        self._restock()

    def _restock(self) -> None:
        """Grant of what there is, less what this node has no right to."""
        if self._have is not None:
            self._have = replace(self._have, away=self.rights.away())
        if self._have is not None and self._grantor is not None:
            self._tell(self._have)
            self._hints.soon()

    def reserve(
        self,
        task: str,
        attempt: int,
        wants: Mapping[NodeId, Needs],
        *,
        priority: int = 0,
        project: str = DEFAULT_PROJECT,
        may_wait: bool = True,
        may_reclaim: bool = False,
    ) -> Reservation:
        """Begin to reserve; the reservation tells how it goes on.

        Raises:
            ConfigError: this attempt reserves already, or has no usable name.
        """
        if not 0 < len(task) <= TASK_CHARACTERS_MAX or (task, attempt) in self._claims:
            raise ConfigError("this attempt reserves already, or its name is too long", where=task)
        if len(project) > TASK_CHARACTERS_MAX:
            raise ConfigError("the name of its project is too long", where=task)
        own = set(wants) == {self._node.node_id}
        claim = Claim(
            self._node.node_id,
            task,
            attempt,
            dict(wants),
            OWN_TTL_S if own else TTL_DEFAULT_S,
            priority,
            project,
            may_wait,
            self._node.wall(),
            may_reclaim,
        )
        reservation = Reservation(claim, self._now, lambda: self._drop(claim))
        self._claims[(task, attempt)] = claim, reservation
        self._follow(claim, reservation, claim.tick(self._now()))
        return reservation

    def shown(self) -> Shown:
        """What is granted and who waits, for people."""
        if self._grantor is None:
            return Shown()
        waiting = (
            Waiter(one.key.task, one.holder, one.project, str(one.needs), one.now)
            for one in self._grantor.waiting
        )
        return Shown(tuple(self._grantor.leases), tuple(waiting), self.rights.elsewhere())

    async def shown_by(self, node: NodeId) -> Shown | None:
        """What any node shows; None if it cannot be asked now."""
        if node == self._node.node_id:
            return self.shown()
        return await ask_shown(self._node, node) if node in self._node.alive() else None

    def end_former(self, prefix: str) -> None:
        """Give back what this node held in a former life under names that begin so."""
        leases = self._grantor.leases if self._grantor else []
        for lease in leases:
            is_former = lease.holder == self._node.node_id and lease.epoch < self._epoch
            if is_former and lease.key.task.startswith(prefix):
                self._tell(Release(lease.key, lease.holder))

    def _now(self) -> float:
        return self._node.clock.monotonic()

    def _drop(self, claim: Claim) -> None:
        found = self._claims.get((claim.task, claim.attempt))
        if found is not None:
            self._follow(*found, claim.drop(self._now()))

    def _from_disk(self, event: Written | WriteFailed) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended before the disk
                self._loop.call_soon_threadsafe(self._tell, event)

    def _tell(self, event: Event) -> None:
        if self._grantor is None:
            return
        for effect in self._grantor.handle(event, self._now()):
            if isinstance(effect, Write):
                self._file.append(effect.number, effect.record)
            elif isinstance(effect, Tell):
                self._answer(effect.holder, effect.answer)
        self._hints.soon()
        self.shares.soon()
        self._wake_at(self._grantor.wake_s)
        self.rights.stir()

    def _answer(self, holder: NodeId, answer: Answer) -> None:
        if holder == self._node.node_id:
            asyncio.get_running_loop().call_soon(self._heard, holder, answer)
        else:
            self._node.send(holder, ANSWER_TOPIC, packed(answer), priority=0)

    def _heard(self, node: NodeId, answer: Answer) -> None:
        found = self._claims.get((answer.key.task, answer.key.attempt))
        if found is not None:
            self._follow(*found, found[0].answered(node, answer, self._now()))
        elif isinstance(answer, Granted):  # to a claim that is over
            self._ask(node, Release(answer.key, self._node.node_id))

    def _follow(
        self, claim: Claim, reservation: Reservation, effects: Sequence[claims.Effect]
    ) -> None:
        for effect in effects:
            if isinstance(effect, claims.Ask):
                self._ask(effect.node, effect.asked)
            else:
                reservation.heard(effect)
        if claim.state == "over":
            self._claims.pop((claim.task, claim.attempt), None)
        else:
            self._wake_at(claim.wake_s)

    def _ask(self, node: NodeId, asked: Asked) -> None:
        if node == self._node.node_id:
            self._tell(asked)
        else:
            self._node.send(node, ASK_TOPIC, asked.as_value(), priority=0)

    def _asked(self, message: Message) -> None:
        try:
            asked = asked_from_value(message.headers, message.source, self._node.wall())
        except RemoteProtocolError as error:
            _log.warning("an odd question", extra={"peer": message.source, "reason": str(error)})
            return
        self._tell(asked)

    def _answered(self, message: Message) -> None:
        try:
            answer = answer_from_value(message.headers)
        except RemoteProtocolError as error:
            _log.warning("an odd answer", extra={"peer": message.source, "reason": str(error)})
            return
        self._heard(message.source, answer)

    def _wake_at(self, due_s: float) -> None:
        """Wake then, if not before."""
        if due_s >= self._alarm_s:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_s = due_s
        pause_s = max(ALARM_MIN_S, due_s - self._now())
        self._alarm = asyncio.get_running_loop().call_later(pause_s, self._wake)

    def _wake(self) -> None:
        """Look at everything that is due, and when the next is."""
        self._alarm, self._alarm_s = None, math.inf
        for claim, reservation in list(self._claims.values()):
            if claim.wake_s <= self._now():
                self._follow(claim, reservation, claim.tick(self._now()))
        self._tell(Tick())
        self._wake_at(min((claim.wake_s for claim, _ in self._claims.values()), default=math.inf))
