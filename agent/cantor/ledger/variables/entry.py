"""One variable as it was set or deleted, and how it travels."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NODE_ID_BYTES, NodeId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.wire.frame import Buffer

NAME_LENGTH_MAX = 128
VALUE_BYTES_MAX = 64 * 1024
MARK_BYTES = 16
STAMP_END = 1 << 63
MESSAGE_BYTES_MAX = 2 * 1024 * 1024
ROWS_MAX = 16_384
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{{0,{NAME_LENGTH_MAX - 1}}}")


class Entry(NamedTuple):
    """What ``writer`` made of a variable at ``hlc``; ``value`` is packed, ``None`` is deleted.

    Of two entries of one name the greater one holds, on every node. ``mark`` is a hash of all the
    rest: two that differ in anything never compare equal.
    """

    hlc: int
    writer: NodeId
    mark: bytes
    name: str
    value: bytes | None

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.name) + len(self.value or b"")

    def row(self) -> list[object]:
        """As it travels."""
        return [self.name, self.hlc, bytes.fromhex(self.writer), self.value]


def make_entry(name: str, hlc: int, writer: NodeId, value: bytes | None) -> Entry:
    """An entry with its mark."""
    packed = msgpack.packb([name, hlc, writer, value])
    return Entry(hlc, writer, hashlib.sha256(packed).digest()[:MARK_BYTES], name, value)


def check_name(name: str) -> str:
    """The name, if a variable can be called so.

    Raises:
        ConfigError: it cannot.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"no variable can be called {name[:40]!r}",
            remedy=f"use 1 to {NAME_LENGTH_MAX} letters, digits and _ . : / @ + -, a letter or a"
            " digit first",
        )
    return name


def read_entry(row: object) -> Entry:
    """An entry from the row of another node, or of a disk; fields behind are left alone.

    Raises:
        RemoteProtocolError: it is none.
    """
    if isinstance(row, list) and len(row) >= 4:
        name, hlc, writer, value = row[:4]
        if (
            type(name) is str
            and _NAME.fullmatch(name) is not None
            and type(hlc) is int
            and 0 <= hlc < STAMP_END
            and type(writer) is bytes
            and len(writer) == NODE_ID_BYTES
            and (value is None or (type(value) is bytes and len(value) <= VALUE_BYTES_MAX))
        ):
            return make_entry(name, hlc, NodeId(writer.hex()), value)
    raise RemoteProtocolError("not a variable")


def pack_rows(rows: Iterable[list[object]]) -> bytes:
    """Rows as the body of a message."""
    packed: bytes = msgpack.packb(list(rows))
    return packed


def unpack_rows(body: tuple[Buffer, ...]) -> list[object]:
    """The rows in the body of a message.

    Raises:
        RemoteProtocolError: it holds none.
    """
    if len(body) != 1 or len(body[0]) > MESSAGE_BYTES_MAX:
        raise RemoteProtocolError("variables in a message without a sound body")
    try:
        rows = msgpack.unpackb(body[0])
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"not variables: {error}") from error
    if type(rows) is not list or len(rows) > ROWS_MAX:
        raise RemoteProtocolError("variables that are no rows")
    return rows
