"""A small replica group whose messages arrive at once, for tests that go step by step."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from cantor.base.ids import NodeId
from cantor.replication.core import Replica
from cantor.replication.events import (
    Answer,
    Apply,
    Effect,
    Event,
    Found,
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
from cantor.replication.records import Kept
from cantor.replication.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

A, B, C, D = (NodeId(letter * 32) for letter in "abcd")
SETTINGS = Settings(compact_entries=20, tail_entries=4, waiting_max=8)


class Member:
    """One member with its disk, which syncs at once unless it is held or full."""

    def __init__(self, node: NodeId, birth: int) -> None:
        self.node = node
        self.kept = Kept(birth)
        self.core: Replica | None = None
        self.standing: Standing | None = None
        self.applied: list[bytes] = []
        self.writing: Write | None = None
        self.is_held = self.is_full = False
        self.told: dict[int, Any] = {}

    def store(self, write: Write) -> None:
        some = [one for one in self.kept.entries if write.forget < one.index < write.first]
        snapshot = write.snapshot or self.kept.snapshot
        self.kept = Kept(
            self.kept.birth, write.promised, write.committed, snapshot, (*some, *write.entries)
        )

    def do(self, effect: Effect) -> None:
        match effect:
            case Apply(entry, ticket):
                self.applied.append(entry.content)
                if ticket is not None:
                    self.told[ticket] = "done"
            case Answer(ticket):
                self.told[ticket] = list(self.applied)
            case Refuse(ticket, why):
                self.told[ticket] = why
            case Restore(snapshot):
                self.applied = snapshot.data.split(b"\0")


class Group:
    """Members, and messages that arrive unless they are cut off."""

    def __init__(self, *nodes: NodeId, settings: Settings = SETTINGS) -> None:
        self.now = 0.0
        self.settings = settings
        self.members = {node: Member(node, place) for place, node in enumerate((A, B, C, D), 1)}
        self.cuts: set[NodeId] = set()
        self.drops: Callable[[NodeId, Letter], bool] = lambda _source, _letter: False
        self.events: deque[tuple[NodeId, Event]] = deque()
        self.tickets = 0
        for node in self.members:
            self.start(node)
        self.tell(nodes[0], Found(nodes))
        self.pass_time(20.0)

    def __getitem__(self, node: NodeId) -> Member:
        return self.members[node]

    def start(self, node: NodeId) -> None:
        member = self[node]
        member.applied, member.writing, member.standing = [], None, None
        member.core = Replica(node, member.kept, lambda: 0.5, self.settings)
        self.do(member, member.core.start(self.now))

    def end(self, *nodes: NodeId) -> None:
        for node in nodes:
            self[node].core = None

    def tell(self, node: NodeId, event: Event) -> None:
        """Let it happen, and all that follows from it, one after the other."""
        self.events.append((node, event))
        if len(self.events) > 1:
            return
        while self.events:
            node, event = self.events[0]
            core = self[node].core
            if core is not None:
                self.do(self[node], core.handle(event, self.now))
            self.events.popleft()

    def do(self, member: Member, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send() | SendSnapshot():
                    self.send(member, effect)
                case Write():
                    member.writing = effect
                    if not member.is_held:
                        self.sync(member.node)
                case TakeSnapshot(index):
                    data = b"\0".join(member.applied)
                    self.tell(member.node, SnapshotTaken(index, data))
                case Standing():
                    member.standing = effect
                case _:
                    member.do(effect)

    def send(self, member: Member, effect: Send | SendSnapshot) -> None:
        if isinstance(effect, Send):
            letter = effect.letter
        else:
            assert member.kept.snapshot is not None
            body = Install(effect.epoch, effect.round, member.kept.snapshot)
            letter = Letter(effect.birth, effect.to, body)
        is_cut = bool({member.node, effect.node} & self.cuts)
        if not is_cut and not self.drops(member.node, letter):
            self.tell(effect.node, Received(member.node, letter))

    def sync(self, node: NodeId) -> None:
        member = self[node]
        write, member.writing = member.writing, None
        if write is not None and member.is_full:
            self.tell(node, WriteFailed(write.serial))
        elif write is not None:
            member.store(write)
            self.tell(node, Written(write.serial))

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            dues = [member.core.due for member in self.members.values() if member.core is not None]
            self.now = min(end, max(self.now + 1e-6, min(dues)))
            for member in self.members.values():
                if member.core is not None and member.core.due <= self.now:
                    self.tell(member.node, Tick())

    def ask(self, node: NodeId, command: bytes) -> int:
        self.tickets += 1
        self.tell(node, Submit(self.tickets, command))
        return self.tickets

    def do_at(self, node: NodeId, command: bytes) -> Any:  # noqa: ANN401 (what was told)
        return self[node].told.get(self.ask(node, command))

    def read(self, node: NodeId) -> Any:  # noqa: ANN401 (what was told)
        self.tickets += 1
        self.tell(node, Read(self.tickets))
        return self[node].told.get(self.tickets)

    @property
    def owners(self) -> list[NodeId]:
        return [
            member.node
            for member in self.members.values()
            if member.core is not None and member.standing is not None and member.standing.is_owner
        ]

    def nodes(self, node: NodeId) -> tuple[NodeId, ...]:
        standing = self[node].standing
        assert standing is not None
        return standing.members.nodes
