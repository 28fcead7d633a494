"""Streams of a node: what waits, for what and for how long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cantor.base.clock import SystemClock
from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.plane import DataPlane
from cantor.mesh.stream_sender import StreamSender
from cantor.node import large
from cantor.node.streams import Streams
from cantor.wire import Kind
from cantor.wire.records import RecordReader, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = NodeId("a" * 32), NodeId("b" * 32)
LARGE = (bytes(large.WHOLE_BYTES_MAX + 1),)


@pytest.fixture
def streams() -> Streams:
    """Of a node without links."""
    return Streams(DataPlane(A), 1, SystemClock(), lambda: None)


async def within(seconds: float, say: Callable[[float], object]) -> None:
    """What is said must not be taken in time, and no longer be waited for."""
    async with asyncio.timeout(5):
        with pytest.raises(UnavailableError, match=f"not taken in {seconds:g} s"):
            await say(seconds)  # type: ignore[misc]


@pytest.mark.parametrize("body", [(b"small",), LARGE], ids=["small", "large"])
async def test_the_limit_holds_for_what_waits_behind_a_large_message(
    streams: Streams, body: tuple[bytes, ...]
) -> None:
    first = asyncio.ensure_future(streams.send(B, "t", {}, LARGE, priority=1, timeout_s=None))
    await asyncio.sleep(0)
    await within(0.01, lambda s: streams.send(B, "t", {}, body, priority=1, timeout_s=s))
    assert not first.done()
    first.cancel()


async def test_the_limit_holds_for_what_has_left_and_for_a_flush(streams: Streams) -> None:
    await within(0.01, lambda s: streams.send(B, "t", {}, (b"x",), priority=1, timeout_s=s))
    stream = streams.open(B, "t", 1)
    stream.write(b"x")
    await within(0.01, stream.flush)


class Linked:
    """The streams of A, which has a link with B; ``woken`` is set when something is to leave."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.plane = DataPlane(A)
        self.plane.link_up(B, "n")
        self.plane.routes_changed(RoutesChanged({B: "n"}, {B: (B,)}, frozenset({B})))
        self.streams = Streams(self.plane, 1, SystemClock(), self.woken.set)

    def hear(self) -> None:
        """Take a plain message of B."""
        sender = StreamSender(B, A, 1, "t", 1)
        sender.write(b"x")
        frame = sender.next_frame(0.0)
        assert frame is not None
        self.streams.received(frame)

    def out(self) -> list[int]:
        """The kinds of what leaves."""
        if self.streams.is_stirred:
            self.streams.fill()
        stream = b"".join(self.plane.take("n", "control", (0, 1, 2), 1 << 20, 1 << 20))
        return [unpack(record).kind for record in RecordReader().receive(stream)]


async def test_an_answer_goes_along_with_what_is_sent_to_the_same_node() -> None:
    node = Linked()
    node.hear()
    assert node.out() == []
    node.streams.open(B, "t", 1).write(b"y")
    assert node.out() == [Kind.STREAM, Kind.STREAM_ACK]


async def test_an_answer_that_nothing_goes_along_with_leaves_by_itself_soon() -> None:
    node = Linked()
    node.hear()
    async with asyncio.timeout(5):
        await node.woken.wait()
    assert node.out() == [Kind.STREAM_ACK]
    node.woken.clear()
    node.hear()  # it has come before
    assert node.out() == [Kind.STREAM_ACK]
