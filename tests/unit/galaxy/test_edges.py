from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy import Frame
from galaxy.edges import QueueEdge
from galaxy.pipeline import POLICIES, Connection, Endpoint


class StillClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


def connection(max_age_ms: float = 0.0) -> Connection:
    return Connection(Endpoint("a", "out"), Endpoint("b", "in"), "weak", max_age_ms=max_age_ms)


def frame(seq: int, captured_s: float = 0.0) -> Frame:
    return Frame("s", seq, None, captured_s=captured_s, captured_wall_s=0)


def taken(edge: QueueEdge) -> list[int]:
    return [received.seq for received in iter(edge.receive, None)]


@pytest.mark.parametrize(
    ("policy", "depth", "left"),
    [("latest", 1, [4]), ("drop_oldest", 2, [3, 4]), ("drop_newest", 2, [0, 1])],
)
def test_a_full_edge_drops_by_its_policy_and_counts_it(
    policy: str, depth: int, left: list[int], clock: StillClock
) -> None:
    edge = QueueEdge(connection(), policy, depth, clock)  # type: ignore[arg-type]
    for seq in range(5):
        edge.send(frame(seq))
    assert taken(edge) == left
    figures = edge.figures()
    assert (figures.sent, figures.received, figures.dropped) == (5, depth, 5 - depth)


def test_a_blocking_edge_makes_the_sender_wait_and_loses_nothing(clock: StillClock) -> None:
    edge = QueueEdge(connection(), "block", 2, clock)
    news = threading.Event()
    edge.subscribe(news.set)

    def send() -> None:
        for seq in range(50):
            edge.send(frame(seq))
        edge.finish()

    sender = threading.Thread(target=send)
    sender.start()
    got: list[int] = []
    while not edge.ended:
        news.clear()
        got += taken(edge)
        if not edge.ended:
            news.wait(1)
    sender.join()
    assert got == list(range(50))
    assert edge.figures().dropped == 0


def test_a_frame_that_is_too_old_expires_and_is_counted(clock: StillClock) -> None:
    edge = QueueEdge(connection(max_age_ms=100), "drop_oldest", 4, clock)
    edge.send(frame(0, captured_s=0.0))
    edge.send(frame(1, captured_s=0.5))
    clock.now_s = 0.55
    assert taken(edge) == [1]
    assert edge.figures().expired == 1


def test_the_time_in_the_edge_is_noted_on_the_frame(clock: StillClock) -> None:
    edge = QueueEdge(connection(), "latest", 1, clock)
    edge.send(frame(0))
    clock.now_s = 0.25
    received = edge.receive()
    assert received is not None
    assert [(t.stage, t.kind, t.ms) for t in received.timings] == [
        ("a.out -> b.in", "queue", 250.0)
    ]


def test_closing_frees_a_waiting_sender_and_counts_what_is_lost(clock: StillClock) -> None:
    edge = QueueEdge(connection(), "block", 1, clock)
    edge.send(frame(0))
    sender = threading.Thread(target=edge.send, args=(frame(1),))
    sender.start()
    edge.close()
    sender.join()
    assert edge.figures().discarded == 2
    assert edge.ended


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    policy=st.sampled_from([policy for policy in POLICIES if policy != "block"]),
    depth=st.integers(1, 4),
    steps=st.lists(st.booleans(), max_size=30),
    close=st.booleans(),
)
def test_every_frame_sent_is_accounted_for(
    policy: str, depth: int, steps: list[bool], close: bool, clock: StillClock
) -> None:
    depth = 1 if policy == "latest" else depth
    edge = QueueEdge(connection(), policy, depth, clock)  # type: ignore[arg-type]
    for seq, send in enumerate(steps):
        if send:
            edge.send(frame(seq))
        else:
            edge.receive()
    if close:
        edge.close()
    f = edge.figures()
    assert f.sent == steps.count(True)
    assert f.sent == f.received + f.dropped + f.expired + f.discarded + f.waiting
    assert f.waiting <= depth
