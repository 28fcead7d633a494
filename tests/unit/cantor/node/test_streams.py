"""Streams of a node whose data plane takes nothing: what waits, and for how long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cantor.base.clock import SystemClock
from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.mesh.plane import DataPlane
from cantor.node import large
from cantor.node.streams import Streams

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
