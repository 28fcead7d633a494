from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import BROADCAST, NodeId
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.inlet import read_grants
from cantor.mesh.outlet import WINDOW_BYTES
from cantor.mesh.plane import PARKED_S, DataPlane
from cantor.wire import DataFrame, Kind
from cantor.wire.records import RecordReader, pack, unpack

if TYPE_CHECKING:
    from cantor.wire.records import Record

A, B, C, D = (NodeId(letter * 32) for letter in "abcd")
ALL = (0, 1, 2)
ROUTES = RoutesChanged({B: "n", C: "m"}, {B: (B,), C: (C,), D: (C, B)}, frozenset({B, C}))


def plane() -> DataPlane:
    """The plane of A, which has links with B (n) and C (m); D is behind both."""
    node = DataPlane(A)
    node.link_up(B, "n")
    node.link_up(C, "m")
    node.routes_changed(ROUTES)
    return node


def data(
    source: NodeId,
    target: NodeId,
    number: int = 1,
    *,
    size: int = 0,
    priority: int = 1,
    ttl: int = 16,
) -> DataFrame:
    return DataFrame(Kind.DATA, source, target, number, priority, ttl, body=(b"x" * size,))


def bring(node: DataPlane, nonce: str, *frames: DataFrame) -> None:
    """Let frames arrive over a link, cut and read as they are on a connection."""
    other = DataPlane(NodeId("f" * 31 + "e"))
    other.link_up(A, "x")
    for frame in frames:
        other.transmit("x", frame)
        stream = b"".join(other.take("x", "control", ALL, 1 << 30, 1 << 20))
        node.received(nonce, RecordReader().receive(stream))


def out(node: DataPlane, nonce: str, room: int = 1 << 30) -> list[DataFrame]:
    """What leaves over a link."""
    stream = b"".join(node.take(nonce, "control", ALL, room, 1 << 20))
    return [unpack(record) for record in RecordReader().receive(stream)]


def test_frames_are_delivered_once_and_sent_only_where_a_path_leads() -> None:
    assert DataPlane(A).send(data(A, B)) == "there is no path to it"
    node = plane()
    assert not node.send(data(A, B))
    assert node.take_dirty() == ["n"]
    assert [frame.destination for frame in out(node, "n")] == [B]
    bring(node, "n", data(B, A), data(B, A))
    assert [frame.source for frame in node.take_delivered()] == [B]
    assert node.counters["duplicate"] == 1


def test_what_a_node_sends_to_itself_is_delivered_without_a_link() -> None:
    node = DataPlane(A)
    assert not node.send(data(A, A))
    assert len(node.take_delivered()) == 1


def test_a_frame_is_passed_on_with_one_hop_less_and_otherwise_as_it_came() -> None:
    node = plane()
    for size in (10, 100_000):
        bring(node, "n", data(B, C, size, size=size, ttl=9))
        (frame,) = out(node, "m")
        assert (frame.source, frame.ttl, len(frame.body[0])) == (B, 8, size)


class Door:
    """Takes what is passed on at once while it is open."""

    def __init__(self) -> None:
        self.is_open = True
        self.passed: list[tuple[str, int, DataFrame]] = []

    def __call__(self, nonce: str, channel: int, record: Record) -> bool:
        if self.is_open:
            self.passed.append((nonce, channel, unpack(record)))
        return self.is_open


def relay() -> tuple[DataPlane, Door]:
    node, door = plane(), Door()
    node.pass_on = door
    return node, door


def test_a_small_frame_that_nothing_waits_before_is_passed_on_at_once() -> None:
    node, door = relay()
    bring(node, "n", data(B, C, 1, ttl=9))
    ((nonce, channel, frame),) = door.passed
    assert (nonce, channel, frame.message_id, frame.ttl) == ("m", 1, 1, 8)
    assert (node.take_dirty(), out(node, "m")) == ([], [])
    assert node.take_traffic() == (frozenset({B}), frozenset({B, C}))


def test_a_frame_waits_where_there_is_no_room_and_none_overtakes_it() -> None:
    node, door = relay()
    door.is_open = False
    bring(node, "n", data(B, C, 1))
    door.is_open = True
    bring(node, "n", data(B, C, 2), data(D, C, 3))
    assert door.passed == []
    assert [frame.message_id for frame in out(node, "m")] == [1, 2, 3]


def test_what_a_neighbour_is_told_goes_before_what_is_passed_on() -> None:
    node, door = relay()
    node.transmit("m", DataFrame(Kind.HEARTBEAT, A, C, priority=0))
    bring(node, "n", data(B, C, 1))
    assert door.passed == []
    assert [frame.kind for frame in out(node, "m")] == [Kind.HEARTBEAT, Kind.DATA]


def test_frames_that_came_together_leave_together_and_large_ones_wait_for_their_turn() -> None:
    node, door = relay()
    records = [pack(data(B, C, number)) for number in (1, 2)]
    node.received("n", [record for record in records if isinstance(record, bytes)])
    bring(node, "n", data(B, C, 3, size=100_000))
    assert door.passed == []
    assert [frame.message_id for frame in out(node, "m")] == [1, 2, 3]


