"""A connection over a channel that loses, doubles, delays and reorders, and re-routes meanwhile.

The wires are the real ones, driven in one thread on a clock that moves only when told.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from galaxy import Frame
from galaxy.edge_transports import Receiver, Sender
from galaxy.edge_wire import Route, Wire
from galaxy.pipeline import Connection, Endpoint

if TYPE_CHECKING:
    from galaxy.edge_message import EdgeMessage
    from galaxy.edge_wire import Place
    from galaxy.pipeline import Policy

EDGE = Connection(Endpoint("a", "out"), Endpoint("b", "in"), "weak")
STEP_S = 0.02
NODES = ("A", "B", "C")


class StepClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return 1000 + self.now_s


@dataclass
class Run:
    """One run of the receiving group: what it took, and what it was done with."""

    end: Receiver
    place: Place
    taken: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)

    def work(self) -> None:
        """Ask for the next frame, which says that the one before is done with."""
        frame = self.end.receive()
        self.done = list(self.taken)
        if frame is not None:
            self.taken.append(frame.seq)


@dataclass(frozen=True)
class Faults:
    """Chances per message."""

    lose: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    """Of up to half a second, so that later messages overtake."""


class World:
    """Node A sends to a group that runs on A, B or C, and moves."""

    def __init__(self, seed: int, faults: Faults, policy: Policy = "block", depth: int = 3) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (a seeded channel, no secret)
        self.faults = faults
        self.policy: Policy = policy
        self.depth = depth
        self.clock = StepClock()
        self.counts: Counter[str] = Counter()
        self.under_way: list[tuple[float, int, str, str, EdgeMessage]] = []
        self.sent_messages = 0
        self.wires = {node: self._wire(node) for node in NODES}
        self.sender = Sender(self.wires["A"], EDGE, policy, depth, "auto", None)
        self.wires["A"].attach_sender(self.sender)
        self.runs: list[Run] = []
        self.epoch = 0
        self.offered = 0

    def move(self, node: str, *, old_goes_first: bool) -> None:
        """Run the receiving group on ``node``; the former run ends before or after the route."""
        self.epoch += 1
        if self.runs and old_goes_first:
            self.runs[-1].end.close()
        route = Route(("A", 1), (node, self.epoch), "")
        for name in self.rng.sample(NODES, len(NODES)):
            self.wires[name].reroute(Route(route.sender, route.receiver, name))
        end = Receiver(self.wires[node], EDGE, self.policy, self.depth, self.epoch)
        self.wires[node].attach_receiver(end)
        if self.runs:
            self.runs[-1].end.close()
        self.runs.append(Run(end, route.receiver))

    def step(self, frames: int, *, greed: float = 0.6) -> None:
        """A moment: deliver, offer, take, and look after every wire."""
        self.clock.now_s += STEP_S
        self._deliver()
        core = self.sender.core
        if self.offered < frames and not core.blocks and self.rng.random() < 0.8:
            self.sender.send(self._frame())
            self.offered += 1
        elif self.offered == frames and not core.finished:
            self.sender.finish()
        if self.runs and self.rng.random() < greed:
            self.runs[-1].work()
        for wire in self.wires.values():
            wire.grant()
            wire.pump()
        self.check()

    def check(self) -> None:
        """The figures add up at both ends, always."""
        for f in (self.sender.figures(), *(run.end.figures() for run in self.runs)):
            assert f.sent == f.received + f.dropped + f.expired + f.discarded + f.waiting
            assert min(f.received, f.dropped, f.expired, f.discarded, f.waiting) >= 0

    def finish(self, frames: int, limit_s: float = 300.0) -> None:
        """Go on until the group has taken everything and the sender knows it."""
        last = self.runs[-1]
        while not (
            last.end.ended and self.sender.figures().waiting == 0 and last.end.core.is_empty
        ):
            assert self.clock.now_s < limit_s, "it hangs"
            self.step(frames)
        last.work()

    def _frame(self) -> Frame:
        now_s = self.clock.now_s
        return Frame("s", self.offered, None, captured_s=now_s, captured_wall_s=1000 + now_s)

    def _wire(self, node: str) -> Wire:
        def post(to: str, message: EdgeMessage) -> None:
            self._post(node, to, message)

        return Wire(EDGE.name, self.clock, post, lambda wire: None)

    def _post(self, source: str, to: str, message: EdgeMessage) -> None:
        if self.rng.random() < self.faults.lose:
            self.counts["lost"] += 1
            return
        copies = 1
        if self.rng.random() < self.faults.double:
            self.counts["doubled"] += 1
            copies = 2
        for _ in range(copies):
            at_s = self.clock.now_s + STEP_S
            if self.rng.random() < self.faults.delay:
                self.counts["delayed"] += 1
                at_s += self.rng.uniform(0, 0.5)
            self.sent_messages += 1
            self.under_way.append((at_s, self.sent_messages, source, to, message))

    def _deliver(self) -> None:
        due = sorted(entry for entry in self.under_way if entry[0] <= self.clock.now_s)
        for entry in due:
            self.under_way.remove(entry)
            _, number, source, to, message = entry
            if any(other[1] < number and other[3] == to for other in self.under_way):
                self.counts["overtook"] += 1
            if not self.wires[to].arrived(source, message):
                self.counts["not from the other end"] += 1


def check_block(world: World, frames: int) -> None:
    """No frame lost, order kept, doubles only where the receiving group has moved."""
    done: set[int] = set()
    for run in world.runs:
        assert run.taken == sorted(set(run.taken)), "a run sees each frame once and in order"
        if run.taken:
            assert run.taken == list(range(run.taken[0], run.taken[-1] + 1)), "without a gap"
            assert set(range(run.taken[0])) <= done, "what is skipped was done with before"
        done |= set(run.done)
    assert done == set(range(frames))
    figures = world.sender.figures()
    assert (figures.sent, figures.received, figures.dropped) == (frames, frames, 0)


def play(seed: int, faults: Faults, frames: int = 40, moves: int = 3) -> World:
    world = World(seed, faults)
    rng = random.Random(seed + 1)  # noqa: S311 (a seeded scenario, no secret)
    for _ in range(moves):
        for _ in range(rng.randrange(40)):
            world.step(frames)
        world.move(rng.choice(NODES), old_goes_first=rng.random() < 0.5)
    world.finish(frames)
    check_block(world, frames)
    return world


ALL_FAULTS = Faults(lose=0.2, double=0.2, delay=0.3)


@given(
    seed=st.integers(0, 2**32),
    faults=st.builds(
        Faults, lose=st.floats(0, 0.4), double=st.floats(0, 0.4), delay=st.floats(0, 0.6)
    ),
    moves=st.integers(1, 4),
)
@example(seed=3601026366, faults=Faults(lose=0.0523, double=0.2927, delay=0.5699), moves=4)
@example(seed=2395555189, faults=Faults(lose=0.1758, double=0.041, delay=0.0741), moves=3)
def test_block_loses_nothing_and_keeps_the_order(seed: int, faults: Faults, moves: int) -> None:
    play(seed, faults, frames=25, moves=moves)


def test_every_fault_of_the_channel_fires_and_is_met() -> None:
    fired: Counter[str] = Counter()
    for seed in range(25):
        world = play(seed, ALL_FAULTS)
        fired += world.counts
        fired["sent again"] += world.sender.core.resent
        for run in world.runs:
            fired["came before"] += run.end.core.repeated
            fired["came too early"] += run.end.core.early
        taken = [seq for run in world.runs for seq in run.taken]
        fired["taken again after a move"] += len(taken) - len(set(taken))
        fired["taken from another node"] += sum(run.place[0] != "A" for run in world.runs)
        fired["taken here"] += sum(run.place[0] == "A" for run in world.runs)
    expected = {
        "lost", "doubled", "delayed", "overtook", "not from the other end", "sent again",
        "came before", "came too early", "taken again after a move", "taken from another node",
        "taken here",
    }  # fmt: skip
    assert expected == {name for name, count in fired.items() if count > 0}


def test_on_a_good_channel_nothing_is_sent_twice() -> None:
    for seed in range(10):
        world = World(seed, Faults())
        world.move("B", old_goes_first=True)
        world.finish(30)
        check_block(world, 30)
        assert world.sender.core.resent == 0
        assert world.runs[0].end.core.repeated == 0


@pytest.mark.parametrize("policy", ["latest", "drop_oldest", "drop_newest"])
def test_policies_that_drop_count_every_frame_on_a_bad_channel(policy: Policy) -> None:
    dropped = 0
    for seed in range(10):
        world = World(seed, ALL_FAULTS, policy, 1 if policy == "latest" else 3)
        world.move("B", old_goes_first=True)
        for _ in range(150):
            world.step(100, greed=0.1)
        world.finish(100)
        figures = world.sender.figures()
        assert figures.sent == 100 == figures.received + figures.dropped
        taken = world.runs[0].taken
        assert taken == sorted(set(taken))
        assert len(taken) == world.runs[0].end.figures().received
        dropped += figures.dropped
        if policy != "drop_newest":
            assert taken[-1] == 99, "the newest frame always comes through"
    assert dropped > 100
