"""What a relay can do to the opening of a session, and what comes of it: nothing but delay."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.cantor.identity.sealing_nodes import Node, pass_time, talk

from cantor.identity import seal_hellos
from cantor.identity.seal_hellos import make_hello
from cantor.identity.sealing import (
    ASK_AGAIN_STANDING_S,
    HELLO_S,
    LOOK_S,
    UNCONFIRMED_S,
    WRONG_ANSWERS_MAX,
)
from cantor.identity.seals import REKEY_S
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def c(make: Callable[..., Node]) -> Node:
    return make("c")


def session_keys(node: Node) -> list[int]:
    """The names of every session that a node has or may come to have."""
    peers = node.seals._peers.values()
    pending = [peer.reply.session.name for peer in peers if peer.reply is not None]
    return [session.name for peer in peers for session in peer.sessions] + pending


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_order_a_relay_chooses_each_frame_arrives_once_at_most_and_none_is_altered(
    make: Callable[..., Node], draw: st.DataObject
) -> None:
    a, b = make("a"), make("b")
    a.restart()
    b.restart()
    sent: dict[str, set[bytes]] = {a.id: set(), b.id: set()}
    wire: list[DataFrame] = []
    for step in range(draw.draw(st.integers(5, 30))):
        act = draw.draw(st.sampled_from(["send", "carry", "carry", "carry", "wait"]))
        if act == "send":
            source, target = draw.draw(st.sampled_from([(a, b), (b, a)]))
            sent[source.id].add(b"%d" % step)
            wire += source.send(target, b"%d" % step)
        elif act == "wait":
            for said in pass_time(draw.draw(st.sampled_from([0.5, 6.0, 40.0])), a, b):
                wire += said
        elif wire:  # in any order, and as often as it likes: nothing is taken off the wire
            frame = draw.draw(st.sampled_from(wire))
            wire += (b if frame.destination == b.id else a).hear([frame])
    for node, other in ((a, b), (b, a)):
        assert len(set(node.texts)) == len(node.texts)
        assert set(node.texts) <= sent[other.id]
        assert all(frame.source == other.id for frame in node.inbox)
    pass_time(ASK_AGAIN_STANDING_S, a, b)  # whoever asked in vain asks no sooner than that
    talk(a, b, a.send(b, b"at last"))
    for _ in range(3):
        talk(a, b, *pass_time(2.0, a, b))
    talk(a, b, a.send(b, b"at last"))
    assert b"at last" in b.texts


def test_an_answer_that_comes_too_late_begins_nothing(a: Node, b: Node) -> None:
    answer = b.hear(a.send(b, b"1"))
    pass_time(HELLO_S + 1.0, a)
    assert a.hear(answer) == []
    assert a.counters["late_hello"] == 1
    assert not a.seals.is_ready(b.id)


def test_a_proof_that_comes_too_late_begins_nothing_and_another_session_is_made(
    a: Node, b: Node
) -> None:
    proof = a.hear(b.hear(a.send(b, b"1")))
    pass_time(UNCONFIRMED_S + LOOK_S, b)
    said = b.hear(proof)
    assert b.texts == []
    assert not b.seals.is_ready(a.id)
    talk(b, a, said)
    talk(a, b, a.send(b, b"2"))
    assert b.texts == [b"2"]


def test_an_answer_to_one_hello_does_not_go_with_another(a: Node, b: Node) -> None:
    first = b.hear(a.send(b, b"1"))
    a.restart()
    second = b.hear(a.send(b, b"2"))
    assert a.hear(first) == []
    assert a.counters["late_hello"] == 1
    talk(a, b, a.hear(second))
    assert b.texts == [b"2"]


def test_an_answer_for_another_node_is_refused(a: Node, b: Node, c: Node) -> None:
    """C tells A that it is B, with B's own words to C."""
    (hello,) = c.send(b)
    (answer,) = b.hear([hello])
    a.send(b, b"1")
    assert a.hear([dataclasses.replace(answer, destination=a.id)]) == []
    assert a.counters["forged"] == 1
    assert b.hear([dataclasses.replace(hello, destination=a.id)]) == []


def test_a_hello_that_comes_back_to_who_said_it_begins_nothing(a: Node, b: Node) -> None:
    (hello,) = a.send(b, b"1")
    assert a.hear([dataclasses.replace(hello, source=b.id, destination=a.id)]) == []
    assert a.counters["forged"] == 1
    assert not a.seals.is_ready(b.id)
    assert session_keys(a) == []


