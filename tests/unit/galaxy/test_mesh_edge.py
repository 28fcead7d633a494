"""Switchboards with their threads: frames between two of them, and inside one."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.clock import SystemClock
from galaxy import Frame
from galaxy.builder import PipelineBuilder
from galaxy.edge_message import EdgeMessage
from galaxy.edge_wire import Route
from galaxy.mesh_edge import Switchboard
from galaxy.pipeline import Connection, Endpoint
from galaxy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cantor.base.clock import Clock
    from galaxy.edges import EdgeTransport
    from galaxy.pipeline import Policy

EDGE = Connection(Endpoint("a", "out"), Endpoint("b", "in"), "weak")
DEADLINE_S = 10.0
IMAGE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


class Mesh:
    """Two switchboards that hand each other their messages at once."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.threads: list[str] = []
        self.held: list[tuple[str, str, EdgeMessage]] = []
        self.holding = False
        self.boards = {node: Switchboard(self.clock, self._post_of(node)) for node in "AB"}

    def route(self, sender: tuple[str, int], receiver: tuple[str, int]) -> None:
        for node, board in self.boards.items():
            board.route(EDGE.name, sender=sender, receiver=receiver, me=node)

    def _post_of(self, source: str) -> Callable[[str, EdgeMessage], None]:
        def post(to: str, message: EdgeMessage) -> None:
            if message.kind == "frame":
                self.threads.append(threading.current_thread().name)
            if self.holding:
                self.held.append((to, source, message))
            else:
                self.boards[to].arrived(source, message)

        return post

    def close(self) -> None:
        for board in self.boards.values():
            board.close()


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    mesh = Mesh()
    yield mesh
    mesh.close()


def frame(seq: int, image: np.ndarray | None = None) -> Frame:
    return Frame("s", seq, image, captured_s=time.monotonic(), captured_wall_s=time.time())


def collect(end: EdgeTransport, count: int | None = None) -> list[Frame]:
    """Receive as a group does, until the end or so many frames."""
    news = threading.Event()
    end.subscribe(news.set)
    got: list[Frame] = []
    until_s = time.monotonic() + DEADLINE_S
    while len(got) != count and not (got and end.ended):
        news.clear()
        received = end.receive()
        if received is not None:
            got.append(received)
        elif not end.ended:
            assert time.monotonic() < until_s, f"{len(got)} frames came"
            news.wait(0.5)
        else:
            break
    return got