def test_what_is_passed_on_at_once_uses_credit_and_gives_it_back() -> None:
    node, door = relay()
    size = 10_000
    for number in range(WINDOW_BYTES[1] // size + 10):
        bring(node, "n", data(B, C, number, size=size))
    assert len(door.passed) == WINDOW_BYTES[1] // size + 1  # the last may exceed it
    granted = [grant for frame in out(node, "n") for grant in read_grants(frame)]
    assert sum(size for _, _, size in granted) >= WINDOW_BYTES[1] // 2
    assert out(node, "m") == []  # until the next node grants more


def test_a_frame_whose_ttl_ends_here_is_counted_and_goes_no_farther() -> None:
    node = plane()
    bring(node, "n", data(B, C, ttl=1))
    assert out(node, "m") == []
    assert node.counters["ttl_expired"] == 1


def test_a_broadcast_is_delivered_and_passed_on_once() -> None:
    node = plane()
    bring(node, "n", data(B, BROADCAST, ttl=9))
    assert len(node.take_delivered()) == 1
    assert [frame.ttl for frame in out(node, "m")] == [8]
    assert out(node, "n") == []
    bring(node, "m", data(B, BROADCAST, ttl=9))
    assert node.take_delivered() == []
    assert node.counters["duplicate"] == 1


def test_who_was_heard_and_where_data_went_is_told_once() -> None:
    node = plane()
    bring(node, "n", data(B, A))
    node.send(data(A, C))
    assert node.take_traffic() == (frozenset({B}), frozenset({B, C}))
    assert node.take_traffic() == (frozenset(), frozenset())


def test_what_waited_for_a_lost_link_leaves_by_another_way() -> None:
    node = plane()
    node.send(data(A, D, 1))
    node.send(data(A, C, 2))
    node.link_down("m")
    assert [frame.message_id for frame in out(node, "n")] == [1]
    node.routes_changed(RoutesChanged({B: "n"}, {B: (B,), C: (B,), D: (B,)}, frozenset({B})))
    assert [frame.message_id for frame in out(node, "n")] == [2]


def test_a_frame_without_a_way_waits_a_moment_and_is_then_counted() -> None:
    node = plane()
    bring(node, "n", data(B, NodeId("e" * 32)))
    node.tick(PARKED_S / 2)
    assert node.counters["no_path"] == 0
    node.tick(PARKED_S + 0.1)
    assert node.counters["no_path"] == 1


def test_a_frame_does_not_go_back_where_it_came_from() -> None:
    node = plane()
    bring(node, "m", data(C, D, 7))
    assert out(node, "m") == []
    node.routes_changed(RoutesChanged({B: "n", C: "m"}, {D: (B,)}, frozenset()))
    assert [frame.message_id for frame in out(node, "n")] == [7]


def test_urgent_frames_overtake_a_large_one_that_is_on_its_way() -> None:
    node = plane()
    node.send(data(A, B, 1, size=1_000_000, priority=2))
    reader = RecordReader()
    first = reader.receive(b"".join(node.take("n", "control", ALL, 1, 16_000)))
    node.send(data(A, B, 2, priority=0))
    order = []
    while stream := b"".join(node.take("n", "control", ALL, 1, 16_000)):
        order += [unpack(record).message_id for record in reader.receive(stream)]
    assert (first, order) == ([], [2, 1])


def test_the_lowest_class_has_its_share_of_a_shared_connection() -> None:
    node = plane()
    for number in range(400):
        node.send(data(A, B, number, size=10_000))
    node.send(data(A, C, 1000))
    for number in range(1000, 1004):
        node.send(data(A, B, number, size=60_000, priority=2))
    outlet = node._outlets["n"]
    outlet.granted(1, next(iter(outlet._flows[1])), 1 << 30)
    places = []
    for _ in range(80):
        outlet.granted(1, next(iter(outlet._flows[1])), 1 << 30)
        places += [frame.priority for frame in out(node, "n", 60_000)]
    assert places.index(2) < places.count(1)


def test_one_flow_without_credit_holds_up_no_other() -> None:
    node = plane()
    size = WINDOW_BYTES[1] // 8
    for number in range(20):
        node.send(data(A, B, number, size=size))
    node.send(data(C, B, 99, size=10))
    sent = [frame.message_id for frame in out(node, "n")]
    assert 99 in sent
    assert len(sent) < 12
    assert out(node, "n") == []


def test_credit_comes_back_when_frames_have_left_and_lets_the_rest_go() -> None:
    sender, receiver = plane(), DataPlane(B)
    receiver.link_up(A, "n")
    receiver.routes_changed(RoutesChanged({A: "n"}, {A: (A,)}, frozenset({A})))
    size, total = WINDOW_BYTES[1] // 8, 50
    for number in range(total):
        assert not sender.send(data(A, B, number, size=size))
    arrived = 0
    for _ in range(total):
        stream = b"".join(sender.take("n", "control", ALL, 1 << 30, 1 << 20))
        receiver.received("n", RecordReader().receive(stream))
        arrived += len(receiver.take_delivered())
        back = b"".join(receiver.take("n", "control", ALL, 1 << 30, 1 << 20))
        sender.received("n", RecordReader().receive(back))
    assert arrived == total


def test_credit_of_a_slow_next_hop_reaches_the_source() -> None:
    relay, sent = plane(), 0
    source = DataPlane(B)
    source.link_up(A, "n")
    source.routes_changed(RoutesChanged({A: "n"}, {C: (A,)}, frozenset({A})))
    for number in range(100):
        source.send(data(B, C, number, size=WINDOW_BYTES[1] // 8))
    for _ in range(20):
        stream = b"".join(source.take("n", "control", ALL, 1 << 30, 1 << 20))
        records = RecordReader().receive(stream)
        sent += len(records)
        relay.received("n", records)
        back = b"".join(relay.take("n", "control", ALL, 1 << 30, 1 << 20))
        source.received("n", RecordReader().receive(back))
    assert sent < 12
    assert relay.waiting_bytes("m") < 2 * WINDOW_BYTES[1]


def test_what_this_node_sends_has_a_limit() -> None:
    node = plane()
    sent = [node.send(data(A, B, number, size=4_000_000, priority=2)) for number in range(12)]
    assert sent[0] == ""
    assert sent[-1] == "too much waits for it already"
    assert node.counters["congested"] == sum(map(bool, sent))


def test_a_neighbour_that_asks_and_does_not_listen_fills_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cantor.mesh.outlet.CORE_FRAMES_MAX", 10)
    monkeypatch.setattr("cantor.mesh.outlet.CORE_BYTES_MAX", 100_000)
    node = plane()
    for _ in range(15):
        node.transmit("n", DataFrame(Kind.DIGEST, A, B))
        node.transmit("n", DataFrame(Kind.FACTS, A, B, body=(bytes(40_000),)))
    assert node.waiting_bytes("n") < 150_000
    assert node.counters["congested"] == 5 + 12
    assert len(out(node, "n")) == 10 + 3
    node.transmit("n", DataFrame(Kind.DIGEST, A, B))
    assert len(out(node, "n")) == 1


def test_a_neighbour_that_ignores_credit_is_told_off() -> None:
    node, frames = plane(), [data(B, C, n, size=1_000_000, priority=1) for n in range(140)]
    with pytest.raises(RemoteProtocolError, match="granted"):
        bring(node, "n", *frames)


def damaged(frame: DataFrame) -> bytes:
    """The record of a frame whose headers are no msgpack map."""
    packed = pack(frame)
    assert isinstance(packed, bytes)
    return packed.replace(b"\x80", b"\xc1", 1)


def test_a_neighbour_is_blamed_for_its_own_odd_frames_but_not_for_those_it_passes_on() -> None:
    node = plane()
    node.received("n", [damaged(data(C, A))])
    assert (node.take_delivered(), node.counters["malformed"]) == ([], 1)
    with pytest.raises(RemoteProtocolError):
        node.received("n", [damaged(data(B, A, 2))])


@pytest.mark.parametrize("length", [4, 7, 8, 40, 67])
def test_a_frame_that_is_too_short_is_refused_before_it_is_looked_at(length: int) -> None:
    packed = pack(data(B, C))
    assert isinstance(packed, bytes)
    with pytest.raises(RemoteProtocolError, match="header"):
        plane().received("n", [packed[:length]])


def test_a_frame_on_the_channel_of_another_priority_is_not_passed_on() -> None:
    packed = pack(data(B, C, priority=1))
    assert isinstance(packed, bytes)
    with pytest.raises(RemoteProtocolError, match="channel"):
        plane().received("n", [bytes((packed[0] ^ 0x20,)) + packed[1:]])


def test_bulk_flows_spread_over_equal_ways_and_stay_there() -> None:
    node = plane()
    chosen: dict[int, str] = {}
    for round_number in range(3):
        for flags in range(4):
            frame = data(A, D, 10 * round_number + flags, priority=2)
            frame.flags = flags
            node.send(frame)
        for nonce in ("n", "m"):
            for frame in out(node, nonce):
                assert chosen.setdefault(frame.flags, nonce) == nonce
    assert sorted(chosen.values()) == ["m", "m", "n", "n"]


def test_priority_0_takes_the_shortest_way() -> None:
    node = plane()
    for number in range(4):
        node.send(data(A, D, number, priority=0))
    assert len(out(node, "m")) == 4


def test_frames_of_the_core_come_back_to_the_core() -> None:
    node = plane()
    packed = pack(DataFrame(Kind.HEARTBEAT, B, A, priority=0, headers={"beat_ms": 500}))
    assert isinstance(packed, bytes)
    (frame,) = node.received("n", RecordReader().receive(packed))
    assert (frame.kind, frame.source) == (Kind.HEARTBEAT, B)
