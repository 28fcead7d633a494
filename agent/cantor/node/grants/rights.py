"""Shared quantities on a running node: the rights that it has, and those that it gives.

Their owner says them in the lasting fact ``shared``, and who has rights in the fact ``rights``.
Every node that may have rights says where it is in ``shared`` too, so that it is known while away.
What is told between nodes may be lost: all of it is said again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.resources import Resource
from cantor.node.grants.journal_file import JournalFile
from cantor.node.grants.owning import ANSWER_TOPIC, RECALL_TOPIC, Owning
from cantor.node.grants.sharing import SHARED_FACT, Sharing, place_of, read_sharing
from cantor.node.services import Message
from cantor.scheduling.grants.claim import Ask
from cantor.scheduling.grants.events import Changed, Write, Written
from cantor.scheduling.grants.purse import Purse, Want
from cantor.scheduling.grants.reading import (
    answer_from_value,
    recall_from_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.grants.journal_file import Disk
    from cantor.node.services import Node
    from cantor.scheduling.grants import purse
    from cantor.scheduling.grants.events import WriteFailed
    from cantor.scheduling.grants.grantor import Grantor
    from cantor.wire.frame import Value

RIGHTS_NAME = "rights.journal"
ASK_TOPIC, TOLD_TOPIC = "rights.ask", "rights.told"
LOOK_S = 1.0
FACTS_S = 0.25
STIR_S = 0.01
TELL_S = 60.0
_log = logging.getLogger(__name__)


class Rights:
    """The rights of one node; ``restock`` is called when it has others than before.

    ``shared`` are the quantities that it owns; ``is_dead`` says of a node whether it was declared
    dead: denied for ever.
    """

    def __init__(
        self,
        node: Node,
        grantor: Callable[[], Grantor | None],
        restock: Callable[[], None],
        *,
        shared: Mapping[str, int],
        is_dead: Callable[[NodeId], bool],
        disk: Disk | None = None,
    ) -> None:
        self._node = node
        self._grantor = grantor
        self._restock = restock
        self._shared = dict(shared)
        self._is_dead = is_dead
        self._life = secrets.token_hex(8)
        self._disk = disk
        self._file = JournalFile(node.folder / RIGHTS_NAME, self._from_disk, disk=disk)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._purse = Purse(node.node_id, self._life, self._spare)
        self._owning: Owning | None = None
        self._sharing = Sharing({}, {}, {})
        self._alarm: asyncio.TimerHandle | None = None
        self._end: Callable[[], None] = lambda: None
        self._is_changed = True
        self._tell_s = 0.0

    def start(self, epoch: int) -> None:
        """Read what is kept, and begin.

        Raises:
            UnavailableError: a journal cannot be read.
        """
        self._loop = asyncio.get_running_loop()
        kept, _ = self._file.read()
        self._purse = Purse(self._node.node_id, self._life, self._spare, kept)
        self._read()
        if self._shared:
            self._owning = self._own(epoch)
        handlers = {
            ASK_TOPIC: self._asked,
            ANSWER_TOPIC: self._answered,
            RECALL_TOPIC: self._recalled,
            TOLD_TOPIC: self._told,
        }
        for topic, handler in handlers.items():
            self._node.on_message(topic, partial(self._heard, handler))
        self._end = self._node.subscribe(self._facts_changed)
        self._look()

    async def close(self) -> None:
        """Write down what is left."""
        self._end()
        if self._alarm is not None:
            self._alarm.cancel()
        self._loop = None
        await asyncio.to_thread(self._file.close)
        if self._owning is not None:
            await self._owning.close()

    def away(self) -> dict[str, int]:
        """How many units of shared quantities this node has no right to."""
        return {
            name: max(0, total - self._held(name)) for name, total in self._sharing.totals.items()
        }

    def elsewhere(self) -> dict[str, int]:
        """How many units other nodes have a right to: a hint."""
        free = {
            name: sum(pool.free for pool in self._sharing.pools.values() if pool.name == name)
            for name in self._sharing.totals
        }
        return {name: n for name, away in self.away().items() if (n := max(0, away - free[name]))}

    @property
    def sharing(self) -> Sharing:
        """What the mesh says of shared quantities."""
        return self._sharing

    def stir(self) -> None:
        """Somebody waits, or has got or given back something."""
        if self._sharing.totals or self._owning is not None:
            self._look_in(STIR_S)

    def count(self, nodes: int) -> dict[str, Value]:
        """All who may have rights of this owner have told, so many ``nodes``: give rights again.

        A person says how many, for this node itself may not have met all of them yet.

        Raises:
            ConfigError: this node shares nothing, or not so many have told.
        """
        if self._owning is None:
            raise ConfigError(
                "this node shares nothing",
                where="resources",
                remedy="ask at the node that was started with --shared",
            )
        everyone = self._sharing.everyone(self._node.node_id)
        return self._owning.count(nodes, {node for node in everyone if not self._is_dead(node)})

    def _own(self, epoch: int) -> Owning:
        is_known = any(pool.owner == self._node.node_id for pool in self._sharing.pools.values())
        return Owning(
            self._node, self._life, epoch, self._shared, send=self._send, stir=self.stir,
            is_known=is_known, disk=self._disk,
        )  # fmt: skip

    def _now(self) -> float:
        return self._node.clock.monotonic()

    def _held(self, name: str) -> int:
        return self._purse.held(name, {o for o in self._purse.owners if not self._is_dead(o)})

    def _spare(self, name: str) -> int | None:
        grantor = self._grantor()
        have = grantor.stock().have if grantor is not None and grantor.is_serving else None
        if grantor is None or have is None:
            return None
        there = sum(int(r.value) for r in have.resources if r.name == name and r.kind == "quantity")
        own = there - self._sharing.totals.get(name, 0)
        return int(own + self._held(name) - grantor.stock().taken(name))

    def _wants(self, names: Iterable[str]) -> dict[str, Want]:
        wants: dict[str, Want] = {}
        listed, grantor = list(names), self._grantor()
        for reserve in grantor.waiting if grantor is not None and listed else ():
            for name, units in grantor.stock().wanted(reserve.needs, listed).items():  # type: ignore[union-attr]
                before = wants.get(name, Want(0, reserve.priority, reserve.project))
                wants[name] = before._replace(units=before.units + units)
        return wants

    def _look_in(self, pause_s: float) -> None:
        loop = self._loop
        if loop is None:
            return
        if self._alarm is None or self._alarm.when() > loop.time() + pause_s:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = loop.call_later(pause_s, self._look)

    def _facts_changed(self) -> None:
        self._is_changed = True
        self._look_in(FACTS_S)

    def _look(self) -> None:
        """Read the facts if they have changed; ask, recall, give back and tell what is due."""
        self._alarm = None
        if self._is_changed:
            self._read()
        sharing, now = self._sharing, self._now()
        alive = self._node.alive()
        pools = [pool for pool in sharing.pools.values() if pool.owner in alive]
        self._do(self._purse.look(pools, self._wants(sharing.totals), now))
        if now >= self._tell_s:
            self._tell_s = now + TELL_S
            for owner in {pool.owner for pool in pools}:
                self._tell_owner(owner, "")
        if self._owning is not None:
            self._owning.look(sharing.everyone(self._node.node_id) & alive, self._is_dead)
        if sharing.totals or self._purse.owners or self._owning is not None:
            self._look_in(LOOK_S)

    def _read(self) -> None:
        self._is_changed = False
        before = self._sharing
        self._sharing = read_sharing(self._node.facts(""), self._node, self._is_dead)
        if before.totals != self._sharing.totals:
            totals = self._sharing.totals.items()
            self._node.offer("shared", (), [Resource(n, "quantity", t) for n, t in totals])
            if totals and not self._shared:
                self._node.publish(SHARED_FACT, place_of(self._node, {}), lasting=True)
        if before.pools != self._sharing.pools:
            self._restock()
        if self._sharing.pools.keys() - before.pools.keys():
            self._tell_s = 0.0

    def _do(self, effects: list[purse.Effect]) -> None:
        """What the purse wants; before all else, no more is granted than it has rights to."""
        if any(isinstance(effect, Changed) for effect in effects):
            self._restock()
            self.stir()
        for effect in effects:
            if isinstance(effect, Write):
                self._file.append(effect.number, effect.record)
            elif isinstance(effect, Ask):
                self._send(effect.node, ASK_TOPIC, effect.asked.as_value())

    def _from_disk(self, event: Written | WriteFailed) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended before the disk
                self._loop.call_soon_threadsafe(self._written, event)

    def _written(self, event: Written | WriteFailed) -> None:
        self._do(self._purse.written(event.number, is_done=isinstance(event, Written)))

    def _send(self, node: NodeId, topic: str, headers: dict[str, Value]) -> None:
        if node == self._node.node_id:
            here = {ASK_TOPIC: self._asked, ANSWER_TOPIC: self._answered}
            handler = {**here, RECALL_TOPIC: self._recalled, TOLD_TOPIC: self._told}[topic]
            message = Message(node, headers)
            asyncio.get_running_loop().call_soon(self._heard, handler, message)
        else:
            self._node.send(node, topic, headers, priority=0)

    def _heard(self, handler: Callable[[Message], None], message: Message) -> None:
        if self._loop is None:
            return
        try:
            handler(message)
        except RemoteProtocolError as error:
            extra = {"peer": message.source, "reason": str(error)}
            _log.warning("odd words about rights", extra=extra)

    def _asked(self, message: Message) -> None:
        if self._owning is not None and self._may_hold(message.source):
            self._owning.asked(message)

    def _answered(self, message: Message) -> None:
        answer = answer_from_value(message.headers)
        self._do(self._purse.answered(message.source, answer))

    def _recalled(self, message: Message) -> None:
        name, units, life = recall_from_value(message.headers)
        self._do(self._purse.recalled(message.source, name, units))
        self._tell_owner(message.source, life)

    def _told(self, message: Message) -> None:
        if self._owning is not None and self._may_hold(message.source):
            self._owning.told(message)

    def _may_hold(self, node: NodeId) -> bool:
        return node in self._sharing.everyone(self._node.node_id) and not self._is_dead(node)

    def _tell_owner(self, owner: NodeId, life: str) -> None:
        rights: list[Value] = [dict(one.as_value()) for one in self._purse.told(owner)]
        self._send(owner, TOLD_TOPIC, {"life": life, "rights": rights})
