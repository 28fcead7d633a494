from __future__ import annotations

from dataclasses import replace

from cantor.base.ids import BROADCAST, NodeId
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.plane import DataPlane
from cantor.wire import DataFrame, Kind

A, B, C = NodeId("a" * 32), NodeId("b" * 32), NodeId("c" * 32)


def plane() -> DataPlane:
    """The plane of A, which has links with B and C."""
    node = DataPlane(A)
    node.routes_changed(RoutesChanged({B: "n", C: "m"}, {B: (B,), C: (C,)}, frozenset({B, C})))
    return node


def test_frames_are_delivered_once_and_sent_only_where_a_path_leads() -> None:
    outgoing = DataFrame(Kind.DATA, A, B, message_id=1)
    assert not DataPlane(A).send(outgoing)
    node = plane()
    assert node.send(outgoing)
    assert node.take_output() == [(B, "n", outgoing)]
    incoming = DataFrame(Kind.DATA, B, A, message_id=1)
    node.received(B, incoming)
    node.received(B, incoming)
    assert node.take_delivered() == [incoming]
    assert node.counters["duplicate"] == 1


def test_what_a_node_sends_to_itself_is_delivered_without_a_link() -> None:
    node = DataPlane(A)
    assert node.send(DataFrame(Kind.DATA, A, A, message_id=1))
    assert len(node.take_delivered()) == 1


def test_a_frame_whose_ttl_ends_here_is_counted_and_goes_no_farther() -> None:
    node = plane()
    node.received(B, DataFrame(Kind.DATA, B, C, message_id=1, ttl=1))
    assert node.take_output() == []
    assert node.counters["ttl_expired"] == 1
    node.received(B, DataFrame(Kind.DATA, B, C, message_id=2, ttl=2))
    ((peer, _, frame),) = node.take_output()
    assert (peer, frame.ttl) == (C, 1)


def test_a_frame_without_a_path_is_counted() -> None:
    node = plane()
    node.received(B, DataFrame(Kind.DATA, B, NodeId("d" * 32), message_id=1))
    assert node.take_output() == []
    assert node.counters["no_path"] == 1


def test_a_broadcast_is_delivered_and_passed_on_once() -> None:
    node = plane()
    frame = DataFrame(Kind.DATA, B, BROADCAST, message_id=1, ttl=9)
    node.received(B, frame)
    assert node.take_delivered() == [frame]
    assert node.take_output() == [(C, "m", replace(frame, ttl=8))]
    node.received(C, frame)
    assert node.take_delivered() == []
    assert node.counters["duplicate"] == 1


def test_who_was_heard_and_where_data_went_is_told_once() -> None:
    node = plane()
    node.received(B, DataFrame(Kind.DATA, B, A, message_id=1))
    node.send(DataFrame(Kind.DATA, A, C, message_id=1))
    assert node.take_traffic() == (frozenset({B}), frozenset({B, C}))
    assert node.take_traffic() == (frozenset(), frozenset())
