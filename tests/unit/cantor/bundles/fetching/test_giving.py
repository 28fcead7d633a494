"""Who gives what to whom."""

from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.bundles.fetching.giving import Give, Giving, Tell
from cantor.bundles.fetching.manifest import Part
from cantor.bundles.fetching.messages import Absent, Ask, Elsewhere, Soon

ME, A, B, C, D = (NodeId(letter * 32) for letter in "mabcd")
PART = Part.of("w", [b"one", b"two"])


def ask(chunk: int = 0, *tried: NodeId) -> Ask:
    return Ask(PART.id, chunk, tried)


def whole() -> Giving:
    giving = Giving(ME)
    giving.offer(PART)
    return giving


def elsewhere(to: NodeId, *nodes: NodeId) -> Tell:
    return Tell(to, Elsewhere(PART.id, 0, nodes))


def test_a_chunk_is_given_twice_and_then_said_to_be_elsewhere() -> None:
    giving = whole()

    assert giving.asked(A, ask()) == Give(A, PART.id, 0)
    assert giving.asked(B, ask()) == Give(B, PART.id, 0)
    assert giving.asked(C, ask()) == elsewhere(C, A, B)
    assert giving.asked(C, ask(1)) == Give(C, PART.id, 1)


def test_who_tried_the_others_in_vain_is_given_it() -> None:
    giving = whole()
    giving.asked(A, ask())
    giving.asked(B, ask())

    assert giving.asked(C, ask(0, A)) == elsewhere(C, B)
    assert giving.asked(C, ask(0, A, B)) == Give(C, PART.id, 0)


def test_what_got_lost_on_the_way_is_given_again() -> None:
    giving = whole()
    giving.asked(A, ask())
    giving.asked(B, ask())

    assert giving.asked(A, ask(0, ME)) == Give(A, PART.id, 0)
    assert giving.asked(A, ask()) == elsewhere(A, B)


def test_nobody_is_sent_to_a_node_that_is_gone() -> None:
    giving = whole()
    giving.asked(A, ask())
    giving.asked(B, ask())

    giving.gone(A)

    assert giving.asked(C, ask()) == elsewhere(C, B)


def test_two_may_wait_for_what_is_coming_and_the_others_wait_with_them() -> None:
    giving = Giving(ME)
    giving.expect(PART)

    assert giving.asked(A, ask()) == Tell(A, Soon(PART.id, 0))
    assert giving.asked(A, ask()) == Tell(A, Soon(PART.id, 0))
    assert giving.asked(B, ask()) == Tell(B, Soon(PART.id, 0))
    assert giving.asked(C, ask()) == elsewhere(C, A, B)
    assert giving.asked(C, ask(0, A, B)) == Tell(C, Soon(PART.id, 0))
    assert giving.arrived(PART.id, 0) == [Give(one, PART.id, 0) for one in (A, B, C)]
    assert giving.arrived(PART.id, 0) == []


def test_what_is_not_here_is_absent() -> None:
    giving = Giving(ME)
    assert giving.asked(A, ask()) == Tell(A, Absent(PART.id, 0))
    giving.expect(PART)
    giving.asked(A, ask())

    assert giving.asked(B, ask(7)) == Tell(B, Absent(PART.id, 7))
    assert giving.withdraw(PART.id) == [Tell(A, Absent(PART.id, 0))]
    assert giving.asked(B, ask()) == Tell(B, Absent(PART.id, 0))
    assert giving.withdraw(PART.id) == []
