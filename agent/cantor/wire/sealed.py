"""Frames inside frames: what a relay may see of a frame, and what is hidden or signed.

A frame that is relayed travels inside an outer frame, whose header stays readable so that relays
can route it. The outer header is bound to the content by whatever seals or signs it, but for its
time to live, which every hop lowers:

    SEALED   the buffer is encrypted; message id = number under the key, HLC = name of the session
    SIGNED   three buffers: content, signature, certificates; message id and HLC are the frame's own

    content  kind u8, message id u64, HLC u64, length of the headers u32, number of buffers u32,
             then table, headers and body as in every frame
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.wire.frame import VERSION, DataFrame, packed_parts
from cantor.wire.reader import read_parts

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer

SIGNATURE_BYTES_MAX = 128
_BOUND = struct.Struct(">BBBHH16s16sQQ")
_CONTENT = struct.Struct(">BQQII")


def bound_header(frame: DataFrame) -> bytes:
    """The part of an outer header that no hop may change."""
    return _BOUND.pack(
        VERSION,
        frame.kind,
        frame.priority,
        frame.flags,
        frame.area,
        bytes.fromhex(frame.source),
        bytes.fromhex(frame.destination),
        frame.message_id,
        frame.hlc,
    )


def content_of(frame: DataFrame) -> bytes:
    """What is to be sealed or signed of a frame; its buffers are copied.

    Raises:
        LocalProtocolError: a field lies outside its limits.
    """
    first, _ = packed_parts(
        frame,
        lambda size, count: _CONTENT.pack(frame.kind, frame.message_id, frame.hlc, size, count),
    )
    return b"".join((*first, *frame.body))


def outer_frame(frame: DataFrame, kind: int, message_id: int, hlc: int) -> DataFrame:
    """The frame that carries another one, still without its body."""
    return DataFrame(
        kind,
        frame.source,
        frame.destination,
        message_id,
        frame.priority,
        frame.ttl,
        frame.flags,
        frame.area,
        hlc,
    )


def signed_parts(frame: DataFrame, bytes_max: int) -> tuple[bytes, bytes, bytes]:
    """What was signed (of so many bytes at most), the signature and the certificates in a frame.

    Raises:
        RemoteProtocolError: it has other buffers.
    """
    if len(frame.body) != len(("said", "signature", "certificate")):
        raise RemoteProtocolError("a signed frame without its parts")
    said, signature, certificate = frame.body
    if len(said) > bytes_max or len(signature) > SIGNATURE_BYTES_MAX:
        raise RemoteProtocolError("a signed frame with parts that are too long")
    return bytes(said), bytes(signature), bytes(certificate)


def inner_frame(outer: DataFrame, content: Buffer) -> DataFrame:
    """The frame inside another one. The buffers are views of ``content``.

    Raises:
        RemoteProtocolError: the bytes are no frame.
    """
    if len(content) < _CONTENT.size:
        raise RemoteProtocolError("a frame inside another one is cut off")
    kind, message_id, hlc, size, count = _CONTENT.unpack_from(content)
    whole = bytes(content)
    headers, body = read_parts(whole, _CONTENT.size, count, size)
    return DataFrame(
        kind,
        outer.source,
        outer.destination,
        message_id,
        outer.priority,
        outer.ttl,
        outer.flags,
        outer.area,
        hlc,
        headers,
        body,
    )
