"""A connection that takes the place of another to the same peer, as when certificates change."""

from __future__ import annotations

from random import Random

from cantor.base.ids import NodeId
from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import CloseLink
from cantor.mesh.events import LinkDown, LinkMeasured, LinkUp, TimerFired, Traffic
from cantor.mesh.graph import read_links

A, B = NodeId("a" * 32), NodeId("b" * 32)


def core() -> MeshCore:
    ledger = Ledger(A, epoch=1, sign=lambda _: b"", certificate=b"", verify=lambda *_: False)
    return MeshCore(A, "m", ledger, Random(1))  # noqa: S311


def measure(node: MeshCore, link: str, now: float) -> None:
    """B is heard, and the round trip to it takes 100 ms."""
    node.handle(Traffic(heard=frozenset({B}), carried=frozenset()), now)
    node.handle(LinkMeasured(B, link, 0.1, 0.0, 0.0, 0), now)


def test_a_link_that_replaces_another_costs_what_was_measured_and_nothing_is_said_anew() -> None:
    node = core()
    node.handle(LinkUp(B, "old", dialled=True), 0.0)
    for second in range(1, 5):
        measure(node, "old", float(second))
    node.handle(TimerFired("tick"), 5.0)
    said = node.ledger.stamp(A, "links")
    assert read_links(node.ledger.get(A, "links")) == {B: 21.0}

    effects = node.handle(LinkUp(B, "new", dialled=True), 6.0)
    assert CloseLink(B, "old", "another link took its place") in effects
    node.handle(LinkDown(B, "old"), 6.1)
    for second in range(7, 12):
        measure(node, "new", float(second))
        node.handle(TimerFired("tick"), second + 0.5)

    assert [(link.nonce, link.cost) for link in node.links] == [("new", 21.0)]
    assert node.ledger.stamp(A, "links") == said


def test_a_link_that_replaces_one_that_was_never_measured_begins_with_its_own_cost() -> None:
    node = core()
    node.handle(LinkUp(B, "old", dialled=True, cost=2.0), 0.0)
    node.handle(LinkUp(B, "new", dialled=True, cost=3.0), 0.1)
    node.handle(TimerFired("tick"), 1.0)
    assert read_links(node.ledger.get(A, "links")) == {B: 3.0}
