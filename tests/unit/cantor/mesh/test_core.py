from __future__ import annotations

from random import Random

from cantor.base.ids import NodeId
from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import (
    CloseLink,
    Deliver,
    Dial,
    NodeAlive,
    NodeDead,
    Transmit,
    Undeliverable,
)
from cantor.mesh.events import DialFailed, LinkDown, LinkUp, PeerSeen, Received, Send, TimerFired
from cantor.wire import DataFrame, Kind

A, B = NodeId("a" * 32), NodeId("b" * 32)


def core() -> MeshCore:
    def verify(owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
        return (owner, data, signature, certificate) is None

    ledger = Ledger(A, epoch=1, sign=lambda _: b"", certificate=b"", verify=verify)
    return MeshCore(A, "m", ledger, Random(1))  # noqa: S311


def test_a_peer_of_this_mesh_is_dialled_once_and_again_after_a_pause() -> None:
    node = core()
    seen = PeerSeen(B, "m", ("h:1",))
    assert node.handle(seen, 0.0) == [Dial(B, ("h:1",))]
    assert node.handle(seen, 0.0) == []
    node.handle(DialFailed(B), 0.0)
    assert Dial(B, ("h:1",)) not in node.handle(TimerFired("tick"), 0.1)
    assert Dial(B, ("h:1",)) in node.handle(TimerFired("tick"), 0.5)


def test_a_node_of_another_mesh_is_ignored() -> None:
    assert core().handle(PeerSeen(B, "other", ("h:1",)), 0.0) == []


def test_of_two_simultaneous_dials_that_of_the_lower_node_id_stays() -> None:
    node = core()
    node.handle(LinkUp(B, "mine", dialled=True), 0.0)
    effects = node.handle(LinkUp(B, "theirs", dialled=False), 0.0)
    assert effects == [CloseLink(B, "theirs", "another link took its place")]


def test_a_neighbour_lives_with_its_link_and_dies_with_it() -> None:
    node = core()
    assert NodeAlive(B) in node.handle(LinkUp(B, "n", dialled=True), 0.0)
    assert NodeDead(B) in node.handle(LinkDown(B, "n"), 1.0)


def test_forged_facts_close_the_link_they_came_over() -> None:
    node = core()
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    frame = DataFrame(Kind.FACTS, B, A, headers={"owners": [B]}, body=(b"", b"", b""))
    effects = node.handle(Received(B, frame), 0.1)
    assert any(isinstance(effect, CloseLink) for effect in effects)


def test_frames_are_delivered_once_and_sent_only_where_a_path_leads() -> None:
    node = core()
    outgoing = DataFrame(Kind.DATA, A, B, message_id=1)
    assert any(isinstance(e, Undeliverable) for e in node.handle(Send(outgoing), 0.0))
    node.handle(LinkUp(B, "n", dialled=True), 0.0)
    assert node.handle(Send(outgoing), 0.1) == [Transmit(B, outgoing, "n")]
    incoming = DataFrame(Kind.DATA, B, A, message_id=1)
    assert node.handle(Received(B, incoming), 0.1) == [Deliver(incoming)]
    assert node.handle(Received(B, incoming), 0.1) == []
