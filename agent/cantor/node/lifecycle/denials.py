"""The deny list on one node: heard from issuers, kept on the disk, and told to those that forgot.

Each issuer says the whole list as a lasting fact of its own. A node takes what the authority
signed, whoever says it. An issuer that was restored from a backup says less than nodes remember:
one of them sends it what it lacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import ConfigError, IdentityError, UnavailableError, reason_of
from cantor.base.ids import short_name
from cantor.identity.denials import DENIED, DenyList, said_by
from cantor.identity.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.identity.authority import Authority
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.statements import StatementReader
    from cantor.ledger.facts import Fact
    from cantor.node.services import Message, Node

REMIND_WITHIN_S = 10.0
PROOFS_MAX = 64
"""Statements in one reminder: each costs the loop half a millisecond."""
_log = logging.getLogger(__name__)


class Denials:
    """Who is denied, as this node knows it; ``changed`` is called when that has grown.

    With an ``authority`` this node is an issuer: it says the list, and may add to it.

    Raises:
        ConfigError: what was kept is damaged; starting without it would let denied nodes in.
    """

    def __init__(
        self,
        node: Node,
        reader: StatementReader,
        path: Path,
        *,
        authority: Authority | None = None,
        changed: Callable[[], None],
    ) -> None:
        self.known = DenyList()
        self.authority = authority
        self._node = node
        self._reader = reader
        self._path = path
        self._changed = changed
        self._is_kept = True
        self._heard: dict[NodeId, bytes] = {}
        self._reminders: dict[NodeId, asyncio.TimerHandle] = {}
        self._load()

    def start(self) -> None:
        """Listen to reminders; an issuer says what it knows."""
        self._node.on_message(DENIED, self._reminded)
        self.say()

    def close(self) -> None:
        """Send no reminder any more."""
        for timer in self._reminders.values():
            timer.cancel()

    def is_denied(self, peer: PeerIdentity) -> bool:
        """Whether links with this peer are refused."""
        return self.known.is_denied(peer.tenant, peer.node_id, peer.not_before)

    @property
    def issuers(self) -> frozenset[NodeId]:
        """The nodes that say a list which the authority signed as theirs."""
        own = {self._node.node_id} if self.authority is not None else set()
        return frozenset(self._heard) | own

    def heard(self, fact: Fact) -> None:
        """Take another node's fact named ``denied``."""
        if fact.owner == self._node.node_id or fact.value is None:
            return
        try:
            statement = self._reader.read(fact.value, DENIED)
            is_new = self.known.merge(statement)
        except IdentityError as error:
            extra = {"peer": short_name(fact.owner), "reason": str(error)}
            _log.warning("a deny list that proves nothing", extra=extra)
            return
        if is_new:
            self._grown_elsewhere()
        if said_by(statement) != fact.owner:
            return  # what an issuer said holds whoever repeats it, but makes nobody an issuer
        self._heard[fact.owner] = statement.packed
        if self.known.lacks(statement) and fact.owner not in self._reminders:
            delay_s = random.uniform(0.0, REMIND_WITHIN_S)  # noqa: S311 (no secret)
            loop = asyncio.get_running_loop()
            self._reminders[fact.owner] = loop.call_later(delay_s, self._remind, fact.owner)

    def evict(self, nodes: Collection[NodeId]) -> None:
        """Put nodes out until they come with a new token. Raises as ``ban``."""
        self.known.evict(self._issuing(), nodes, self._node.wall())
        self._grown()

    def ban(self, nodes: Collection[NodeId]) -> None:
        """Put nodes out for ever. On the disk, and said, when this returns.

        Raises:
            ConfigError: this node is no issuer.
            LocalProtocolError: the list is full.
            UnavailableError: they are out, but that cannot be written down.
        """
        new = [n for n in nodes if not self.known.is_banned(self._issuing().tenant, n)]
        if new:
            self.known.ban(self._issuing(), new, self._node.wall())
            self._grown()

    def allow(self, nodes: Collection[NodeId]) -> None:
        """Take a denial back. Raises as ``ban``."""
        self.known.allow(self._issuing(), nodes, self._node.wall())
        self._grown()

    def _issuing(self) -> Authority:
        if self.authority is None:
            raise ConfigError(
                "only an issuer may deny nodes",
                where=f"node {short_name(self._node.node_id)}",
                remedy="ask at the hub, or at the node where cantor mesh init was run",
            )
        return self.authority

    def _grown(self) -> None:
        """Whatever the disk does, who is denied is out."""
        self.say()
        self._changed()
        self._write()

    def _write(self) -> None:
        packed = [statement.packed for statement in self.known.statements()]
        self._is_kept = False
        try:
            write_durably(self._path, msgpack.packb(packed))
            self._is_kept = True
        except OSError as error:
            raise UnavailableError(
                f"who is denied cannot be written down: {reason_of(error)}",
                where=str(self._path),
                remedy="mend the disk before this node starts anew",
            ) from error

    def _grown_elsewhere(self) -> None:
        try:
            self._grown()
        except UnavailableError as error:
            _log.error("%s", error)

    def keep(self) -> None:
        """Write the list down, if the disk has refused that; ask often."""
        if not self._is_kept:
            with contextlib.suppress(UnavailableError):
                self._write()

    def say(self) -> None:
        """As an issuer: tell the mesh the whole list, signed anew, and who says it."""
        if self.authority is not None:
            whole = self.known.whole(self.authority, self._node.wall(), self._node.node_id)
            self._node.publish(DENIED, whole.packed, lasting=True)

    def _remind(self, issuer: NodeId) -> None:
        self._reminders.pop(issuer, None)
        try:
            said = self._reader.read(self._heard[issuer], DENIED)
        except IdentityError:  # its root is trusted no longer
            return
        if self.known.lacks(said):
            proofs = [proof.packed for proof in self.known.statements()]
            for first in range(0, len(proofs), PROOFS_MAX):
                self._node.send(issuer, DENIED, {}, tuple(proofs[first : first + PROOFS_MAX]))

    def _reminded(self, message: Message) -> None:
        is_new = False
        try:
            for part in message.body[:PROOFS_MAX]:
                is_new |= self._take(bytes(part))
        except IdentityError as error:
            extra = {"peer": short_name(message.source), "reason": str(error)}
            _log.warning("a reminder that proves nothing", extra=extra)
        if is_new:
            self._grown_elsewhere()

    def _take(self, proof: bytes) -> bool:
        return self.known.merge(self._reader.read(proof, DENIED))

    def _load(self) -> None:
        try:
            for proof in msgpack.unpackb(self._path.read_bytes()):
                self._take(proof)
        except FileNotFoundError:
            return
        except (ValueError, TypeError, msgpack.UnpackException, IdentityError) as error:
            raise ConfigError(
                "the list of denied nodes is damaged",
                where=str(self._path),
                remedy="restore the file, or remove it: the mesh tells the list again",
            ) from error
