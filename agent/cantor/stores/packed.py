"""Packed values as one piece of bytes, for a column of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Buffer


def pack_parts(parts: Sequence[Buffer]) -> bytes:
    """A packed value and its buffers."""
    packed: bytes = msgpack.packb([bytes(part) for part in parts])
    return packed


def unpack_parts(data: Buffer) -> tuple[bytes, ...]:
    """What :func:`pack_parts` packed.

    Raises:
        StoreError: the bytes are none.
    """
    try:
        parts = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise StoreError(f"not a value that was kept: {error}") from error
    if not isinstance(parts, list) or not all(type(part) is bytes for part in parts):
        raise StoreError("not a value that was kept")
    return tuple(parts)
