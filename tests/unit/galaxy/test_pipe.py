from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import RemoteProtocolError
from galaxy.pipe import Pipe

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_large_frames_of_several_threads_arrive_whole(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    left, right = Pipe(ends[0]), Pipe(ends[1])
    bodies = {number: bytes([number]) * 1_000_000 for number in range(4)}
    senders = [
        threading.Thread(target=left.send, args=({"n": number}, (body,)))
        for number, body in bodies.items()
    ]
    for sender in senders:
        sender.start()

    got = [right.receive() for _ in senders]

    for sender in senders:
        sender.join()
    assert {frame.headers["n"]: bytes(frame.body[0]) for frame in got if frame} == bodies


def test_the_end_of_the_other_side_is_none_also_in_the_middle_of_a_frame(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ends[0].sendall(b"\x00\x00\x01\x00 half a frame")
    ends[0].close()

    assert Pipe(ends[1]).receive() is None
    assert Pipe(ends[1]).receive() is None


@pytest.mark.parametrize("prefix", [b"\x00\x00\x00\x01", b"\xff\xff\xff\xff"])
def test_a_length_that_no_frame_has_is_refused(
    ends: tuple[socket.socket, socket.socket], prefix: bytes
) -> None:
    ends[0].sendall(prefix)

    with pytest.raises(RemoteProtocolError, match="a frame of"):
        Pipe(ends[1]).receive()
