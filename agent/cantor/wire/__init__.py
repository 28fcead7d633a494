"""What travels between nodes: the frame, its limits, and how a link is opened."""

from __future__ import annotations

from cantor.wire.frame import ROUTED_KIND_MIN, DataFrame, Kind, encode
from cantor.wire.hello import Agreement, Hello, agree, hello_frame, parse_hello
from cantor.wire.reader import FRAME_BYTES_MAX, FrameReader, parse_frame

__all__ = [
    "FRAME_BYTES_MAX",
    "ROUTED_KIND_MIN",
    "Agreement",
    "DataFrame",
    "FrameReader",
    "Hello",
    "Kind",
    "agree",
    "encode",
    "hello_frame",
    "parse_frame",
    "parse_hello",
]
