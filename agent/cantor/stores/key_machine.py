"""Keys and values as the state of a replica group: in memory, made by commands, told in snapshots.

The tables are those of a node's own keys. All members do the same commands in the same order, so
revisions are the same everywhere; times come with the commands.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.stores.errors import StoreError
from cantor.stores.key_queries import KeyQueries
from cantor.stores.key_tables import Change, KeyTables

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS_MAX = 200_000
BYTES_MAX = 32 << 20
"""Of all keys and values of a group: a snapshot of them travels in one piece."""


class KeyMachine(KeyQueries):
    """``id`` is that of the group: the same in all its members."""

    def __init__(self, group: str) -> None:
        super().__init__(f"group {group[:8]}")
        self._id = group
        self._database = _in_memory()
        self.tables = KeyTables(KEYS_MAX, BYTES_MAX, database_id=group)
        self.tables.prepare(self._database)

    def apply(self, command: bytes) -> bytes:
        """Change a key; the answer is a revision (0: it was not there), or an error's words."""
        try:
            change = _change_in(command)
        except RemoteProtocolError as error:
            return _pack([type(error).__name__, error.what, error.where, error.remedy])
        (outcome,) = self.tables.write(self._database, [change])
        if isinstance(outcome, Exception):
            what, where, remedy = (getattr(outcome, one, "") for one in ("what", "where", "remedy"))
            return _pack([type(outcome).__name__, what, where, remedy])
        return _pack(0 if outcome is None else outcome.revision)

    def snapshot(self) -> bytes:
        """All of it."""
        return self._database.serialize()

    def restore(self, data: bytes) -> None:
        """Be what a snapshot says; what is empty for ``b""``.

        Raises:
            StoreError: it is none.
        """
        database = _in_memory()
        try:
            if data:
                database.deserialize(data)
            tables = KeyTables(KEYS_MAX, BYTES_MAX, database_id=self._id)
            tables.prepare(database)
        except (sqlite3.Error, OverflowError) as error:
            database.close()
            raise StoreError(f"a snapshot of no keys: {error}", where=self._where) from error
        self._database.close()
        self._database, self.tables = database, tables

    def close(self) -> None:
        """Let go of the memory."""
        self._database.close()

    def _query(self, query: str, values: Sequence[Any]) -> list[Any]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot be read: {error}", where=self._where) from error


def pack_change(store: str, key: str, value: bytes | None, at: float, expect: int | None) -> bytes:
    """A command: see :class:`cantor.stores.key_tables.Change`."""
    return _pack([store, key, value, at, expect])


def unpack_outcome(answer: bytes) -> int | list[str]:
    """What a command answered: a revision, or kind, what, where and remedy of an error.

    Raises:
        RemoteProtocolError: it is none.
    """
    told = _unpack(answer)
    if type(told) is int:
        return told
    if type(told) is not list or [type(one) for one in told] != [str] * 4:
        raise RemoteProtocolError("not an answer about a key")
    return told


def _change_in(command: bytes) -> Change:
    told = _unpack(command)
    if type(told) is not list or len(told) != 5:
        raise RemoteProtocolError("not a command about a key")
    store, key, value, at, expect = told
    if (
        type(store) is not str
        or type(key) is not str
        or not (value is None or type(value) is bytes)
        or type(at) is not float
        or not (expect is None or type(expect) is int)
    ):
        raise RemoteProtocolError("not a command about a key")
    return Change(store, key, value, at, expect, lambda _: None)


def _pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def _unpack(data: bytes) -> Any:  # noqa: ANN401 (msgpack's own)
    try:
        return msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"not msgpack: {error}") from error


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
