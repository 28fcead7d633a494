from __future__ import annotations

import fcntl
import mmap
import os
import socket
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.wire.frame import HEADERS_BYTES_MAX
from cantor.workers.slots import (
    SHARED_BYTES_MIN,
    SLOT_BYTES,
    SLOTS,
    SlotMemory,
    SlotReader,
    SlotWriter,
)
from galaxy.codec import decode_frame, encode_frame
from galaxy.frame import Frame
from galaxy.pipe import Pipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.wire.frame import Value

BODY = b"picture!" * (SHARED_BYTES_MIN // 8)


@pytest.fixture
def memory() -> Iterator[SlotMemory]:
    memory = SlotMemory.create()
    yield memory
    memory.close()


@pytest.fixture
def ends(memory: SlotMemory) -> tuple[SlotWriter, SlotReader]:
    return SlotWriter(memory), SlotReader(memory)


def handed(writer: SlotWriter, body: bytes | memoryview = BODY) -> list[Value]:
    place = writer.hand_over((body,))
    assert place is not None
    return place


def test_a_body_is_read_where_it_was_written_and_cannot_be_changed_there(
    ends: tuple[SlotWriter, SlotReader],
) -> None:
    writer, reader = ends

    (view,) = reader.body(handed(writer))

    assert view == BODY
    assert isinstance(view, memoryview)
    assert view.readonly
    assert view.format == "B"


def test_what_was_made_in_a_slot_is_handed_over_without_a_copy(
    ends: tuple[SlotWriter, SlotReader],
) -> None:
    writer, reader = ends
    room = writer.room(len(BODY))
    assert room is not None
    place = handed(writer, room)
    (view,) = reader.body(place)

    room[:4] = b"seen"

    assert bytes(view[:4]) == b"seen"


def test_a_slot_is_used_again_only_when_no_view_of_it_is_left(
    ends: tuple[SlotWriter, SlotReader],
) -> None:
    writer, reader = ends
    views = [reader.body(handed(writer))[0] for _ in range(SLOTS)]
    part = memoryview(views[3])[:10]
    assert writer.hand_over((BODY,)) is None
    assert writer.room(len(BODY)) is None

    del views[3]
    assert writer.hand_over((BODY,)) is None
    del part

    assert handed(writer)[0] == 3


def test_a_slot_is_ours_while_we_hold_it_although_the_reader_is_done_with_it(
    ends: tuple[SlotWriter, SlotReader],
) -> None:
    writer, reader = ends
    room = writer.room(len(BODY))
    assert room is not None
    room[:] = BODY
    first = handed(writer, room)
    assert handed(writer, room)[0] != first[0]  # sent again while it is still read: a copy
    reader.body(first)

    again = handed(writer, room)

    assert again == first
    assert reader.body(again)[0] == BODY


def test_what_was_not_told_is_taken_back(ends: tuple[SlotWriter, SlotReader]) -> None:
    writer, _ = ends
    for _ in range(2 * SLOTS):
        writer.take_back(handed(writer))


@pytest.mark.parametrize(
    "body", [(), (BODY, BODY), (BODY[:-1],), (memoryview(bytearray(SLOT_BYTES + 1)),)]
)
def test_a_body_for_which_slots_are_not_made_travels_itself(
    ends: tuple[SlotWriter, SlotReader], body: tuple[bytes, ...]
) -> None:
    assert ends[0].hand_over(body) is None


@pytest.mark.parametrize(
    "place", [None, [], [0], [0, 0], [-1, 9], [SLOTS, 9], [0, SLOT_BYTES + 1], [True, 9], ["0", 9]]
)
def test_a_place_that_does_not_exist_is_refused(
    ends: tuple[SlotWriter, SlotReader], place: Value
) -> None:
    with pytest.raises(RemoteProtocolError, match="a body"):
        ends[1].body(place)


def test_the_other_process_can_neither_shrink_the_memory_nor_write_what_it_reads(
    memory: SlotMemory, ends: tuple[SlotWriter, SlotReader]
) -> None:
    assert ends
    with pytest.raises(PermissionError):
        os.ftruncate(memory.data, 4096)
    with pytest.raises(PermissionError):
        mmap.mmap(memory.data, SLOT_BYTES)
    assert fcntl.fcntl(memory.owners, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK


def test_frames_pass_a_pipe_by_slots_and_more_of_them_by_the_pipe_itself(
    ends: tuple[SlotWriter, SlotReader],
) -> None:
    left, right = socket.socketpair()
    with left, right:
        sender, receiver = Pipe(left, ends[0]), Pipe(right, reader=ends[1])
        count = SLOTS + 2
        bodies = [bytes([number]) * SHARED_BYTES_MIN for number in range(count)]
        got: list[tuple[object, bytes | memoryview | bytearray]] = []

        def receive() -> None:
            for _ in range(count):
                frame = receiver.receive()
                assert frame is not None
                got.append((frame.headers, frame.body[0]))

        thread = threading.Thread(target=receive)
        thread.start()
        for number, body in enumerate(bodies):
            sender.send({"n": number}, (body,))
        thread.join()

    assert [(headers, bytes(body)) for headers, body in got] == [
        ({"n": number}, body) for number, body in enumerate(bodies)
    ]


def test_a_frame_that_is_too_large_to_send_keeps_no_slot(
    ends: tuple[SlotWriter, SlotReader],
) -> None:
    left, right = socket.socketpair()
    with left, right:
        sender = Pipe(left, ends[0])
        for _ in range(SLOTS):
            with pytest.raises(LocalProtocolError):
                sender.send({"n": bytes(HEADERS_BYTES_MAX)}, (BODY,))

    assert ends[0].room(len(BODY)) is not None


def test_a_place_in_memory_that_was_never_shared_is_refused() -> None:
    left, right = socket.socketpair()
    with left, right:
        Pipe(left).send({"slot": [0, 9]})

        with pytest.raises(RemoteProtocolError, match="there is none"):
            Pipe(right).receive()


def test_planes_are_made_in_the_slot_that_passes_on(ends: tuple[SlotWriter, SlotReader]) -> None:
    writer, reader = ends
    noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    frame = Frame("s", 0, noise, captured_s=0.0, captured_wall_s=0.0)
    plain = encode_frame(frame, "auto")

    headers, body = encode_frame(frame, "auto", room=writer.room)
    free = writer.room(len(BODY))
    place = writer.hand_over(body)

    assert place is not None
    assert place[0] == 0
    assert free is not None
    assert headers == plain[0]
    got = decode_frame(headers, reader.body(place), now_s=0.0, now_wall_s=0.0)
    want = decode_frame(*plain, now_s=0.0, now_wall_s=0.0)
    assert np.array_equal(got.pixels(), want.pixels())
