"""What a group promises, step by step: with one member, with two, with three."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.simulation.replica_steps import A, B, C, D, Group

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.replication.core import Replica
from cantor.replication.events import (
    DeclaredDead,
    Received,
    Send,
    Unreachable,
    Wanted,
    Write,
    Written,
)
from cantor.replication.messages import Append, Letter, Stranger
from cantor.replication.records import COMMAND_BYTES_MAX, NEVER, Epoch, Kept

if TYPE_CHECKING:
    from cantor.base.ids import NodeId


def test_one_lives_with_its_owner_alone() -> None:
    group = Group(A)
    assert group.do_at(A, b"1") == "done"
    assert group.read(A) == [b"1"]
    assert group.do_at(B, b"2") == "elsewhere"
    assert group.read(B) == "elsewhere"


def test_nothing_is_acknowledged_before_it_is_synced() -> None:
    group = Group(A)
    group[A].is_held = True
    ticket = group.ask(A, b"1")
    assert ticket not in group[A].told
    group.sync(A)
    assert group[A].told[ticket] == "done"


def test_of_two_both_must_have_synced_and_the_owner_first() -> None:
    group = Group(A, B)
    assert group.nodes(A) == (A, B)
    group[A].is_held = group[B].is_held = True
    ticket = group.ask(A, b"1")
    assert group[B].writing is None
    group.sync(A)
    assert group[B].writing is not None
    assert ticket not in group[A].told
    group.sync(B)
    assert group[A].told[ticket] == "done"


def test_the_second_of_two_is_read_but_not_written_while_the_owner_is_away() -> None:
    group = Group(A, B)
    group.do_at(A, b"1")
    group.end(A)
    group.pass_time(60.0)
    assert group.owners == []
    assert group.read(B) == [b"1"]
    assert group.do_at(B, b"2") == "alone"
    standing = group[B].standing
    assert standing is not None
    assert (standing.may_read, standing.may_write) == (True, False)
    group.start(A)
    group.pass_time(30.0)
    assert group.owners == [A]
    assert group.do_at(A, b"3") == "done"
    assert group.read(B) == [b"1", b"3"]


def test_while_the_second_is_away_writes_are_refused_and_the_owner_is_read() -> None:
    group = Group(A, B)
    group.do_at(A, b"1")
    group.end(B)
    group.tell(A, Unreachable(B))
    assert group.do_at(A, b"2") == "alone"
    assert group.read(A) == [b"1"]
    group.start(B)
    group.pass_time(5.0)
    assert group.do_at(A, b"3") == "done"


def test_what_was_on_its_way_when_the_second_went_is_in_doubt_and_not_read() -> None:
    group = Group(A, B)
    group.cuts = {B}
    ticket = group.ask(A, b"1")
    group.tell(A, Unreachable(B))
    assert group[A].told[ticket] == "doubt"
    assert group.read(A) == "alone"
    group.cuts = set()
    group.pass_time(30.0)
    assert group.read(A) == [b"1"]


@pytest.mark.parametrize(("dead", "left"), [(A, B), (B, A)])
def test_who_is_left_of_two_goes_on_when_the_other_is_declared_dead(
    dead: NodeId, left: NodeId
) -> None:
    group = Group(A, B)
    group.do_at(A, b"1")
    group.end(dead)
    group.pass_time(60.0)
    assert group.do_at(left, b"2") == "alone"
    group.tell(left, DeclaredDead(dead))
    assert group.do_at(left, b"3") == "done"
    assert group.nodes(left) == (left,)
    group.tell(left, Wanted((left, C)))
    group.pass_time(20.0)
    assert group.nodes(left) == (left, C)
    assert group.read(C) == [b"1", b"3"]


def test_who_was_declared_dead_does_nothing_more() -> None:
    group = Group(A, B)
    group.tell(A, DeclaredDead(A))
    assert group.do_at(A, b"1") == "fenced"
    assert group.read(A) == "fenced"
    group.tell(B, DeclaredDead(A))
    assert group.do_at(B, b"2") == "done"
    group.pass_time(60.0)
    assert group[A].applied == []


def test_one_of_two_that_lost_its_disk_comes_back_by_itself() -> None:
    for lost, left in ((A, B), (B, A)):
        group = Group(A, B)
        group.do_at(A, b"1")
        group.end(lost)
        group[lost].kept = Kept(99)
        group.pass_time(10.0)
        group.start(lost)
        group.pass_time(60.0)
        assert set(group.nodes(left)) == {A, B}
        assert group.owners == [left]
        assert group[lost].applied == [b"1"]
        assert group[lost].kept.birth == 99


def test_of_three_a_majority_takes_over_and_the_former_owner_follows() -> None:
    group = Group(A, B, C)
    group.do_at(A, b"1")
    group.cuts = {A}
    for node in (B, C):
        group.tell(node, Unreachable(A))
    group.pass_time(2.0)
    (owner,) = set(group.owners) - {A}
    assert group.do_at(owner, b"2") == "done"
    assert group.read(A) is None, "it is not certain that nothing newer is there"
    assert group.do_at(A, b"lost") is None
    group.pass_time(20.0)
    assert group.do_at(A, b"3") == "elsewhere"
    group.cuts = set()
    group.pass_time(30.0)
    assert len(group.owners) == 1
    assert group[A].applied == [b"1", b"2"]
    assert "doubt" in group[A].told.values()


def test_of_three_one_alone_neither_writes_nor_reads() -> None:
    group = Group(A, B, C)
    group.end(B, C)
    group.pass_time(60.0)
    assert group.owners == []
    assert group.do_at(A, b"1") == "elsewhere"
    assert group.read(A) == "elsewhere"
    group.tell(A, DeclaredDead(B))
    group.tell(A, DeclaredDead(C))
    group.pass_time(60.0)
    assert group.do_at(A, b"1") == "elsewhere", "two of three may have had more"


def test_a_dead_one_of_three_is_replaced() -> None:
    group = Group(A, B, C)
    group.do_at(A, b"1")
    group.end(C)
    group.tell(A, DeclaredDead(C))
    group.tell(B, DeclaredDead(C))
    group.tell(A, Wanted((A, B, D)))
    group.pass_time(20.0)
    assert group.nodes(A) == (A, B, D)
    assert group[D].applied == [b"1"]


def test_one_that_is_not_wanted_any_more_goes_when_the_other_is_there() -> None:
    group = Group(A, B)
    group.tell(A, Wanted((A, C)))
    group.pass_time(30.0)
    assert group.nodes(A) == (A, C)
    group.cuts = {A}
    group.pass_time(60.0)
    assert group.read(B) == "elsewhere"
    assert group.read(C) == []


def test_a_member_far_behind_gets_a_snapshot_and_the_log_stays_short() -> None:
    group = Group(A, B, C)
    group.end(C)
    commands = [b"%d" % number for number in range(100)]
    for command in commands:
        assert group.do_at(A, command) == "done"
    assert len(group[A].kept.entries) < 50
    group.start(C)
    group.pass_time(30.0)
    assert group[C].applied == commands
    assert group[C].kept.snapshot is not None


def test_a_restart_goes_on_with_what_the_disk_has() -> None:
    group = Group(A, B, C)
    commands = [b"%d" % number for number in range(50)]
    for command in commands:
        group.do_at(A, command)
    group.end(A, B, C)
    for node in (A, B, C):
        group.start(node)
    group.pass_time(60.0)
    (owner,) = group.owners
    assert group.read(owner) == commands


def test_a_disk_that_refuses_makes_another_the_owner() -> None:
    group = Group(A, B, C)
    group[A].is_full = True
    group.do_at(A, b"1")
    group.pass_time(60.0)
    (owner,) = group.owners
    assert owner != A
    assert group.do_at(owner, b"2") == "done"
    group[A].is_full = False
    group.pass_time(10.0)
    assert group[A].applied[-1] == b"2"


def test_of_one_a_disk_that_refuses_is_said_until_it_takes_again() -> None:
    group = Group(A)
    group[A].is_full = True
    ticket = group.ask(A, b"1")
    assert group.do_at(A, b"2") == "disk"
    group[A].is_full = False
    group.pass_time(5.0)
    assert group[A].told[ticket] == "done"


def test_too_much_is_refused() -> None:
    group = Group(A)
    assert group.do_at(A, b"x" * (COMMAND_BYTES_MAX + 1)) == "large"
    group[A].is_held = True
    told = [group.do_at(A, b"1") for _ in range(9)]
    assert told == [None] * 8 + ["full"]


def test_messages_of_a_former_log_count_for_nothing() -> None:
    group = Group(A, B)
    core = group[B].core
    assert core is not None
    append = Append(Epoch(1, A), 0, 0, NEVER, 0)
    (effect,) = [
        one
        for one in core.handle(Received(A, Letter(1, 77, append)), group.now)
        if isinstance(one, Send)
    ]
    assert type(effect.letter.body).__name__ == "Stranger"
    spoof = Letter(1, 2, replace(append, epoch=Epoch(9, C)))
    assert core.handle(Received(A, spoof), group.now) == []


def test_that_a_log_is_lost_is_said_when_the_disk_knows_it() -> None:
    core = Replica(B, Kept(2), lambda: 0.5)
    effects = [
        *core.start(0.0),
        *core.handle(Received(A, Letter(1, 77, Append(Epoch(1, A), 0, 0, NEVER, 0))), 0.0),
    ]
    (write,) = [one for one in effects if isinstance(one, Write)]
    assert not [one for one in effects if isinstance(one, Send)]
    (said,) = [one for one in core.handle(Written(write.serial), 0.0) if isinstance(one, Send)]
    assert said.letter == Letter(2, 1, Stranger(77))


def test_what_counts_is_never_overwritten() -> None:
    group = Group(A, B, C)
    group.do_at(A, b"1")
    core = group[B].core
    assert core is not None
    other = replace(group[A].kept.entries[-1], epoch=Epoch(9, C), index=2)
    letter = Letter(3, 2, Append(Epoch(9, C), 0, 1, Epoch(1, A), 0, (other,)))
    with pytest.raises(RemoteProtocolError, match="counts"):
        core.handle(Received(C, letter), group.now)


def test_a_member_is_started_once() -> None:
    replica = Replica(A, Kept(1), lambda: 0.5)
    replica.start(0.0)
    with pytest.raises(LocalProtocolError):
        replica.start(0.0)
