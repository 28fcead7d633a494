"""How variables spread: to the neighbours in the tree at once, and by comparing with them.

A change leaves at once; those that follow within the same moment leave together, each name as it is
then. A neighbour that is new is compared with at once, every one now and then, and in turn nodes
further off: around one that takes nothing because its clock is wrong. Messages may be lost:
whatever is missing then comes with the next comparison.

How a driver uses it: call ``around`` when the neighbours change, ``heard`` for each message of a
node of the same tenant, ``do_due`` at ``next_due`` at the latest; after each call carry out
``take_messages``, and keep and tell of ``take_changed``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cantor.base.allowance import Allowance
from cantor.base.clock import seconds_ahead
from cantor.ledger.variables import compare
from cantor.ledger.variables.clocks import Clocks
from cantor.ledger.variables.entry import Entry, read_entry, unpack_rows
from cantor.ledger.variables.replica import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence, Set

    from cantor.base.ids import NodeId
    from cantor.ledger.variables.compare import Said, Saying
    from cantor.ledger.variables.replica import Replica
    from cantor.wire.frame import Buffer, Value

TOGETHER_S = 0.001
"""A stream of changes is late by as much."""
COMPARE_S = 5.0
COMPARE_EMPTY_S = 60.0
"""While neither side has anything it is about the clocks only."""
YIELD_S = 0.15
ANSWERS_PER_S = 50.0
ANSWERS_AT_ONCE = 200.0
HEARD_MAX = 4096
LARGE_BYTES = 32 * 1024
AHEAD_MAX = 256
HOUSEKEEPING_S = 10.0
AGAIN_S = 0.5
FAR_S = 5.0
SETTLED_S = 60.0
STEP_S = 1.0
NEVER = float("inf")


class Message(NamedTuple):
    """What is to be sent to a node. A large one must not be lost, and may take its time.

    One that repairs answers a comparison: the next comparison makes up for it.
    """

    to: NodeId
    headers: dict[str, Value]
    body: tuple[bytes, ...]
    is_large: bool
    is_repair: bool


@dataclass(slots=True)
class _Channel:
    """What waits for one neighbour, and when it is compared with."""

    compare_at: float
    waiting: dict[str, Entry] = field(default_factory=dict)
    sent_at: float = -NEVER
    send_at: float = NEVER
    equal_at: float = -NEVER


class Spreading:
    """What ``replica`` says to its neighbours and takes from them.

    ``counters`` holds what was not taken, by reason; ``clocks_ahead`` by how many seconds the
    last entry of a writer was ahead that was refused for it.
    """

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.clocks = Clocks()
        self.counters: Counter[str] = Counter()
        self.clocks_ahead: dict[NodeId, float] = {}
        self._channels: dict[NodeId, _Channel] = {}
        self._answering: dict[NodeId, Allowance] = {}
        self._messages: list[Message] = []
        self._changed: list[Entry] = []
        self._gone: list[str] = []
        self._house_at = 0.0
        self._members: Sequence[NodeId] = ()
        self._far_at = NEVER
        self._far_round = 0
        self._wall_offset_s: float | None = None

    @property
    def neighbours(self) -> Collection[NodeId]:
        """With whom this node exchanges variables."""
        return self._channels.keys()

    def is_settled(self, now: float) -> bool:
        """Whether every neighbour had the same a moment ago."""
        return all(now - channel.equal_at <= SETTLED_S for channel in self._channels.values())

    def around(
        self, peers: Set[NodeId], members: Sequence[NodeId], now: float, wall_s: float
    ) -> None:
        """These are the neighbours from now on, of all ``members`` in the order of their ids."""
        self._members = members
        self._far_at = min(self._far_at, now + FAR_S)
        for peer in self._channels.keys() - peers:
            del self._channels[peer]
        for peer in sorted(peers - self._channels.keys()):
            yield_s = 0.0 if self.replica.node < peer else YIELD_S
            self._channels[peer] = _Channel(now + yield_s)
        self.do_due(now, wall_s)

    def set(self, name: str, value: bytes | None, now: float, wall_s: float) -> Entry | None:
        """Set a variable, or delete it (``None``); the entry, or None if there is none to delete.

        Raises:
            ConfigError: the name or the size cannot be.
            UnavailableError: there is no room, or this node's clock is wrong.
        """
        self._look_at(now, wall_s)
        self.clocks.check(now, f"variable {name[:40]}")
        entry = self.replica.set(name, value, wall_s)
        if entry is not None:
            self._spread([entry], now, None)
            self._leave(now, wall_s)
        return entry

    def heard(
        self,
        peer: NodeId,
        headers: dict[str, Value],
        body: tuple[Buffer, ...],
        now: float,
        wall_s: float,
    ) -> None:
        """Take a message of a node of the same tenant.

        Raises:
            RemoteProtocolError: it is none of this kind.
        """
        said = compare.read_message(headers, body)
        self._look_at(now, wall_s)
        self.clocks.told(peer, said.wall_s, wall_s, now)
        if said.step == "put":
            self._take(peer, said, now, wall_s)
        elif self._may_answer(peer, now):
            self._compare(peer, said, now, wall_s)
        self._leave(now, wall_s)

    def not_sent(self, peer: NodeId, now: float) -> None:
        """A message to a neighbour was not: compare soon, for it lacks something."""
        channel = self._channels.get(peer)
        if channel is not None:
            channel.compare_at = min(channel.compare_at, now + AGAIN_S)

    def next_due(self) -> float:
        """When something is due next."""
        due = min(self._house_at, self._far_at) if self.replica.entries else NEVER
        for channel in self._channels.values():
            due = min(due, channel.send_at, channel.compare_at)
        return due

    def do_due(self, now: float, wall_s: float, *, may_forget: bool = False) -> None:
        """Send what is due. With ``may_forget`` the mesh is whole enough to forget tombstones."""
        self._look_at(now, wall_s)
        self._leave(now, wall_s)
        for peer, channel in self._channels.items():
            if channel.compare_at <= now:
                self._compared(channel, now)
                self._say(peer, compare.root(self.replica), wall_s)
        if self._far_at <= now and self.replica.entries:
            self._far_at = now + FAR_S
            self._compare_far(wall_s)
        if self._house_at <= now and self.replica.entries:
            self._house_at = now + HOUSEKEEPING_S
            if may_forget and self.is_settled(now) and not self.clocks.offset_s(now):
                self._gone += self.replica.forget(wall_s)

    def clocks_apart(self, now: float) -> dict[NodeId, float]:
        """Whose clocks are too far off, by how many seconds they are ahead; negative if behind."""
        return self.clocks_ahead | self.clocks.apart(now)

    def take_messages(self) -> list[Message]:
        """What is to be sent now."""
        taken, self._messages = self._messages, []
        return taken

    def take_changed(self) -> tuple[list[Entry], list[str]]:
        """What is new here since the last call, and the names of what is not kept any longer."""
        taken = self._changed, self._gone
        self._changed, self._gone = [], []
        return taken

    def _compare_far(self, wall_s: float) -> None:
        """Compare with the member that is 1, 2, 4 and so on places behind this one, in turn."""
        members, own = self._members, self.replica.node
        if len(members) < 3 or own not in members:
            return
        self._far_round = (self._far_round + 1) % (len(members) - 1).bit_length()
        peer = members[(members.index(own) + (1 << self._far_round)) % len(members)]
        if peer != own and peer not in self._channels:
            self._say(peer, compare.root(self.replica), wall_s)

    def _look_at(self, now: float, wall_s: float) -> None:
        """Notice a clock that was set: what lies ahead of it now must not wait for its time."""
        offset_s, before = wall_s - now, self._wall_offset_s
        if before is None or abs(offset_s - before) > STEP_S:
            self._wall_offset_s = offset_s
            self.clocks.stepped(offset_s - before if before is not None else 0.0)
            self._spread(self.replica.stamp_anew(wall_s), now, None)

    def _take(self, peer: NodeId, said: Said, now: float, wall_s: float) -> None:
        taken: list[Entry] = []
        try:
            for row in unpack_rows(said.body):
                entry = read_entry(row)
                outcome = self.replica.take(entry, wall_s)
                if outcome is Outcome.TAKEN:
                    taken.append(entry)
                    self.clocks_ahead.pop(entry.writer, None)
                elif outcome is not Outcome.OLD:
                    self._refused(peer, entry, outcome, wall_s)
        finally:  # what was taken before a bad one is spread all the same
            self._spread(taken, now, peer)

    def _refused(self, peer: NodeId, entry: Entry, outcome: Outcome, wall_s: float) -> None:
        self.counters[outcome.name.lower()] += 1
        if outcome is not Outcome.AHEAD:
            return
        ahead = self.clocks_ahead
        if entry.writer in ahead or len(ahead) < AHEAD_MAX:
            ahead[entry.writer] = seconds_ahead(entry.hlc, wall_s)
        if not any(m.to == peer and m.headers["s"] == "time" for m in self._messages):
            self._say(peer, compare.Saying("time", {}), wall_s)

    def _compare(self, peer: NodeId, said: Said, now: float, wall_s: float) -> None:
        channel = self._channels.get(peer)
        replica = self.replica
        is_same = said.step == "same" or (
            said.step == "root" and said.headers.get("d") == replica.root
        )
        if channel is not None and said.step in ("root", "same", "buckets"):
            channel.equal_at = now if is_same else channel.equal_at
            if said.step == "root":
                self._compared(channel, now)  # it began: no need to begin as well
        if is_same and replica.is_horizon(said.horizon, wall_s):
            replica.horizon = max(replica.horizon, said.horizon)
        messages, gone = compare.answer(replica, said, wall_s)
        self._gone += gone
        for message in messages:
            self._say(peer, message, wall_s, is_repair=True)

    def _compared(self, channel: _Channel, now: float) -> None:
        pause_s = COMPARE_S if self.replica.entries else COMPARE_EMPTY_S
        channel.compare_at = now + pause_s

    def _may_answer(self, peer: NodeId, now: float) -> bool:
        allowance = self._answering.get(peer)
        if allowance is None:
            if len(self._answering) >= HEARD_MAX:
                del self._answering[next(iter(self._answering))]
            allowance = self._answering[peer] = Allowance(ANSWERS_PER_S, ANSWERS_AT_ONCE)
        if allowance.take(now):
            return True
        self.counters["too_often"] += 1
        return False

    def _spread(self, entries: list[Entry], now: float, heard_from: NodeId | None) -> None:
        if not entries:
            return
        self._changed += entries
        for peer, channel in self._channels.items():
            channel.compare_at = min(channel.compare_at, now + COMPARE_S)
            for entry in entries:
                if peer == heard_from:
                    channel.waiting.pop(entry.name, None)
                else:
                    channel.waiting[entry.name] = entry
            if channel.waiting and channel.send_at == NEVER:
                channel.send_at = max(now, channel.sent_at + TOGETHER_S)

    def _leave(self, now: float, wall_s: float) -> None:
        for peer, channel in self._channels.items():
            if channel.send_at > now:
                continue
            waiting = list(channel.waiting.values())
            channel.waiting.clear()
            channel.sent_at, channel.send_at = now, NEVER
            for message in compare.put(waiting):
                self._say(peer, message, wall_s)

    def _say(self, peer: NodeId, saying: Saying, wall_s: float, *, is_repair: bool = False) -> None:
        headers: dict[str, Value] = {
            "s": saying.step,
            "w": int(wall_s * 1000),
            "h": self.replica.horizon,
            **saying.headers,
        }
        body = () if saying.rows is None else (saying.rows,)
        is_large = saying.rows is not None and len(saying.rows) > LARGE_BYTES
        self._messages.append(Message(peer, headers, body, is_large, is_repair))
