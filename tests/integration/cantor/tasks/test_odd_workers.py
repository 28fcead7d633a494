"""Functions that write to their worker's own socket: their callers hear why, and others go on."""

from __future__ import annotations

import os
import signal
import struct
from typing import TYPE_CHECKING, Any

import msgpack
import numpy as np
import pytest

import cantor
from cantor.base.errors import NotSerialisable
from cantor.workers import messages, serving
from cantor.workers.errors import WorkerDiedError
from cantor.workers.messages import DONE, ITEM, SAID

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 30.0
BYTES_MAX = 8 * 1024 * 1024
ANNOUNCED = b"\x95\x0b\x01\xcb" + bytes(8) + b"\xc6" + struct.pack(">I", (1 << 32) - 1)


def say(*parts: object) -> None:
    """Say something in the place of the worker, with its own unit's number."""
    worker = serving._Here.worker
    assert worker is not None
    op, *rest = parts
    worker._socket.sendall(msgpack.packb([op, worker._execution.unit, *rest]))
    signal.pause()


def announce(data: bytes) -> None:
    """Announce a message, and send what belongs to it as long as somebody takes it."""
    worker = serving._Here.worker
    assert worker is not None
    worker._socket.sendall(data)
    while True:
        worker._socket.sendall(bytes(1 << 16))


def flood() -> Iterator[int]:
    """Give more items than anybody asked for."""
    worker = serving._Here.worker
    assert worker is not None
    unit = worker._execution.unit
    for _ in range(messages.ITEMS_AHEAD + 1):
        worker._socket.sendall(msgpack.packb([ITEM, unit, msgpack.packb(1), []]))
    signal.pause()
    yield 1


def zeros(count: int) -> np.ndarray:
    return np.zeros(count, np.uint8)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(messages, "MESSAGE_BYTES_MAX", BYTES_MAX)
    with cantor.local(workers=1):
        yield
        assert cantor.task(abs).submit(-1).result(SOON_S) == 1  # others go on


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "odd",
    [
        (DONE, 0.5, 5, []),
        (DONE, 0.5, b"\xc0", ["text"]),
        (DONE, "soon", b"\xc0", []),
        (ITEM, b"\xc0", []),
        (SAID, "half", ""),
        (SAID, 0.5),
        (99,),
    ],
    ids=str,
)
def test_a_worker_that_says_what_no_worker_says_is_replaced(odd: tuple[Any, ...]) -> None:
    before = cantor.task(os.getpid).submit().result(SOON_S)

    with pytest.raises(WorkerDiedError, match="it said what no worker says"):
        cantor.task(retries=0)(say).submit(*odd).result(SOON_S)

    assert cantor.task(os.getpid).submit().result(SOON_S) != before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (ANNOUNCED, "more than 8.0 MiB"),
        (b"\xdd\x7f\xff\xff\xff", "max_array_len"),
        (b"\x93\x0f\x01\xdb\x7f\xff\xff\xff", "more than 8.0 MiB"),
    ],
)
def test_one_that_announces_4_gib_is_replaced_when_it_sends_more_than_the_limit(
    data: bytes, why: str
) -> None:
    with pytest.raises(WorkerDiedError, match=why):
        cantor.task(retries=0)(announce).submit(data).result(SOON_S)


@pytest.mark.usefixtures("here")
def test_one_that_gives_more_items_than_were_asked_for_is_replaced() -> None:
    stream = cantor.task(flood).stream()  # nobody reads it

    with pytest.raises(WorkerDiedError, match="it said what no worker says"):
        stream.future.result(SOON_S)


@pytest.mark.usefixtures("here")
def test_a_value_that_is_too_large_is_told_and_its_worker_goes_on() -> None:
    before = cantor.task(os.getpid).submit().result(SOON_S)

    with pytest.raises(NotSerialisable, match=r"takes 1.0 GiB \(limit 1.0 GiB\)"):
        cantor.task(zeros).submit((1 << 30) + 1).result(SOON_S)

    assert cantor.task(os.getpid).submit().result(SOON_S) == before
