from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.mesh.stream_receiver import Taken
from cantor.node import large
from cantor.node.large import PIECE, Assembler, Doors, is_large, pieces

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, Value

A = NodeId("a" * 32)
BODY: tuple[bytes, ...] = (b"0123456789", b"", b"abc", b"")
HEADERS: dict[str, Value] = {"name": "film"}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "PIECE_BYTES", 4)


def taken(headers: dict[str, Value], piece: Buffer, topic: str = "t", priority: int = 1) -> Taken:
    return Taken(A, topic, priority, headers, (piece,))


def cut(transfer: int = 1, priority: int = 1) -> list[Taken]:
    return [
        taken(headers, piece, priority=priority)
        for headers, piece in pieces(HEADERS, BODY, transfer)
    ]


@pytest.fixture
def whole() -> Assembler:
    return Assembler(Counter())


def test_pieces_make_the_same_message_again_and_none_of_them_is_a_copy(whole: Assembler) -> None:
    came = [whole.take(piece) for piece in cut()]
    assert came[:-1] == [None] * 3
    message = came[-1]
    assert message is not None
    assert (message.source, message.headers) == (A, HEADERS)
    assert tuple(bytes(buffer) for buffer in message.body) == BODY
    assert all(view.obj is BODY[0] for _, view in list(pieces(HEADERS, BODY, 1))[:3])  # type: ignore[union-attr]
    assert not whole._transfers[A]


def test_a_message_that_begins_anew_is_made_once(whole: Assembler) -> None:
    assert [whole.take(piece) for piece in cut(7)[1:]] == [None] * 3  # the first went elsewhere
    assert [whole.take(piece) for piece in cut(8)[:2]] == [None] * 2
    came = [whole.take(piece) for piece in cut(9)]
    assert [message is not None for message in came] == [False, False, False, True]


def test_messages_of_one_topic_at_two_priorities_are_both_made(whole: Assembler) -> None:
    pairs = zip(cut(1, priority=1), cut(2, priority=2), strict=True)
    came = [whole.take(piece) for pair in pairs for piece in pair]
    assert [message.headers for message in came if message is not None] == [HEADERS] * 2


def test_what_nobody_goes_on_with_is_forgotten(whole: Assembler) -> None:
    whole.take(cut()[0])
    whole.tick(large.FORGET_S)
    assert whole._transfers
    whole.tick(large.FORGET_S + 1)
    assert not whole._transfers


def test_of_a_node_that_begins_more_than_it_may_the_longest_silent_is_dropped() -> None:
    counters: Counter[str] = Counter()
    whole = Assembler(counters)
    for number in range(3 * large.UNDER_WAY_MAX):
        whole.take(taken({PIECE: [number, 0, [2]]}, b"x", topic=f"t{number}"))
        if number:
            assert whole.take(taken({PIECE: [0, 0, [2]]}, b"", topic="t0")) is None
    assert len(whole._transfers[A]) == large.UNDER_WAY_MAX
    assert counters["large_refused"] == 2 * large.UNDER_WAY_MAX
    last = 3 * large.UNDER_WAY_MAX - 1
    assert whole.take(taken({PIECE: [last, 1, []]}, b"y", topic=f"t{last}")) is not None


def test_what_is_only_announced_takes_no_memory(whole: Assembler) -> None:
    announced: list[Value] = [64 * 1024 * 1024]
    tracemalloc.start()
    try:
        for number in range(large.UNDER_WAY_MAX):
            whole.take(taken({PIECE: [number, 0, announced]}, b"x", topic=f"t{number}"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024


def test_one_source_holds_so_many_bytes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "UNDER_WAY_BYTES_MAX", 100)
    counters: Counter[str] = Counter()
    whole = Assembler(counters)
    for number in range(4):
        whole.take(taken({PIECE: [number, 0, [50]]}, bytes(40), topic=f"t{number}"))
        assert sum(known.taken for known in whole._transfers[A].values()) <= 100
    assert counters["large_refused"] == 2
    message = whole.take(taken({PIECE: [3, 40, []]}, bytes(10), topic="t3"))
    assert message is not None
    assert [len(memoryview(buffer)) for buffer in message.body] == [50]


async def test_no_more_leave_for_a_node_at_once_than_it_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(large, "UNDER_WAY_BYTES_MAX", 100)
    doors, may_end = Doors(), asyncio.Event()
    gone: asyncio.Queue[int] = asyncio.Queue()

    async def leave(number: int, size: int) -> None:
        async with doors.passing(A, size):
            gone.put_nowait(number)
            await may_end.wait()

    sizes = [60, 50, 10, *[1] * large.UNDER_WAY_MAX]
    leaving = [asyncio.ensure_future(leave(*one)) for one in enumerate(sizes)]
    async with asyncio.timeout(5):
        assert await gone.get() == 0
        async with doors.passing(NodeId("b" * 32), 100):
            assert gone.empty()  # the second does not fit in, and those after it wait as well
        leaving[1].cancel()
        first = [await gone.get() for _ in range(large.UNDER_WAY_MAX - 1)]
        assert first == list(range(2, large.UNDER_WAY_MAX + 1))
        assert gone.empty()
        may_end.set()
        await asyncio.gather(*leaving, return_exceptions=True)
    assert [gone.get_nowait() for _ in range(gone.qsize())] == [9, 10]


@pytest.mark.parametrize(
    "about",
    [
        1,
        [1, 0],
        ["1", 0, [4]],
        [1, None, [4]],
        [1, 0, 4],
        [1, 0, [4, -1]],
        [1, 0, [large.BODY_BYTES_MAX, 1]],
        [1, 0, [1] * 5000],
        [1, 0, [2]],
        [1, 0, []],
    ],
)
def test_pieces_of_another_shape_are_refused(whole: Assembler, about: Value) -> None:
    with pytest.raises(RemoteProtocolError):
        whole.take(taken({PIECE: about}, b"four"))


def test_only_what_is_too_large_for_one_frame_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "WHOLE_BYTES_MAX", 10)
    monkeypatch.setattr(large, "BODY_BYTES_MAX", 20)
    assert not is_large({}, (bytes(10),))
    assert is_large({}, (bytes(10), b"1"))
    with pytest.raises(LocalProtocolError, match="at most 20 bytes"):
        is_large({}, (bytes(21),))
    with pytest.raises(LocalProtocolError, match="without a name"):
        is_large({PIECE: 1}, ())