def test_a_frame_that_comes_back_to_who_sealed_it_is_refused(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"))
    (sealed,) = a.send(b, b"2")
    back = dataclasses.replace(sealed, source=b.id, destination=a.id)
    assert a.hear([back]) == []
    assert a.counters["forged"] == 1
    assert a.texts == []


def test_who_answers_needs_a_new_key_each_time_so_that_no_number_repeats_under_one(
    a: Node, b: Node
) -> None:
    names = set()
    for _ in range(5):
        answer = b.hear(a.send(b, b"x"))
        names.update(session_keys(b))
        a.hear(answer)
        pass_time(UNCONFIRMED_S + LOOK_S, b)
        a.restart()
    assert len(names) == 5


def test_a_repeated_hello_gets_the_same_answer_and_no_second_session(a: Node, b: Node) -> None:
    hello = a.send(b, b"1")
    answers = [b.hear(hello) for _ in range(3)]
    assert len({bytes(answer[0].body[0]) for answer in answers}) == 1
    assert len(session_keys(b)) == 1


def test_what_was_sealed_before_a_session_was_replaced_is_not_heard_again(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"))
    former = a.send(b, b"2")
    b.hear(former)
    for number in range(4):  # more than are kept
        pass_time(REKEY_S, a, b)
        frames = a.send(b, b"new %d" % number)
        talk(a, b, [*a.output(), *frames])
        b.hear(former)
    assert b.texts.count(b"2") == 1
    assert len(session_keys(b)) <= 3


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), b"\xed" + b"\xff" * 30 + b"\x7f"])
def test_a_key_that_makes_the_same_secret_with_every_other_is_refused(
    a: Node, b: Node, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hostile:
        """A private key whose public half is a point of low order."""

        def public_key(self) -> Hostile:
            return self

        def public_bytes_raw(self) -> bytes:
            return key

    signer = a.seals._signer
    hello = make_hello(signer, b.id, (1, 5), Hostile())  # type: ignore[arg-type]
    assert b.hear([hello.frame()]) == []
    (own,) = b.send(a)
    digest = seal_hellos.read_hello(own).digest
    answer = make_hello(signer, b.id, (1, 6), Hostile(), digest)  # type: ignore[arg-type]
    assert b.hear([answer.frame()]) == []
    assert b.counters["forged"] == 2
    assert not b.seals.is_ready(a.id)


def test_of_many_forged_answers_few_are_checked(a: Node, b: Node) -> None:
    (hello,) = a.send(b, b"1")
    (answer,) = b.hear([hello])
    packed, _, certificate = answer.body
    flood = [
        dataclasses.replace(answer, body=(packed, b"%d" % number, certificate))
        for number in range(3 * WRONG_ANSWERS_MAX)
    ]
    a.hear(flood)
    assert a.counters["forged"] == WRONG_ANSWERS_MAX
    assert a.counters["hello_over_quota"] == 2 * WRONG_ANSWERS_MAX
    assert a.seals.waiting_bytes(b.id) > 0  # and a new hello makes up for it
    pass_time(HELLO_S, a)
    talk(a, b, a.send(b, b"2"))
    assert b.texts == [b"2"]


def test_a_hello_for_a_mesh_of_another_name_is_refused(a: Node, b: Node) -> None:
    signer = dataclasses.replace(a.seals._signer, mesh="other.test")
    hello = make_hello(signer, b.id, (1, 5), X25519PrivateKey.generate())
    assert b.hear([hello.frame()]) == []
    assert b.counters["forged"] == 1


def test_a_session_ends_with_the_certificate_under_it(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"))
    b.denied.add(a.id)
    pass_time(LOOK_S, b)
    assert session_keys(b) == []
    pending = a.hear(b.hear(a.send(b, b"2")))
    assert b.hear(pending) == []
    assert b.texts == [b"1"]


def test_what_is_kept_of_others_goes_when_nothing_is_going_on(a: Node, b: Node, c: Node) -> None:
    for _ in range(3):
        a.hear([DataFrame(Kind.SEALED, other.id, a.id, body=(bytes(40),)) for other in (b, c)])
    talk(a, b, b.send(a, b"1"))
    assert len(a.seals._peers) == 2
    pass_time(2 * REKEY_S + HELLO_S, a)
    pass_time(LOOK_S, a)
    assert a.seals._peers == {}
    assert a.seals._busy == set()
