"""Shared quantities that a node owns: the rights that it gives, on its disk before it tells them.

Rights are counted by a :class:`Book`; what is said here is said on the wire by ``send``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.resources import Resource
from cantor.node.grants.journal_file import JournalFile
from cantor.node.grants.sharing import RIGHTS_FACT, SHARED_FACT, place_of
from cantor.scheduling.grants.book import Book, Recall
from cantor.scheduling.grants.events import Changed, Tell, Write
from cantor.scheduling.grants.purse import owner_of
from cantor.scheduling.grants.reading import asked_from_value, lease_from_value
from cantor.scheduling.grants.records import FOR_EVER_S, Reserve, answer_value
from cantor.scheduling.grants.stock import Have

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.grants.journal_file import Disk
    from cantor.node.services import Message, Node
    from cantor.scheduling.grants import book
    from cantor.scheduling.grants.events import WriteFailed, Written
    from cantor.wire.frame import Value

BOOK_NAME = "shared.journal"
ANSWER_TOPIC, RECALL_TOPIC = "rights.answer", "rights.recall"
SILENT_NAMED_MAX = 8
_log = logging.getLogger(__name__)


class Owning:
    """The owner's side of one node in one of its lives; it begins with what its journal says.

    ``send`` says something to a node, ``stir`` is called when something has changed, and
    ``is_known`` that the mesh knows of quantities that this node shares: then there is a journal,
    or it was lost.
    """

    def __init__(
        self,
        node: Node,
        life: str,
        epoch: int,
        shared: Mapping[str, int],
        *,
        send: Callable[[NodeId, str, dict[str, Value]], None],
        stir: Callable[[], None],
        is_known: bool,
        disk: Disk | None = None,
    ) -> None:
        """Begin.

        Raises:
            UnavailableError: the journal cannot be read.
        """
        self._node = node
        self._life = life
        self._shared = dict(shared)
        self._send = send
        self._stir = stir
        self._said: Value = None
        self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        self._file = JournalFile(node.folder / BOOK_NAME, self._from_disk, disk=disk)
        kept, is_there = self._file.read()
        is_lost = is_known and not is_there
        me, begun = node.node_id, max(epoch, kept.epoch + 1)
        self._book = Book(me, life, begun, self._now(), kept, is_lost)
        if self._book.is_frozen:
            _log.warning(
                "what rights this node had given is not known: cantor resources --count NODES"
            )
        have = tuple(Resource(name, "quantity", total) for name, total in self._shared.items())
        self._note(self._book.handle(Have(have, {}, {}), self._now()))

    async def close(self) -> None:
        """Write down what is left."""
        self._loop = None
        await asyncio.to_thread(self._file.close)

    def count(self, nodes: int, everyone: Collection[NodeId]) -> dict[str, Value]:
        """All who may have rights have told, so many ``nodes``: give rights again.

        Raises:
            ConfigError: not so many have told, or one of ``everyone`` has not.
        """
        book = self._book
        silent = set(everyone) - book.told
        if book.is_frozen and (silent or book.is_writing or len(book.told) < nodes):
            names = {view.id: view.name for view in self._node.nodes()}
            listed = ", ".join(names.get(n, n) for n in sorted(silent)[:SILENT_NAMED_MAX])
            raise ConfigError(
                f"{len(book.told)} of {nodes} nodes have told what rights they have"
                + (f", but not {listed}" if listed else ""),
                where="resources",
                remedy="start the others, or declare them dead: cantor node deny NAME --for-ever",
            )
        self._note(book.count(self._now()))
        return {"held": len(book.leases)}

    def look(self, members: Collection[NodeId], is_dead: Callable[[NodeId], bool]) -> None:
        """Recall what others wait for from ``members``, who are reached; say who has how much."""
        dead = {holder for lease in self._book.leases if is_dead(holder := lease.holder)}
        self._note(self._book.look(members, dead, self._now()))
        if self._book.is_begun:
            self._say()

    def asked(self, message: Message) -> None:
        """A node asks for a right, or gives one back.

        Raises:
            RemoteProtocolError: it asks nothing about rights.
        """
        asked = asked_from_value(message.headers, message.source, self._node.wall())
        if owner_of(asked.key) == self._node.node_id:
            if isinstance(asked, Reserve):
                asked = replace(asked, ttl_s=FOR_EVER_S)
            self._note(self._book.handle(asked, self._now()))

    def told(self, message: Message) -> None:
        """A node tells which rights it has.

        Raises:
            RemoteProtocolError: it tells none.
        """
        listed, life = message.headers.get("rights"), message.headers.get("life")
        if not isinstance(listed, list) or not isinstance(life, str):
            raise RemoteProtocolError("it tells no rights")
        leases = [lease_from_value(one) for one in listed if isinstance(one, dict)]
        mine = [one for one in leases if owner_of(one.key) == self._node.node_id]
        self._note(self._book.heard(message.source, mine, life, self._now()))

    def _now(self) -> float:
        return self._node.clock.monotonic()

    def _say(self) -> None:
        """Say what is shared, now that its journal is there; and who has how much."""
        held: dict[str, dict[str, Value]] = {name: {} for name in self._shared}
        for lease in self._book.leases:
            for name in lease.taken:
                of = held.setdefault(name, {})
                of[lease.holder] = int(str(of.get(lease.holder, 0))) + 1
        free = self._book.free
        rights: Value = {
            name: {"free": free.get(name, 0), "held": of, "frozen": self._book.is_frozen}
            for name, of in held.items()
        }
        if rights != self._said:
            if self._said is None:
                place = place_of(self._node, self._shared)
                self._node.publish(SHARED_FACT, place, lasting=True)
            self._said = rights
            self._node.publish(RIGHTS_FACT, rights)

    def _note(self, effects: Iterable[book.Effect]) -> None:
        for effect in effects:
            match effect:
                case Write(number, record):
                    self._file.append(number, record)
                case Tell(holder, answer):
                    self._send(holder, ANSWER_TOPIC, answer_value(answer))
                case Recall(holder, name, units):
                    asked: dict[str, Value] = {"name": name, "units": units, "life": self._life}
                    self._send(holder, RECALL_TOPIC, asked)
                case Changed():
                    self._stir()

    def _from_disk(self, event: Written | WriteFailed) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended before the disk
                self._loop.call_soon_threadsafe(self._written, event)

    def _written(self, event: Written | WriteFailed) -> None:
        self._note(self._book.handle(event, self._now()))
        self._stir()
