"""The frame of protocol version 1.

    length  u32            bytes that follow
    header  64 bytes       version u8, kind u8, priority u8, ttl u8, flags u16, area u16,
                           source 16 B, destination 16 B, message id u64, HLC u64,
                           length of the headers u32, number of buffers u32
    table   u32 each       lengths of the buffers
    headers                a msgpack map with text keys
    body                   the buffers, raw

Numbers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId

VERSION = 1
PRIORITY_MAX = 2
TTL_DEFAULT = 255
"""As far as one byte counts: the tree of 1000 nodes is 90 hops long, and routes have no loops."""
HEADERS_BYTES_MAX = 16 * 1024 * 1024
"""Between processes of one user."""
MESH_HEADERS_BYTES_MAX = 4 * 1024 * 1024
"""Between nodes: a stranger's byte can make an object of seventy."""
BUFFERS_MAX = 1024
LENGTH = struct.Struct(">I")
HEADER = struct.Struct(">BBBBHH16s16sQQII")

pack_headers = msgpack.Packer().pack
"""Headers as msgpack; one packer for all, because making one costs more than packing."""

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]
Buffer = bytes | bytearray | memoryview


ROUTED_KIND_MIN = 16


class Kind(IntEnum):
    """What a frame is for. Kinds below 16 concern one link; all others are taken to a destination.

    A node forwards kinds that it does not know. ``SEALED`` and ``SIGNED`` frames hold another one:
    see ``cantor.wire.sealed``.
    """

    HELLO = 1
    HELLO_ACK = 2
    HEARTBEAT = 3
    FACTS = 4
    DIGEST = 5
    CREDIT = 6
    DATA = 16
    STREAM = 17
    STREAM_ACK = 18
    SEALED = 19
    SEAL_HELLO = 20
    SIGNED = 21


STREAM_KINDS = (int(Kind.STREAM), int(Kind.STREAM_ACK))
"""Frames that tell repetitions by their own numbers."""


@dataclass(slots=True)
class DataFrame:
    """The unit that travels. ``body`` holds raw buffers that relays never decode.

    Not to be changed once made; it is not frozen because that makes each one 1 µs dearer.

    ``priority`` is 0 (control, events), 1 (interactive) or 2 (bulk); ``ttl`` counts hops left;
    ``hlc`` is the sender's hybrid clock, 0 if it does not matter.
    """

    kind: int
    source: NodeId
    destination: NodeId
    message_id: int = 0
    priority: int = 1
    ttl: int = TTL_DEFAULT
    flags: int = 0
    area: int = 0
    hlc: int = 0
    headers: dict[str, Value] = field(default_factory=dict)
    body: tuple[Buffer, ...] = ()


def encode(frame: DataFrame, headers_bytes_max: int = HEADERS_BYTES_MAX) -> list[Buffer]:
    """The frame as buffers to be written one after the other; bodies are not copied.

    Raises:
        LocalProtocolError: a field lies outside its limits.
    """
    first, size = packed_parts(
        frame,
        lambda size, count: HEADER.pack(
            VERSION,
            frame.kind,
            frame.priority,
            frame.ttl,
            frame.flags,
            frame.area,
            bytes.fromhex(frame.source),
            bytes.fromhex(frame.destination),
            frame.message_id,
            frame.hlc,
            size,
            count,
        ),
        headers_bytes_max,
    )
    return [b"".join((LENGTH.pack(size), *first)), *frame.body]


def packed_parts(
    frame: DataFrame,
    header: Callable[[int, int], bytes],
    headers_bytes_max: int = MESH_HEADERS_BYTES_MAX,
) -> tuple[tuple[bytes, bytes, bytes], int]:
    """What stands before the buffers of a frame, in parts, and the bytes of both together.

    ``header`` packs the bytes of the headers and the number of buffers with what it needs besides.
    The parts are joined once, by whoever knows what comes before and behind them.

    Raises:
        LocalProtocolError: a field lies outside its limits.
    """
    try:
        headers: bytes = pack_headers(frame.headers) if frame.headers else b""
        # A view of bytes only to ask how long they are costs more than all the rest.
        sizes = [len(b) if type(b) is bytes else memoryview(b).nbytes for b in frame.body]
        count = len(sizes)
        table = LENGTH.pack(sizes[0]) if count == 1 else struct.pack(f">{count}I", *sizes)
        head = header(len(headers), count)
    except (struct.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise LocalProtocolError(
            f"a frame cannot be encoded: {error}", remedy="use msgpack types and fields in range"
        ) from error
    size = len(head) + len(table) + len(headers) + sum(sizes)
    if count > BUFFERS_MAX or len(headers) > headers_bytes_max or size >= 1 << 32:
        raise LocalProtocolError(
            f"a frame has {count} buffers, {len(headers)} bytes of headers, {size} in all",
            remedy=f"at most {BUFFERS_MAX} buffers and {headers_bytes_max} bytes of headers",
        )
    return (head, table, headers), size