def eventually(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until_s
        threading.Event().wait(0.01)


def test_block_between_nodes_brings_every_frame_and_the_end(mesh: Mesh) -> None:
    sender = mesh.boards["A"].sender(EDGE, "block", 4, "raw")
    receiver = mesh.boards["B"].receiver(EDGE, "block", 4)
    mesh.route(("A", 1), ("B", 1))

    def send() -> None:
        for seq in range(300):
            sender.send(frame(seq, IMAGE))
        sender.finish()

    thread = threading.Thread(target=send, name="filter")
    thread.start()
    got = collect(receiver)
    thread.join()
    assert [each.seq for each in got] == list(range(300))
    assert all(np.array_equal(each.pixels(), IMAGE) for each in got)
    (timing,) = got[0].timings
    assert (timing.stage, timing.kind) == (EDGE.name, "queue")
    assert receiver.receive() is None
    eventually(lambda: sender.figures().received == 300)
    assert sender.figures().waiting == receiver.figures().waiting == 0
    assert set(mesh.threads) == {"filter"}, "who sends encodes, when there is credit"


def test_inside_a_process_frames_go_by_reference(mesh: Mesh) -> None:
    sender = mesh.boards["A"].sender(EDGE, "block", 4)
    receiver = mesh.boards["A"].receiver(EDGE, "block", 4)
    mesh.route(("A", 1), ("A", 1))
    sent = frame(0, IMAGE)
    sender.send(sent)
    sender.finish()
    (got,) = collect(receiver)
    assert got.image is sent.image
    assert mesh.threads == []
    assert sender.figures().received == receiver.figures().received == 1
    assert receiver.ended


@pytest.mark.parametrize(
    ("policy", "depth", "left"),
    [("latest", 1, [4]), ("drop_oldest", 2, [3, 4]), ("drop_newest", 2, [0, 1])],
)
@pytest.mark.parametrize("node", ["A", "B"])
def test_without_credit_a_full_edge_drops_by_its_policy(
    mesh: Mesh, policy: Policy, depth: int, left: list[int], node: str
) -> None:
    sender = mesh.boards["A"].sender(EDGE, policy, depth)
    for seq in range(5):
        sender.send(frame(seq, IMAGE))
    figures = sender.figures()
    assert (figures.sent, figures.dropped, figures.waiting) == (5, 5 - depth, depth)
    receiver = mesh.boards[node].receiver(EDGE, policy, depth)
    mesh.route(("A", 1), (node, 1))
    assert [each.seq for each in collect(receiver, depth)] == left
    assert set(mesh.threads) <= {"galaxy:edges"}, "the switchboard encodes when credit comes"


def test_a_slow_receiver_of_latest_gets_the_newest_of_what_has_come(mesh: Mesh) -> None:
    sender = mesh.boards["A"].sender(EDGE, "latest", 1)
    receiver = mesh.boards["B"].receiver(EDGE, "latest", 1)
    mesh.route(("A", 1), ("B", 1))
    eventually(lambda: sender.core.has_credit)
    sender.send(frame(0))
    sender.send(frame(1))
    eventually(lambda: receiver.figures().sent == 2)
    got = receiver.receive()
    assert got is not None
    assert got.seq == 1
    assert receiver.figures().dropped == 1


class StillClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return 5000 + self.now_s + self.ahead_s


def old_frame(seq: int, clock: StillClock) -> Frame:
    return Frame("s", seq, None, captured_s=clock.now_s, captured_wall_s=5000 + clock.now_s)


def test_frames_that_are_too_old_expire_at_either_end() -> None:
    clock = StillClock()
    mesh = Mesh(clock)
    edge = Connection(EDGE.source, EDGE.target, "weak", max_age_ms=100)
    sender = mesh.boards["A"].sender(edge, "drop_oldest", 4)
    sender.send(old_frame(0, clock))
    clock.now_s += 0.2
    sender.send(old_frame(1, clock))
    receiver = mesh.boards["B"].receiver(edge, "drop_oldest", 4)
    mesh.route(("A", 1), ("B", 1))
    eventually(lambda: receiver.figures().sent == 1)
    assert sender.figures().expired == 1
    clock.now_s += 0.2
    assert receiver.receive() is None
    assert receiver.figures().expired == 1
    mesh.close()


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
def test_a_wrong_wall_clock_makes_no_frame_old_or_young(ahead_s: float) -> None:
    clock = StillClock()
    mesh = Mesh(clock)
    edge = Connection(EDGE.source, EDGE.target, "weak", max_age_ms=100)
    sender = mesh.boards["A"].sender(edge, "drop_oldest", 4)
    receiver = mesh.boards["B"].receiver(edge, "drop_oldest", 4)
    mesh.route(("A", 1), ("B", 1))
    sender.send(old_frame(0, clock))
    eventually(lambda: receiver.figures().sent == 1)
    clock.now_s += 0.05
    clock.ahead_s = ahead_s
    got = receiver.receive()
    assert got is not None
    assert got.captured_s == pytest.approx(100.0)
    assert got.timings[-1].ms == pytest.approx(50.0)
    mesh.close()


@pytest.mark.parametrize("where", ["sender", "board"])
def test_closing_releases_a_sender_that_waits(mesh: Mesh, where: str) -> None:
    sender = mesh.boards["A"].sender(EDGE, "block", 1)
    thread = threading.Thread(target=sender.send, args=(frame(0),))
    thread.start()
    eventually(lambda: sender.figures().sent == 1)
    assert thread.is_alive()
    (sender if where == "sender" else mesh.boards["A"]).close()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    figures = sender.figures()
    assert (figures.sent, figures.discarded, figures.waiting) == (1, 1, 0)


def test_moving_the_receiver_brings_every_frame_once_or_again(mesh: Mesh) -> None:
    sender = mesh.boards["A"].sender(EDGE, "block", 3)
    first = mesh.boards["B"].receiver(EDGE, "block", 3, epoch=1)
    mesh.route(("A", 1), ("B", 1))
    seen: list[int] = []

    def send() -> None:
        for seq in range(90):
            sender.send(frame(seq, IMAGE))
        sender.finish()

    thread = threading.Thread(target=send)
    thread.start()
    seen += [each.seq for each in collect(first, 30)]
    second = mesh.boards["A"].receiver(EDGE, "block", 3, epoch=2)
    mesh.route(("A", 1), ("A", 2))
    first.close()
    seen += [each.seq for each in collect(second, 30)]
    third = mesh.boards["B"].receiver(EDGE, "block", 3, epoch=3)
    mesh.route(("A", 1), ("B", 3))
    second.close()
    seen += [each.seq for each in collect(third)]
    thread.join(DEADLINE_S)
    assert seen[:30] == list(range(30))
    assert seen[30:60] == list(range(29, 59)), "frame 29 was not done with"
    assert seen[60:] == list(range(58, 90))


def test_a_new_sender_takes_over_from_one_that_is_gone(mesh: Mesh) -> None:
    receiver = mesh.boards["B"].receiver(EDGE, "block", 3)
    for epoch in (1, 2):
        sender = mesh.boards["A"].sender(EDGE, "block", 3, epoch=epoch)
        mesh.route(("A", epoch), ("B", 1))
        for seq in range(3):
            sender.send(frame(seq))
        assert [each.seq for each in collect(receiver, 3)] == [0, 1, 2]
    assert not receiver.ended


junk: st.SearchStrategy[object] = (
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.just({})
)


@given(
    kind=st.sampled_from(["frame", "grant", "end"]),
    number=st.integers(0, 2**63 - 1) | st.integers(0, 3),
    headers=st.dictionaries(
        st.sampled_from(["run", "base", "taken", "next", "window", "frame", "age", "waited"]),
        junk | st.integers(0, 3),
    ),
    known_run=st.booleans(),
)
def test_hostile_messages_harm_nothing(
    kind: str, number: int, headers: dict[str, object], known_run: bool
) -> None:
    clock = SystemClock()
    board = Switchboard(clock, lambda node, message: None)
    sender = board.sender(EDGE, "drop_oldest", 2)
    receiver = board.receiver(EDGE, "block", 2)
    for sends, takes in (("A", "B"), ("B", "A")):
        wire = board._wire(EDGE.name)
        wire.reroute(Route((sends, 1), (takes, 1), "A"))
        if known_run:
            headers["run"] = sender.core.run
        sender.send(frame(0))
        board.arrived("B", EdgeMessage(kind, EDGE.name, 1, number, headers))  # type: ignore[arg-type]
        board.arrived("B", EdgeMessage(kind, "x.y -> z.w", 1, number, {}))  # type: ignore[arg-type]
        receiver.receive()
        for figures in (sender.figures(), receiver.figures()):
            gone = figures.received + figures.dropped + figures.expired + figures.discarded
            assert figures.sent == gone + figures.waiting
            assert figures.waiting >= 0
    assert board.refused >= 2
    board.close()


def test_a_spoilt_frame_is_discarded_and_the_next_still_comes(mesh: Mesh) -> None:
    sender = mesh.boards["A"].sender(EDGE, "block", 4, "raw")
    receiver = mesh.boards["B"].receiver(EDGE, "block", 4)
    mesh.route(("A", 1), ("B", 1))
    eventually(lambda: not sender.core.blocks)
    mesh.holding = True
    sender.send(frame(0, IMAGE))
    mesh.holding = False
    ((_, source, message),) = [each for each in mesh.held if each[2].kind == "frame"]
    spoilt = EdgeMessage("frame", EDGE.name, 1, 0, message.headers, (b"too short",))
    mesh.boards["B"].arrived(source, spoilt)
    sender.send(frame(1, IMAGE))
    assert [each.seq for each in collect(receiver, 1)] == [1]
    assert receiver.figures().discarded == 1


def test_two_runtimes_of_one_pipeline_on_two_nodes_see_every_frame(mesh: Mesh) -> None:
    build = PipelineBuilder("split")
    source = build.add("make", "test_pattern", params={"count": 40})
    collected = build.add("collect", "collect")
    build.connect(source["image"], collected["frame"], kind="weak", policy="block", depth=3)
    pipeline = build.build()
    (connection,) = pipeline.connections
    for node, board in mesh.boards.items():
        board.route(connection.name, sender=("A", 1), receiver=("B", 1), me=node)
    runtimes = [
        Runtime(
            pipeline,
            registry=build.registry,
            filters_here={"make"},
            make_edge=lambda c, policy, depth, clock: mesh.boards["A"].sender(c, policy, depth),
        ),
        Runtime(
            pipeline,
            registry=build.registry,
            filters_here={"collect"},
            make_edge=lambda c, policy, depth, clock: mesh.boards["B"].receiver(c, policy, depth),
        ),
    ]
    for runtime in runtimes:
        runtime.start()
    assert all(runtime.join(DEADLINE_S) for runtime in runtimes)
    assert [runtime.state for runtime in runtimes] == ["finished", "finished"]
    edge = runtimes[1].snapshot().edges[connection.name]
    assert (edge.sent, edge.received, edge.waiting) == (40, 40, 0)


def test_a_frame_that_expires_makes_room_for_a_sender_that_waits() -> None:
    clock = StillClock()
    mesh = Mesh(clock)
    edge = Connection(EDGE.source, EDGE.target, "weak", max_age_ms=100)
    sender = mesh.boards["A"].sender(edge, "block", 1)
    receiver = mesh.boards["A"].receiver(edge, "block", 1)
    mesh.route(("A", 1), ("A", 1))
    sender.send(old_frame(0, clock))
    clock.now_s += 0.2
    thread = threading.Thread(target=sender.send, args=(old_frame(1, clock),))
    thread.start()
    eventually(lambda: sender.figures().sent == 2)
    assert receiver.receive() is None
    thread.join(DEADLINE_S)
    got = receiver.receive()
    assert got is not None
    assert got.seq == 1
    assert sender.figures().expired == 1
    mesh.close()
