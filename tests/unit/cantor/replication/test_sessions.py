"""A command that is submitted again is not applied again."""

from __future__ import annotations

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.replication import sessions
from cantor.replication.records import Client, Entry, Epoch, Kind
from cantor.replication.sessions import OPEN_MAX, Sessions

EPOCH = Epoch(1, NodeId("a" * 32))


class Counting:
    """Answers how many commands it has seen."""

    def __init__(self) -> None:
        self.seen = 0

    def apply(self, command: bytes) -> bytes:
        self.seen += 1
        return command + b"%d" % self.seen

    def snapshot(self) -> bytes:
        return b"%d" % self.seen

    def restore(self, data: bytes) -> None:
        self.seen = int(data or b"0")


def opened(index: int) -> Entry:
    return Entry(index, EPOCH, Kind.OPEN)


def command(index: int, *client: int, content: bytes = b"x") -> Entry:
    return Entry(index, EPOCH, Kind.COMMAND, content, Client(*client))


def test_a_command_that_comes_again_has_the_answer_that_it_had() -> None:
    machine = Counting()
    once = Sessions(machine)
    assert once.apply(opened(7)) == 7
    assert once.apply(command(8, 7, 1, 1)) == b"x1"
    assert once.apply(command(9, 7, 2, 1)) == b"x2"
    assert once.apply(command(10, 7, 1, 1)) == b"x1"
    assert machine.seen == 2


def test_an_answer_that_its_client_has_is_forgotten() -> None:
    once = Sessions(Counting())
    once.apply(opened(1))
    once.apply(command(2, 1, 1, 1))
    once.apply(command(3, 1, 2, 2))
    assert once.apply(command(4, 1, 1, 1)) == "over"


def test_no_more_commands_are_open_than_may_be() -> None:
    once = Sessions(Counting())
    once.apply(opened(1))
    assert once.apply(command(2, 1, OPEN_MAX, 1)) == b"x1"
    assert once.apply(command(3, 1, OPEN_MAX + 1, 1)) == "over"


def test_a_session_that_is_not_known_is_over_and_without_one_all_is_done() -> None:
    once = Sessions(Counting())
    assert once.apply(command(1, 5, 1, 1)) == "over"
    assert once.apply(command(2)) == b"x1"
    assert once.apply(command(3)) == b"x2"


def test_who_was_not_heard_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    once = Sessions(Counting())
    once.apply(opened(1))
    once.apply(opened(2))
    once.apply(command(3, 1, 1, 1))
    once.apply(opened(4))
    assert once.apply(command(5, 2, 1, 1)) == "over"
    assert once.apply(command(6, 1, 1, 1)) == b"x1"


def test_answers_have_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BYTES_MAX", 100)
    once = Sessions(Counting())
    once.apply(opened(1))
    once.apply(opened(2))
    once.apply(command(3, 1, 1, 1, content=b"y" * 80))
    once.apply(command(4, 2, 1, 1, content=b"y" * 80))
    assert once.apply(command(5, 1, 2, 2)) == "over"
    assert once.apply(command(6, 2, 2, 2)) == b"x3"


def test_a_snapshot_knows_who_has_done_what() -> None:
    once = Sessions(Counting())
    once.apply(opened(1))
    once.apply(command(2, 1, 1, 1))
    machine = Counting()
    other = Sessions(machine)
    other.restore(once.snapshot())
    assert other.apply(command(3, 1, 1, 1)) == b"x1"
    assert machine.seen == 1
    assert other.snapshot() == once.snapshot()
    other.restore(b"")
    assert machine.seen == 0


@pytest.mark.parametrize("data", [b"\xc1", b"\x01", b"\x92\x01\xc4\x00", b"\x91\x90"])
def test_bytes_that_are_no_snapshot_are_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Sessions(Counting()).restore(data)
