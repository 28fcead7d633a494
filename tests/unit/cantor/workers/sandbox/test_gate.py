"""The way to the ports of a closed program: what is asked outside and answered inside."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cantor.workers.sandbox import gate

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def keeper() -> Iterator[socket.socket]:
    """The asking end of a door that a thread keeps."""
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def keep() -> None:
        with asked:
            while gate.answer(asked):
                pass

    thread = threading.Thread(target=keep)
    thread.start()
    with asking:
        yield asking
    thread.join()


@pytest.mark.parametrize("place", ["127.0.0.1", "::1"])
def test_a_connection_to_a_port_comes_out(place: str) -> None:
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with (
        socket.create_server((place, 0), family=family) as server,
        keeper() as asking,
        gate.ask(asking, server.getsockname()[1], 0) as found,
    ):
        found.sendall(b"hello")
        with server.accept()[0] as served:
            assert served.recv(16) == b"hello"


def test_where_nothing_listens_it_says_so_and_is_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, keeper() as asking:
        with socket.create_server(("127.0.0.1", 0)) as other:
            free = other.getsockname()[1]
        with pytest.raises(ConnectionRefusedError, match=f"port {free}"):
            gate.ask(asking, free, 0)
        gate.ask(asking, server.getsockname()[1], 1).close()


def test_when_the_program_has_ended_it_says_so() -> None:
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asked.close()
    with asking, pytest.raises(BrokenPipeError):
        gate.ask(asking, 1, 0)


def test_a_late_answer_is_none_to_the_next_question() -> None:
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking.settimeout(0)
    with socket.create_server(("127.0.0.1", 0)) as late, asking, asked:
        with pytest.raises(BlockingIOError):
            gate.ask(asking, late.getsockname()[1], 7)
        assert gate.answer(asked)
        asking.settimeout(None)
        with socket.create_server(("127.0.0.1", 0)) as server:
            told = threading.Thread(target=gate.answer, args=(asked,))
            told.start()
            with gate.ask(asking, server.getsockname()[1], 8) as found:
                assert found.getpeername() == server.getsockname()
            told.join()
        with late.accept()[0] as thrown_away:
            thrown_away.settimeout(20)
            assert thrown_away.recv(1) == b""


def test_what_is_no_question_ends_the_answers() -> None:
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with asking, asked:
        asking.send(b"x")
        assert not gate.answer(asked)
