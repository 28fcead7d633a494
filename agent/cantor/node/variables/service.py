"""The variables of this node's tenant: kept here, and shared with the other nodes.

Every node has all of them. What is set here leaves at once for the neighbours, and is acknowledged
when it is on this disk; what others have set is on this disk a moment later. Only nodes of the same
tenant are sent any, and only theirs are taken: as certificates say, over links that TLS or seals
hide from all others.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.ledger.variables.branches import neighbours
from cantor.ledger.variables.replica import Limits, Replica
from cantor.ledger.variables.spreading import Message, Spreading
from cantor.mesh.pace import NEVER, Pace
from cantor.node.loop import settle, soon_on
from cantor.node.tenants import alive_of_tenant
from cantor.node.variables.recent import Recent
from cantor.node.variables.transfers import Transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.ledger.variables.entry import Entry
    from cantor.node.services import Call, Node
    from cantor.node.services import Message as Received
    from cantor.stores.variable_store import VariableStore

TOPIC = "variables"
FACT = "variables"
"""Nodes that say it have them; those of older versions do not."""
VERSION = 1
FLUSH_S = 0.2
"""What others have set is written so long after: a burst is one write, which spares flash."""
URGENT_BYTES = 4096
"""What is larger must not hold up what keeps links alive."""
AGAIN_S = 2.0
LOOK_S = 0.05
LOOK_MAX_S = 1.0
FILE_NAME = "variables.db"
"""As in the store, whose code is not loaded before there is something to keep."""
_log = logging.getLogger(__name__)


class Variables:
    """The service ``variables`` of a node. On the event loop only."""

    def __init__(self, node: Node, limits: Limits | None = None) -> None:
        self._node = node
        self._limits = limits or Limits()
        self.spreading = Spreading(Replica(node.node_id, limits=self._limits))
        self.recent = Recent()
        self._store: VariableStore | None = None
        self._failure: CantorError | None = None
        self._transfers = Transfers(node, TOPIC)
        self._unsaved: dict[str, None] = {}
        self._gone: list[str] = []
        self._flush_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = NEVER
        self._looking = Pace(LOOK_S, LOOK_MAX_S)
        self._look_timer: asyncio.TimerHandle | None = None
        self._end: Callable[[], None] = lambda: None
        self._is_closed = False

    async def start(self) -> None:
        """Read what is kept, and share it."""
        if (self._node.folder / FILE_NAME).exists():
            try:
                entries, horizon = await asyncio.to_thread(self._open().load)
            except CantorError as error:
                self._failure = error
                _log.exception("this node shares no variables")
                return
            replica = Replica(self._node.node_id, entries, horizon=horizon, limits=self._limits)
            self.spreading = Spreading(replica)
            self.recent.begin(replica.entries)
        self._node.on_message(TOPIC, self._heard)
        self._node.publish(FACT, VERSION)
        self._end = self._node.subscribe(self._stirred)
        self._stirred()

    async def close(self) -> None:
        """Write what is left."""
        self._is_closed = True
        self._end()
        for timer in (self._timer, self._look_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self.recent.close()
        await self._transfers.close()
        self._flush()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    def calls(self) -> Mapping[str, Call]:
        """Programs ask through their connection: see ``cantor.node.variables.kind``."""
        return {}

    @property
    def replica(self) -> Replica:
        """All variables.

        Raises:
            StoreError: what this node keeps of them cannot be read.
        """
        if self._failure is not None:
            raise self._failure
        return self.spreading.replica

    async def set(self, name: str, value: bytes | None) -> Entry | None:
        """Set a variable, or delete it (``None``); it is on the disk when this returns.

        None if there is none to delete.

        Raises:
            ConfigError: the name or the size cannot be.
            UnavailableError: there is no room, or this node's clock is wrong.
            StoreError: the disk does not take it; other nodes may have it all the same.
        """
        if self.replica.entries.get(name) is None and value is None:
            return None
        if self._is_closed:
            raise UnavailableError("the node ends", where=self._node.name)
        store = self._open()
        entry = self.spreading.set(name, value, self._now(), self._node.wall())
        if entry is None:
            return None
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._follow()
        self._unsaved.pop(name, None)
        store.save([entry], (), self.spreading.replica.horizon, partial(settle, told))
        await asyncio.shield(told)
        return entry

    def _open(self) -> VariableStore:
        """The store; its code is loaded when there is something to keep."""
        if self._store is None:
            from cantor.stores.variable_store import VariableStore

            soon = soon_on(asyncio.get_running_loop())
            self._store = VariableStore(self._node.folder, soon)
        return self._store

    def _now(self) -> float:
        return self._node.clock.monotonic()

    def _heard(self, message: Received) -> None:
        """A message of another node: only those of the same tenant have a say."""
        told = self._node.tenant_of(message.source)
        if told != self._node.tenant:
            self.spreading.counters["foreign"] += 1
            if not told:  # its facts are refused: this node's clock may be why
                self._hear_clock(message)
            return
        try:
            self.spreading.heard(
                message.source, message.headers, message.body, self._now(), self._node.wall()
            )
        except RemoteProtocolError as error:
            self.spreading.counters["malformed"] += 1
            source = short_name(message.source)
            _log.info("no variables", extra={"source": source, "reason": str(error)})
        self._follow()

    def _hear_clock(self, message: Received) -> None:
        wall_ms = message.headers.get("w")
        if type(wall_ms) is int:
            now, wall_s = self._now(), self._node.wall()
            self.spreading.clocks.told(message.source, wall_ms / 1000, wall_s, now)

    def _stirred(self) -> None:
        """Facts or liveness have changed: look soon who the neighbours are."""
        now = self._now()
        self._looking.ask(now)
        if self._look_timer is None:
            loop = asyncio.get_running_loop()
            self._look_timer = loop.call_later(self._looking.due_at - now, self._look)

    def _look(self) -> None:
        self._look_timer = None
        self._looking.ran(self._now())
        node = self._node
        speaking = {fact.owner for fact in node.facts(FACT) if fact.name == FACT}
        members = (alive_of_tenant(node) & speaking) | {node.node_id}
        near = neighbours(node.node_id, node.graph.tree.branches, members)
        self.spreading.around(near, sorted(members), self._now(), node.wall())
        self._follow()

    def _woken(self) -> None:
        self._timer, self._wakes_at = None, NEVER
        self.spreading.do_due(self._now(), self._node.wall(), may_forget=self._is_whole())
        self._follow()

    def _is_whole(self) -> bool:
        """Whether most nodes of the tenant that are known can be reached."""
        node = self._node
        known = {f.owner for f in node.facts(FACT) if node.tenant_of(f.owner) == node.tenant}
        return 2 * len(known & node.alive()) > len(known)

    def _follow(self) -> None:
        """Carry out what the core wants, and be woken when something is due."""
        self._send(self.spreading.take_messages())
        changed, gone = self.spreading.take_changed()
        if changed:
            self.recent.changed(changed)
            self._unsaved.update(dict.fromkeys(entry.name for entry in changed))
        self._gone += gone
        self.recent.gone(gone)
        if (changed or gone) and self._flush_timer is None and not self._is_closed:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(FLUSH_S, self._flush)
        due = self.spreading.next_due()
        if due < self._wakes_at and not self._is_closed:
            if self._timer is not None:
                self._timer.cancel()
            self._wakes_at = due
            delay_s = max(0.0, due - self._now())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._woken)

    def _send(self, messages: list[Message]) -> None:
        for message in messages:
            if message.is_large:
                continue
            is_urgent = sum(map(len, message.body)) <= URGENT_BYTES and not message.is_repair
            priority = 0 if is_urgent else 1
            if not self._node.send(
                message.to, TOPIC, message.headers, message.body, priority=priority
            ):
                self.spreading.not_sent(message.to, self._now())
        self._transfers.add(message for message in messages if message.is_large)

    def _flush(self) -> None:
        """Write what others have set, as it is now."""
        self._flush_timer = None
        entries = self.spreading.replica.entries
        saved = [entries[name] for name in self._unsaved if name in entries]
        gone = [name for name in self._gone if name not in entries]
        if saved or gone:
            try:
                self._open().save(saved, gone, self.spreading.replica.horizon, _written)
            except CantorError as error:
                _written(error)
                if not self._is_closed:
                    self._flush_timer = asyncio.get_running_loop().call_later(AGAIN_S, self._flush)
                return
        self._unsaved.clear()
        self._gone.clear()


def _written(outcome: CantorError | None) -> None:
    if outcome is not None:
        _log.warning("variables wait for the disk", extra={"reason": str(outcome)})
