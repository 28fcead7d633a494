"""Two wires on two nodes, whose messages a test carries, loses or spoils by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from galaxy import Frame
from galaxy.edge_sender import END_REPEAT_S
from galaxy.edge_transports import Receiver, Sender
from galaxy.edge_wire import Route, Wire
from galaxy.pipeline import Connection, Endpoint

if TYPE_CHECKING:
    from galaxy.edge_message import EdgeMessage

EDGE = Connection(Endpoint("a", "out"), Endpoint("b", "in"), "weak")


class StepClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return 1000 + self.now_s


class Pair:
    """A sends to B (or C); ``said`` holds what is under way, ``lost`` the kinds that never come."""

    def __init__(self) -> None:
        self.clock = StepClock()
        self.said: list[tuple[str, str, EdgeMessage]] = []
        self.lost: set[str] = set()
        self.kinds: list[str] = []
        self.wires = {node: self._wire(node) for node in "ABC"}
        self.sender = Sender(self.wires["A"], EDGE, "block", 8, "auto", 1)
        self.wires["A"].attach_sender(self.sender)

    def _wire(self, node: str) -> Wire:
        def post(to: str, message: EdgeMessage) -> None:
            self.kinds.append(message.kind)
            self.said.append((node, to, message))

        return Wire(EDGE.name, self.clock, post, lambda wire: None)

    def receive_at(self, node: str, epoch: int) -> Receiver:
        end = Receiver(self.wires[node], EDGE, "block", 8, epoch)
        self.wires[node].attach_receiver(end)
        for name, wire in self.wires.items():
            wire.reroute(Route(("A", 1), (node, epoch), name))
        return end

    def frame(self, seq: int) -> Frame:
        now_s = self.clock.now_s
        return Frame("s", seq, None, captured_s=now_s, captured_wall_s=1000 + now_s)

    def work(self, seconds: float = 0.0) -> None:
        """Let everything under way arrive, and what follows from it; then let time pass."""
        for _ in range(20):
            for wire in self.wires.values():
                wire.grant()
                wire.pump()
            said, self.said = self.said, []
            for source, to, message in said:
                if message.kind not in self.lost:
                    self.wires[to].arrived(source, message)
        self.clock.now_s += seconds


def take_all(end: Receiver) -> list[int]:
    taken = []
    while (frame := end.receive()) is not None:
        taken.append(frame.seq)
    return taken


def test_a_receiver_restarted_in_place_is_sent_what_the_former_was_not_done_with() -> None:
    pair = Pair()
    first = pair.receive_at("B", 1)
    pair.work()
    for seq in range(4):
        pair.sender.send(pair.frame(seq))
    pair.work()
    got = first.receive()
    assert got is not None
    assert got.seq == 0

    again = Receiver(pair.wires["B"], EDGE, "block", 8, 1)  # the same epoch: nobody tells A
    pair.wires["B"].attach_receiver(again)
    for _ in range(10):
        pair.work(1.0)

    assert take_all(again) == [0, 1, 2, 3]
    pair.work()
    assert pair.sender.figures().received == 4
    assert pair.sender.core.resent == 4


def test_the_receiver_after_a_move_hears_an_end_that_the_former_knew() -> None:
    pair = Pair()
    first = pair.receive_at("B", 1)
    pair.work()
    pair.sender.send(pair.frame(0))
    pair.sender.finish()
    pair.work()
    assert take_all(first) == [0]
    pair.work(1.0)
    assert first.ended

    second = pair.receive_at("C", 2)
    first.close()
    for _ in range(4):
        pair.work(1.0)

    assert second.ended
    assert take_all(second) == []


def test_an_end_that_is_lost_is_told_again_and_not_all_the_time() -> None:
    pair = Pair()
    receiver = pair.receive_at("B", 1)
    pair.work()
    pair.lost = {"end"}
    pair.sender.finish()
    pair.work()
    assert pair.kinds.count("end") == 1, "once until the time has come"
    pair.work(END_REPEAT_S / 2)
    assert pair.kinds.count("end") == 1
    assert not receiver.ended

    pair.lost = set()
    pair.clock.now_s += END_REPEAT_S
    pair.work()

    assert pair.kinds.count("end") == 2
    assert receiver.ended
    pair.work(60.0)
    pair.work()
    assert pair.kinds.count("end") == 2, "who knows the end is not told again"


@pytest.mark.parametrize("kind", ["frame", "end", "grant"])
@pytest.mark.parametrize("wrong", ["node", "epoch"])
def test_only_the_other_end_of_this_run_is_heard(kind: str, wrong: str) -> None:
    pair = Pair()
    receiver = pair.receive_at("B", 1)
    pair.work()
    pair.sender.send(pair.frame(0))
    if kind == "grant":
        pair.work()
        assert take_all(receiver) == [0]
        pair.wires["B"].grant()
    else:
        pair.sender.finish()
        pair.wires["A"].pump()
    source, to, message = next(entry for entry in pair.said if entry[2].kind == kind)
    before = state(pair, receiver)

    forged = replace(message, epoch=9) if wrong == "epoch" else message
    claimed = "C" if wrong == "node" else source
    assert not pair.wires[to].arrived(claimed, forged)

    assert state(pair, receiver) == before
    assert pair.wires[to].arrived(source, message) or kind == "end"


def state(pair: Pair, receiver: Receiver) -> list[Any]:
    sender = pair.sender.core
    return [sender.base, sender.done, receiver.core.arrived, receiver.ended, sender.has_credit]
