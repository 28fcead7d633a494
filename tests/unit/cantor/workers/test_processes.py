"""What workers say is kept apart, however many pools read at once."""

from __future__ import annotations

import errno
import gc
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.workers.crew import Crew, News
from cantor.workers.messages import Stream, pack_message
from cantor.workers.processes import READ_BYTES, WorkerProcess
from cantor.workers.sandbox.levels import OPEN
from cantor.workers.seat import Seat
from cantor.workers.slots import SlotMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.workers.messages import Message

WAIT_S = 30.0


class Socket:
    """Has one message; ``then`` happens right after it was read."""

    def __init__(self, message: Message, then: Callable[[], object]) -> None:
        self._data = pack_message(message)
        self._then = then

    def recv_into(self, room: bytearray) -> int:
        room[: len(self._data)] = self._data
        self._then()
        return len(self._data)


def worker(message: Message, then: Callable[[], object]) -> WorkerProcess:
    """One without a process."""
    made = WorkerProcess.__new__(WorkerProcess)
    made.socket = Socket(message, then)  # type: ignore[assignment]
    made._stream = Stream(is_wary=True)
    made._odd = None
    return made


def heard(one: WorkerProcess) -> list[Message]:
    """What it has said."""
    messages = one.receive()
    assert messages is not None
    return list(messages)


def descriptors() -> set[str]:
    """What is open; what tests before have left to be collected is closed first."""
    gc.collect()
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names only)


def test_two_pools_that_read_at_once_hear_each_their_own_worker() -> None:
    of_other: list[Message] = []

    def other_pool_reads() -> None:
        other = worker([1, "other"], lambda: None)
        thread = threading.Thread(target=lambda: of_other.extend(heard(other)))
        thread.start()
        thread.join(WAIT_S)

    assert heard(worker([1, "one"], other_pool_reads)) == [[1, "one"]]
    assert of_other == [[1, "other"]]


@pytest.mark.parametrize(("of", "name"), [(socket, "socketpair"), (os, "pipe")])
def test_one_that_no_descriptors_are_left_for_is_refused_and_leaves_none_open(
    of: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(of, name, none_left)
    before = descriptors()
    with pytest.raises(UnavailableError, match="a worker cannot be started: Too many open files"):
        WorkerProcess(Seat(1), OPEN)

    assert descriptors() <= before


def test_memory_that_one_half_is_left_for_leaves_none_open(monkeypatch: pytest.MonkeyPatch) -> None:
    create = SlotMemory.create
    made: list[SlotMemory] = []

    def one_only() -> SlotMemory:
        if made:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        made.append(create())
        return made[0]

    monkeypatch.setattr(SlotMemory, "create", one_only)
    before = descriptors()
    one = WorkerProcess.__new__(WorkerProcess)

    assert one._share_memory() == ()
    assert descriptors() <= before


def test_a_large_last_word_is_heard_of_one_that_has_ended() -> None:
    mine, its = socket.socketpair()
    mine.setblocking(False)
    its.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * READ_BYTES)
    one = worker([], lambda: None)
    one.socket = mine
    answer = [1, "x" * (READ_BYTES + 4096)]
    its.sendall(pack_message(answer))
    its.close()

    last = News(one)
    while Crew.read(last):
        pass

    assert last.messages == [answer]
    assert last.is_gone
    mine.close()
