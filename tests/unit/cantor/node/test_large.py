from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.mesh.stream_receiver import Taken
from cantor.node import large
from cantor.node.large import PIECE, Assembler, is_large, pieces

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, Value

A = NodeId("a" * 32)
BODY: tuple[bytes, ...] = (b"0123456789", b"", b"abc", b"")
HEADERS: dict[str, Value] = {"name": "film"}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "PIECE_BYTES", 4)


def taken(headers: dict[str, Value], piece: Buffer, topic: str = "t") -> Taken:
    return Taken(A, topic, headers, (piece,))


def cut(transfer: int = 1) -> list[Taken]:
    return [taken(headers, piece) for headers, piece in pieces(HEADERS, BODY, transfer)]


def test_pieces_make_the_same_message_again_and_none_of_them_is_a_copy() -> None:
    whole = Assembler()
    came = [whole.take(piece) for piece in cut()]
    assert came[:-1] == [None] * 3
    message = came[-1]
    assert message is not None
    assert (message.source, message.headers) == (A, HEADERS)
    assert tuple(bytes(buffer) for buffer in message.body) == BODY
    assert all(view.obj is BODY[0] for _, view in list(pieces(HEADERS, BODY, 1))[:3])  # type: ignore[union-attr]
    assert not whole._transfers[A]


def test_a_message_that_begins_anew_is_made_once() -> None:
    whole = Assembler()
    assert [whole.take(piece) for piece in cut(7)[1:]] == [None] * 3  # the first went elsewhere
    assert [whole.take(piece) for piece in cut(8)[:2]] == [None] * 2
    came = [whole.take(piece) for piece in cut(9)]
    assert [message is not None for message in came] == [False, False, False, True]


def test_what_nobody_goes_on_with_is_forgotten() -> None:
    whole = Assembler()
    whole.take(cut()[0])
    whole.tick(large.FORGET_S)
    assert whole._transfers
    whole.tick(large.FORGET_S + 1)
    assert not whole._transfers


def test_a_node_has_few_large_messages_under_way_at_once() -> None:
    whole = Assembler()
    for number in range(3 * large.UNDER_WAY_MAX):
        whole.take(taken({PIECE: [number, 0, [100]]}, b"x", topic=f"t{number}"))
    assert len(whole._transfers[A]) == large.UNDER_WAY_MAX


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
def test_pieces_of_another_shape_are_refused(about: Value) -> None:
    with pytest.raises(RemoteProtocolError):
        Assembler().take(taken({PIECE: about}, b"four"))


def test_only_what_is_too_large_for_one_frame_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "WHOLE_BYTES_MAX", 10)
    monkeypatch.setattr(large, "BODY_BYTES_MAX", 20)
    assert not is_large({}, (bytes(10),))
    assert is_large({}, (bytes(10), b"1"))
    with pytest.raises(LocalProtocolError, match="at most 20 bytes"):
        is_large({}, (bytes(21),))
    with pytest.raises(LocalProtocolError, match="without a name"):
        is_large({PIECE: 1}, ())
