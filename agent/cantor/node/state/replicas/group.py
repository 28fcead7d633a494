"""One member of a replica group on this node: the core, with its disk, the mesh and the clock."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId, short_name
from cantor.replication.core import Replica
from cantor.replication.events import (
    Answer,
    Apply,
    OpenSession,
    Read,
    Received,
    Refuse,
    Restore,
    Send,
    SendSnapshot,
    SnapshotTaken,
    Standing,
    Submit,
    TakeSnapshot,
    Tick,
    Write,
    WriteFailed,
    Written,
)
from cantor.replication.messages import Install, Letter
from cantor.replication.records import Snapshot
from cantor.replication.sessions import Sessions
from cantor.replication.settings import Settings
from cantor.replication.wording import encode_letter
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.services import Node
    from cantor.node.state.replicas.about import About
    from cantor.replication.events import Effect, Event, Why
    from cantor.replication.records import Client, Kept
    from cantor.replication.sessions import Machine, Outcome
    from cantor.stores.replica_log import ReplicaLog
    from cantor.wire.frame import Value

TOPIC = "replicas"
BULK = 2
SETTINGS = Settings(heartbeat_s=1.0, election_s=3.0)
"""After a power cut of a whole site, somebody owns a group again after some seconds."""
SNAPSHOT_S = 60.0
"""A snapshot that was not taken in this time is sent anew when it is asked for."""
_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The group does not do it, or not here."""

    def __init__(self, why: Why, owner: NodeId | None) -> None:
        super().__init__(why)
        self.why = why
        self.owner = owner


class Group:
    """On the event loop only. ``machine`` is what the group's commands change; ``changed`` is
    called after each that has, and ``stands`` with what this member may do.
    """

    def __init__(
        self,
        about: About,
        node: Node,
        kept: Kept,
        log: ReplicaLog,
        machine: Machine,
        random: Callable[[], float],
        *,
        changed: Callable[[], None],
        stands: Callable[[Standing], None],
    ) -> None:
        self.about = about
        self.standing: Standing | None = None
        self._node = node
        self._headers: dict[str, Value] = {"g": about.as_value()}
        self._log = log
        self._core = Replica(node.node_id, kept, random, SETTINGS)
        self._sessions = Sessions(machine)
        self._changed = changed
        self._stands = stands
        self._tickets = count(1)
        self._open: dict[int, asyncio.Future[Outcome]] = {}
        self._events: deque[Event] = deque()
        self._is_working = False
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, before anything else."""
        self._do(self._core.start(self._node.clock.monotonic()))
        self._work()

    async def close(self) -> None:
        """Do nothing more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        for future in self._open.values():
            future.cancel()

    def post(self, event: Event) -> None:
        """Something has happened."""
        if self._is_closed:
            return
        self._events.append(event)
        self._work()

    def heard(self, source: NodeId, letter: Letter) -> None:
        """A member has sent something."""
        self.post(Received(source, letter))

    async def submit(self, command: bytes, client: Client) -> Outcome:
        """What a command answers when it counts.

        Raises:
            RefusedError: it is not done, or nobody knows.
        """
        return await self._wait(lambda ticket: Submit(ticket, command, client))

    async def open_session(self) -> Outcome:
        """The number of a new session. Raises as :meth:`submit`."""
        return await self._wait(OpenSession)

    async def read(self) -> None:
        """Wait until the state has all that was acknowledged before. Raises as :meth:`submit`."""
        await self._wait(Read)

    async def _wait(self, event: Callable[[int], Event]) -> Outcome:
        ticket = next(self._tickets)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if self._is_closed:
            raise RefusedError("elsewhere", None)
        self._open[ticket] = future
        self.post(event(ticket))
        try:
            return await future
        finally:
            del self._open[ticket]

    def _work(self) -> None:
        """Take note of what has happened, one event after the other."""
        if self._is_working:
            return
        self._is_working = True
        try:
            while self._events:
                event = self._events.popleft()
                self._do(self._core.handle(event, self._node.clock.monotonic()))
        except CantorError as error:
            self._give_up(error)
            return
        finally:
            self._is_working = False
        self._set_timer()

    def _give_up(self, error: CantorError) -> None:
        """It was told what cannot be, so nothing that it says can be trusted from now on: the
        others go on without it.
        """
        extra = {"group": short_name(NodeId(self.about.id)), "reason": str(error)}
        _log.error("a copy has stopped until this agent is started again", extra=extra)
        self._is_closed = True
        self._events.clear()
        if self._timer is not None:
            self._timer.cancel()
        for future in self._open.values():
            if not future.done():
                future.set_exception(RefusedError("doubt", None))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due, now = self._core.due, self._node.clock.monotonic()
        if due < float("inf"):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - now), self.post, Tick())

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(node, letter):
                    self._send(node, letter)
                case Write():
                    self._write(effect)
                case Apply(entry, ticket):
                    outcome = self._sessions.apply(entry)
                    self._resolve(ticket, outcome)
                    self._changed()
                case Answer(ticket):
                    self._resolve(ticket, b"")
                case _:
                    self._do_seldom(effect)

    def _do_seldom(self, effect: Effect) -> None:
        match effect:
            case Refuse(ticket, why, owner):
                future = self._open.get(ticket)
                if future is not None and not future.done():
                    future.set_exception(RefusedError(why, owner))
            case SendSnapshot():
                self._send_snapshot(effect)
            case TakeSnapshot(index):
                self._events.append(SnapshotTaken(index, self._sessions.snapshot()))
            case Restore(snapshot):
                self._sessions.restore(snapshot.data)
                self._changed()
            case Standing():
                self.standing = effect
                self._stands(effect)

    def _resolve(self, ticket: int | None, outcome: Outcome) -> None:
        future = None if ticket is None else self._open.get(ticket)
        if future is not None and not future.done():
            future.set_result(outcome)

    def _send(self, node: NodeId, letter: Letter) -> None:
        """At most once: the core says again what is not confirmed."""
        self._node.send(node, TOPIC, self._headers, (encode_letter(letter),))

    def _send_snapshot(self, effect: SendSnapshot) -> None:
        def told(snapshot: object) -> None:
            if not isinstance(snapshot, Snapshot) or self._is_closed:
                return  # there is none, or the disk does not give it back: the core asks again
            letter = Letter(effect.birth, effect.to, Install(effect.epoch, effect.round, snapshot))
            task = asyncio.ensure_future(self._send_large(effect.node, letter))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

        self._log.snapshot(self.about.id, told)

    async def _send_large(self, node: NodeId, letter: Letter) -> None:
        try:
            await self._node.send_reliable(
                node, TOPIC, self._headers, (encode_letter(letter),), priority=BULK,
                timeout_s=SNAPSHOT_S,
            )  # fmt: skip
        except CantorError as error:
            extra = {"peer": short_name(node), "reason": str(error)}
            _log.info("a copy was not sent", extra=extra)

    def _write(self, write: Write) -> None:
        def told(outcome: object) -> None:
            failed = isinstance(outcome, StoreError)
            if failed:
                extra = {"group": short_name(NodeId(self.about.id)), "reason": str(outcome)}
                _log.error("the disk does not take what is kept with others", extra=extra)
            self.post(WriteFailed(write.serial) if failed else Written(write.serial))

        try:
            self._log.write(self.about.id, write, told)
        except StoreError:
            return  # the agent ends
