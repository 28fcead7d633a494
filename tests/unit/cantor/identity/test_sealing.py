"""Handshakes and sessions between nodes, over a wire that the test holds in its hands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.identity.conftest import NOW
from tests.unit.cantor.identity.sealing_nodes import Node, pass_time, talk

from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.sealing import (
    ASK_AGAIN_STANDING_S,
    HELLO_S,
    LOOK_S,
    PEERS_MAX,
    UNCONFIRMED_S,
    WAIT_S,
    WAITING_BYTES_MAX,
)
from cantor.identity.seals import REKEY_S
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable


def test_frames_wait_for_the_handshake_and_then_arrive_in_order(a: Node, b: Node) -> None:
    hello = a.send(b, b"1")
    assert [frame.kind for frame in hello] == [Kind.SEAL_HELLO]
    assert a.send(b, b"2") == []
    assert a.seals.waiting_bytes(b.id) > 0
    talk(a, b, hello)
    assert b.texts == [b"1", b"2"]
    assert a.seals.waiting_bytes(b.id) == 0
    talk(a, b, a.send(b, b"3"))
    talk(b, a, b.send(a, b"4"))
    assert (b.texts, a.texts) == ([b"1", b"2", b"3"], [b"4"])
    assert [frame.source for frame in b.inbox] == [a.id] * 3
    assert not a.counters
    assert not b.counters


def test_both_may_say_hello_at_once(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"), b.send(a, b"2"))
    talk(a, b, a.send(b, b"3"), b.send(a, b"4"))
    assert (b.texts, a.texts) == ([b"1", b"3"], [b"2", b"4"])


@pytest.mark.parametrize("lost", ["hello", "answer", "proof"])
def test_a_lost_step_is_made_up_for(a: Node, b: Node, lost: str) -> None:
    hello = a.send(b, b"1")
    if lost == "hello":
        (hello,) = pass_time(1.0, a)
    answer = b.hear(hello)
    if lost == "answer":
        (hello,) = pass_time(1.0, a)
        answer = b.hear(hello)
    frames = a.hear(answer)
    assert len(frames) == 2  # an empty one as proof, and the frame
    talk(a, b, frames[1:] if lost == "proof" else frames)
    assert b.texts == [b"1"]
    talk(b, a, b.send(a, b"2"))
    assert a.texts == [b"2"]


def test_everything_may_come_twice(a: Node, b: Node) -> None:
    hello = a.send(b, b"1")
    answer = b.hear(hello * 2)
    assert len(answer) == 2
    assert answer[0].body == answer[1].body
    talk(a, b, a.hear(answer) * 2)
    assert b.texts == [b"1"]
    assert b.counters["replayed"] == 2
    assert a.counters["late_hello"] == 1


def test_a_late_hello_changes_nothing(a: Node, b: Node) -> None:
    hello = a.send(b, b"1")
    answer = b.hear(hello)
    talk(a, b, a.hear(answer))
    assert b.hear(hello) == []
    assert a.hear(answer) == []
    assert (a.counters["late_hello"], b.counters["late_hello"]) == (1, 1)
    talk(a, b, a.send(b, b"2"), b.send(a, b"3"))
    assert (b.texts, a.texts) == ([b"1", b"2"], [b"3"])


def test_a_hello_from_before_a_restart_begins_nothing(a: Node, b: Node) -> None:
    old = a.send(b, b"1")
    talk(a, b, old)
    b.restart()
    assert len(b.hear(old)) == 1  # b has forgotten it and answers, but nobody can go on with that
    assert not b.seals.is_ready(a.id)
    talk(a, b, a.send(b, b"2"))  # a seals with the former session: b says hello
    assert b.counters["unknown_seal"] == 1
    talk(a, b, a.send(b, b"3"))
    assert b.texts == [b"1", b"3"]
    pass_time(UNCONFIRMED_S + LOOK_S, b)
    talk(a, b, a.send(b, b"4"))
    assert b.texts == [b"1", b"3", b"4"]


def test_who_hears_that_the_other_has_restarted_seals_no_more_for_its_former_run(
    a: Node, b: Node
) -> None:
    talk(a, b, a.send(b, b"1"))
    b.restart()
    a.seals.heard_epoch(b.id, b.epoch)
    talk(a, b, a.send(b, b"2"))
    assert b.texts == [b"1", b"2"]
    a.seals.heard_epoch(b.id, b.epoch)
    assert a.seals.is_ready(b.id)


def test_a_hello_in_another_nodes_name_is_refused(
    a: Node, b: Node, make: Callable[..., Node]
) -> None:
    c = make("c")
    (hello,) = c.send(b)
    forged = dataclasses.replace(hello, source=a.id)
    assert b.hear([forged]) == []
    packed, signature, certificate = hello.body
    named = bytes(packed).replace(c.id.encode(), a.id.encode())
    for body in (
        (named, signature, certificate),
        (named, signature, a.folder.chain.pem),
        (named, signature, b"no certificate"),
        (b"\xc1", signature, certificate),
        (named, signature),
        (bytes(2000), signature, certificate),
    ):
        assert b.hear([dataclasses.replace(forged, body=body)]) == []
    assert b.counters["forged"] == 7
    assert not b.seals.is_ready(a.id)


def test_another_mesh_and_another_root_are_refused(a: Node, make: Callable[..., Node]) -> None:
    stranger = make("s", Authority.create("mesh.test", "acme", now=NOW))
    assert a.hear(stranger.send(a)) == []
    assert a.counters["forged"] == 1


def test_a_forged_answer_does_not_keep_the_true_one_out(a: Node, b: Node) -> None:
    hello = a.send(b, b"1")
    answer = b.hear(hello)
    wrong = dataclasses.replace(answer[0], body=(answer[0].body[0], b"x", answer[0].body[2]))
    assert a.hear([wrong]) == []
    assert a.counters["forged"] == 1
    talk(a, b, a.hear(answer))
    assert b.texts == [b"1"]


def test_frames_of_unknown_sessions_make_a_node_say_hello_now_and_then_only(
    a: Node, b: Node
) -> None:
    forged = DataFrame(Kind.SEALED, b.id, a.id, hlc=5, body=(bytes(40),))
    said = a.hear([forged] * 50)
    assert [frame.kind for frame in said] == [Kind.SEAL_HELLO]
    assert a.counters["unknown_seal"] == 50
    talk(a, b, said)
    assert a.seals.is_ready(b.id)
    pass_time(1.0, a)
    assert len(a.hear([forged] * 50)) == 1
    pass_time(HELLO_S, a)
    pass_time(1.0, a)
    assert a.hear([forged] * 50) == []
    pass_time(ASK_AGAIN_STANDING_S, a)
    assert len(a.hear([forged] * 50)) == 1


def test_a_flood_of_hellos_is_bounded_and_the_node_speaks_first_instead(a: Node, b: Node) -> None:
    (hello,) = b.send(a)
    packed, _, certificate = hello.body
    flood = [dataclasses.replace(hello, body=(packed, b"%d" % n, certificate)) for n in range(50)]
    said = a.hear(flood)
    assert a.counters["forged"] <= 6
    assert a.counters["hello_over_quota"] >= 44
    talk(a, b, said)
    talk(a, b, a.send(b, b"1"))
    assert b.texts == [b"1"]


def test_an_unknown_node_gets_no_answer(a: Node, b: Node) -> None:
    b.known = False
    assert b.hear(a.send(b)) == []
    assert b.counters["no_path"] == 1
    assert b.hear([DataFrame(Kind.SEALED, a.id, b.id, body=(bytes(40),))]) == []


def test_a_worn_session_is_replaced_and_loses_nothing(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"))
    pass_time(REKEY_S, a, b)
    frames = a.send(b, b"2")
    talk(a, b, [*a.output(), *frames])
    assert not a.counters
    pass_time(REKEY_S - 1, a, b)
    talk(a, b, a.send(b, b"3"), b.send(a, b"4"))
    assert (b.texts, a.texts) == ([b"1", b"2", b"3"], [b"4"])


def test_a_denied_node_is_heard_no_more(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"))
    b.denied.add(a.id)
    pass_time(LOOK_S, b)
    talk(a, b, a.send(b, b"2"))
    assert b.texts == [b"1"]
    assert not b.seals.is_ready(a.id)
    (again,) = pass_time(1.0, a)
    assert b.hear(again) == []


def test_what_waits_is_bounded_and_does_not_wait_for_ever(a: Node, b: Node) -> None:
    big = DataFrame(Kind.DATA, a.id, b.id, body=(b"",))
    assert a.seals.wait(big, 10 * WAITING_BYTES_MAX) == ""
    assert "too much" in a.seals.wait(big, 1)
    pass_time(WAIT_S, a)
    assert a.counters["no_seal"] == 1
    assert a.seals.waiting_bytes(b.id) == 0
    pass_time(HELLO_S, a)
    pass_time(LOOK_S, a)
    assert a.seals.wait(big, 1) == ""


def test_a_hello_is_said_anew_while_frames_wait(a: Node, b: Node) -> None:
    first = a.send(b, b"1")
    pass_time(WAIT_S - 0.5, a)
    a.send(b, b"2")
    pass_time(WAIT_S - 0.5, a)
    a.send(b, b"3")
    (second,) = pass_time(2.5, a)
    assert second[0].body[0] != first[0].body[0]
    talk(a, b, second)
    assert b.texts == [b"3"]


def test_a_node_speaks_with_a_bounded_number_of_others(a: Node) -> None:
    for number in range(PEERS_MAX):
        a.seals._peer(NodeId(f"{number:032x}"))
    assert "too many" in a.seals.wait(DataFrame(Kind.DATA, a.id, NodeId("e" * 32)), 1)


def test_no_frame_is_sealed_twice_over(a: Node, b: Node) -> None:
    talk(a, b, a.send(b, b"1"))
    inside = DataFrame(Kind.SEALED, a.id, b.id, body=(b"x",))
    assert b.seals.opened(a.seals.seal(inside)) is None
