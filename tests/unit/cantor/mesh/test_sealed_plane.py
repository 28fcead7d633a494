"""What the data plane seals, signs, believes and refuses; the seals themselves are a fake."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import BROADCAST, NodeId
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.plane import ROOM_BYTES, DataPlane
from cantor.mesh.sealed_plane import SealedPlane
from cantor.mesh.verify_quota import FAILED_AT_ONCE, FAILED_PER_S
from cantor.wire import DataFrame, Kind
from cantor.wire.frame import HEADER
from cantor.wire.reader import FRAME_BYTES_MAX
from cantor.wire.records import INNER_BYTES_MAX, PREFIX_SIZE, RecordReader, pack, unpack
from cantor.wire.sealed import content_of, inner_frame, outer_frame

if TYPE_CHECKING:
    from cantor.mesh.inlet import Inflow, Inlet

A, B, C, D = (NodeId(letter * 32) for letter in "abcd")
ALL = (0, 1, 2)
ROUTES = RoutesChanged({B: "n", C: "m"}, {B: (B,), C: (C,), D: (C, B)}, frozenset({B, C}))


class OpenSeals:
    """Seals that hide nothing and believe all but what says ``forged``."""

    def __init__(self) -> None:
        self.ready = True
        self.waiting: list[DataFrame] = []
        self.output: list[DataFrame] = []
        self.checks = 0

    def is_ready(self, destination: NodeId) -> bool:
        return self.ready

    def seal(self, frame: DataFrame) -> DataFrame:
        outer = outer_frame(frame, Kind.SEALED, 0, 0)
        outer.body = (content_of(frame),)
        return outer

    def wait(self, frame: DataFrame, size: int) -> str:
        if len(self.waiting) > 1:
            return "full"
        self.waiting.append(frame)
        self.output.append(DataFrame(Kind.SEAL_HELLO, A, frame.destination))
        return ""

    def waiting_bytes(self, destination: NodeId) -> int:
        return 1000 * len(self.waiting)

    def opened(self, frame: DataFrame) -> DataFrame | None:
        if frame.kind == Kind.SEAL_HELLO:
            self.output.append(DataFrame(Kind.SEAL_HELLO, A, frame.source))
            return None
        return inner_frame(frame, frame.body[0])

    def sign(self, frame: DataFrame) -> DataFrame:
        outer = outer_frame(frame, Kind.SIGNED, frame.message_id, 0)
        outer.body = (content_of(frame),)
        return outer

    def verified(self, frame: DataFrame) -> DataFrame | None:
        if frame.kind != Kind.SIGNED:
            return None
        self.checks += 1
        inner = inner_frame(frame, frame.body[0])
        if inner.body == (b"forged",):
            raise RemoteProtocolError("forged")
        return inner

    def take_output(self) -> list[DataFrame]:
        output, self.output = self.output, []
        return output


def plane() -> tuple[SealedPlane, OpenSeals]:
    """The plane of A, which has links with B (n) and C (m); D is behind both."""
    seals = OpenSeals()
    node = SealedPlane(A, Counter(), seals)
    node.link_up(B, "n")
    node.link_up(C, "m")
    node.routes_changed(ROUTES)
    return node, seals


def data(source: NodeId, target: NodeId, number: int = 1, body: bytes = b"x") -> DataFrame:
    return DataFrame(Kind.DATA, source, target, number, body=(body,))


def record(frame: DataFrame) -> bytes:
    packed = pack(frame)
    assert isinstance(packed, bytes)
    return packed


def bring(node: DataPlane, nonce: str, *frames: DataFrame) -> list[DataFrame]:
    """Let frames arrive over a link; what is then delivered."""
    node.received(nonce, [record(frame) for frame in frames])
    return node.take_delivered()


def out(node: DataPlane, nonce: str) -> list[DataFrame]:
    stream = b"".join(node.take(nonce, "control", ALL, 1 << 30, 1 << 20))
    return [unpack(one) for one in RecordReader().receive(stream)]


def test_only_what_goes_by_a_relay_is_sealed() -> None:
    node, seals = plane()
    node.send(data(A, B))
    node.send(data(A, D))
    node.send(data(A, D, body=bytes(100_000)))
    assert out(node, "n") == [data(A, B)]
    small, large = out(node, "m")
    assert (small.kind, small.source, small.destination) == (Kind.SEALED, A, D)
    assert seals.opened(small) == data(A, D)
    assert seals.opened(large) == data(A, D, body=bytes(100_000))


def test_what_cannot_be_sealed_yet_waits_and_takes_room() -> None:
    node, seals = plane()
    seals.ready = False
    assert node.room(D, 1, 0) == ROOM_BYTES
    assert [node.send(data(A, D, number)) for number in (1, 2, 3)] == ["", "", "full"]
    assert node.counters["congested"] == 1
    assert [frame.kind for frame in out(node, "m")] == [Kind.SEAL_HELLO] * 2
    assert node.room(D, 1, 0) == ROOM_BYTES - 2000
    seals.ready, seals.output = True, seals.waiting
    node.send_seals()
    assert [frame.kind for frame in out(node, "m")] == [Kind.SEALED] * 2


def test_what_has_waited_for_its_seal_is_counted_by_why_it_is_dropped() -> None:
    node, seals = plane()
    seals.ready, seals.waiting = False, [data(A, D)] * 2
    seals.output = [data(A, D, 3)]
    node.send_seals()
    assert (node.counters["congested"], node.counters["no_path"]) == (1, 0)
    node.link_down("n")
    node.link_down("m")
    node.counters.clear()
    seals.output = [data(A, D, 3)]
    node.send_seals()
    assert (node.counters["congested"], node.counters["no_path"]) == (0, 1)


def test_what_can_be_sent_can_be_sealed_and_all_else_is_refused_at_once() -> None:
    node, _ = plane()
    limit = INNER_BYTES_MAX - HEADER.size - 4
    assert node.send(data(A, D, body=bytes(limit))) == ""
    for target in (B, D, BROADCAST):
        with pytest.raises(LocalProtocolError, match="at most"):
            node.send(data(A, target, body=bytes(FRAME_BYTES_MAX)))
        with pytest.raises(LocalProtocolError, match="msgpack"):
            node.send(DataFrame(Kind.DATA, A, target, headers={"t": object()}))  # type: ignore[dict-item]
    with pytest.raises(LocalProtocolError, match="at most"):
        node.send(data(A, D, body=bytes(limit + 1)))


def test_a_frame_is_believed_from_its_source_or_under_a_seal_only() -> None:
    node, seals = plane()
    assert bring(node, "n", data(B, A)) == [data(B, A)]
    assert bring(node, "n", data(C, A), data(D, A)) == []
    assert node.counters["unsealed"] == 2
    assert bring(node, "m", data(C, A)) == [data(C, A)]  # the forged one did not use up its number
    assert bring(node, "n", seals.seal(data(D, A))) == [data(D, A)]
    assert bring(node, "n", seals.seal(data(B, A, 7))) == [data(B, A, 7)]


def test_what_names_this_node_as_its_source_is_refused_whoever_brings_it() -> None:
    node, seals = plane()
    mine = [data(A, A), seals.seal(data(A, A)), seals.sign(data(A, BROADCAST))]
    assert bring(node, "n", *mine, DataFrame(Kind.SEAL_HELLO, A, A)) == []
    assert node.counters["duplicate"] == 4
    assert seals.output == []


def test_streams_are_not_believed_from_others_either() -> None:
    node, _ = plane()
    for kind in (Kind.STREAM, Kind.STREAM_ACK):
        assert bring(node, "n", DataFrame(kind, C, A, headers={"s": 1})) == []
    assert node.counters["unsealed"] == 2


def test_a_hello_is_answered_at_once() -> None:
    node, _ = plane()
    assert bring(node, "m", DataFrame(Kind.SEAL_HELLO, D, A)) == []
    assert [(frame.kind, frame.destination) for frame in out(node, "m")] == [(Kind.SEAL_HELLO, D)]


def test_a_malformed_frame_is_not_the_relays_fault() -> None:
    node, seals = plane()
    for frame in (seals.seal(data(D, A)), seals.sign(data(D, BROADCAST))):
        bad = bytearray(record(frame))
        bad[PREFIX_SIZE + 59] ^= 1  # the length of the headers
        node.received("m", [bytes(bad)])
    assert node.take_delivered() == []
    assert node.counters["forged"] == 2


def test_a_broadcast_is_signed_and_only_signed_ones_are_heard_and_passed_on() -> None:
    node, seals = plane()
    node.send(data(A, BROADCAST))
    assert [frame.kind for frame in out(node, "n")] == [Kind.SIGNED]
    out(node, "m")
    forged = seals.sign(data(B, BROADCAST, body=b"forged"))
    assert bring(node, "n", data(B, BROADCAST), forged) == []
    assert out(node, "m") == []
    true = seals.sign(data(B, BROADCAST))
    assert bring(node, "n", true, true) == [data(B, BROADCAST)]
    assert [frame.kind for frame in out(node, "m")] == [Kind.SIGNED]
    assert node.counters["duplicate"] == 1


def test_a_flood_of_forged_broadcasts_is_checked_no_more_and_keeps_no_other_neighbour_out() -> None:
    node, seals = plane()
    forged = [seals.sign(data(D, BROADCAST, number, b"forged")) for number in range(5000)]

    assert bring(node, "n", *forged) == []
    assert seals.checks == node.counters["forged"] == FAILED_AT_ONCE
    assert node.counters["verify_over_quota"] == len(forged) - FAILED_AT_ONCE
    true = seals.sign(data(D, BROADCAST, 6000))
    assert bring(node, "n", true) == []
    assert bring(node, "m", true) == [data(D, BROADCAST, 6000)]

    node.link_down("n")  # to begin anew gives nothing back
    node.link_up(B, "o")
    node.tick(1.0)
    assert bring(node, "o", *forged) == []
    assert node.counters["forged"] == FAILED_AT_ONCE + FAILED_PER_S
    node.tick(1.1)
    assert bring(node, "o", seals.sign(data(D, BROADCAST, 6001))) == [data(D, BROADCAST, 6001)]
    assert not any(inflow.held for inlet in node._inlets.values() for inflow in flows_of(inlet))


def flows_of(inlet: Inlet) -> list[Inflow]:
    return [flow for flows in inlet._flows for flow in flows.values()]


def test_what_had_not_left_a_direct_link_is_sealed_for_the_way_by_a_relay() -> None:
    node, seals = plane()
    node.send(data(A, C, 1))
    node.send(data(A, C, 2, bytes(100_000)))
    node.link_down("m")
    node.routes_changed(RoutesChanged({B: "n"}, {B: (B,), C: (B,), D: (B,)}, frozenset({B})))
    frames = out(node, "n")
    assert [frame.kind for frame in frames] == [Kind.SEALED] * 2
    assert [seals.seal(data(A, C, 1)), seals.seal(data(A, C, 2, bytes(100_000)))] == frames


def test_what_others_have_sealed_is_passed_on_as_it_is() -> None:
    node, seals = plane()
    sealed = seals.seal(data(B, C))
    bring(node, "n", sealed)
    node.link_down("m")
    node.link_up(C, "o")
    node.routes_changed(RoutesChanged({B: "n", C: "o"}, {B: (B,), C: (C,)}, frozenset({B, C})))
    (frame,) = out(node, "o")
    assert (frame.body, frame.ttl) == (sealed.body, sealed.ttl - 1)


def test_a_node_speaks_to_itself_without_a_seal() -> None:
    node, _ = plane()
    node.send(data(A, A))
    assert node.take_delivered() == [data(A, A)]
