"""The key-value stores of this node, for every program of its tenant.

Operations, with what they bring and what comes back; ``b`` is the name of the store:

get     b, k                     ``r`` revision, ``at``, and the value; nothing if it is not there
set     b, k, e | nil, value     ``r``
delete  b, k, e | nil            ``was``: whether it was there
list    b, p, after, n, values   ``rows``: [key, revision, at], ``more``; the values one by one
poll    b, p, since, wait        ``rows``: [key, revision, at, is deleted], ``since``; the values
stores                           ``rows``: [name, keys, bytes]

``e`` is the revision that it must have (0: it must not be there), ``p`` a prefix of keys. A place
``since`` is ``[id of the database, revision]``, or nil for now; ``["", 0]`` is before all that is
there.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError, MissedError, RemoteProtocolError
from cantor.node.state.wording import Answer, check_value
from cantor.stores.key_store import FILE_NAME, KeyStore
from cantor.stores.key_tables import Change, Entry
from cantor.stores.packed import pack_parts, unpack_parts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.node.services import Node
    from cantor.node.state.wording import Question
    from cantor.stores.key_tables import KeyTables
    from cantor.wire.frame import Value

PAGE_KEYS_MAX = 1000
PAGE_BYTES_MAX = 1 << 20
"""A page ends behind the value that fills it."""


class Keys:
    """On the event loop only. The disk is not touched before a key is set or was before."""

    changing = frozenset({"set", "delete"})

    def __init__(self, node: Node) -> None:
        self._node = node
        self._store: KeyStore | None = None
        self._is_closed = False
        self._written = asyncio.Event()
        self._revision = 0
        """Up to here all is on the disk, so that readers see it."""
        self._operations: dict[str, Callable[[Question], Answer | Awaitable[Answer]]] = {
            "get": self._get,
            "set": partial(self._change, is_set=True),
            "delete": partial(self._change, is_set=False),
            "list": self._list,
            "poll": self._poll,
            "stores": self._stores,
        }

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer a question about them."""
        operation = self._operations.get(question.operation)
        if operation is None:
            raise RemoteProtocolError(f"nobody can {question.operation[:40]!r} a key")
        return operation(question)

    async def close(self) -> None:
        """Write what is left."""
        self._is_closed = True
        self._wake()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    def _kept(self) -> KeyStore | None:
        """The store, if anything was ever set here."""
        if self._store is None and (self._node.folder / FILE_NAME).exists():
            self._open()
        return self._store

    def _open(self) -> KeyStore:
        if self._store is None:
            self._store = KeyStore(self._node.folder, _soon(asyncio.get_running_loop()))
            self._revision = self._store.tables.revision
        return self._store

    def _get(self, question: Question) -> Answer:
        store, (name, key) = self._kept(), _place(question)
        entry = None if store is None else store.get(name, key)
        if entry is None or entry.value is None:
            return Answer()
        return Answer({"r": entry.revision, "at": entry.at}, unpack_parts(entry.value))

    async def _change(self, question: Question, *, is_set: bool) -> Answer:
        name, key = _place(question)
        value = None
        if is_set:
            check_value(question.parts, key)
            value = pack_parts(question.parts)
        expect = question.args.get("e")
        if expect is not None and (type(expect) is not int or not 0 <= expect < 1 << 62):
            raise ConfigError("not a revision to expect", where=f"{name}/{key}")
        if not is_set and self._kept() is None and not expect:
            return Answer({"was": False})
        told: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        tell = partial(self._told, told)
        change = Change(name, key, value, self._node.wall(), expect, tell)
        self._open().change(change)
        entry = await asyncio.shield(told)
        return Answer({"was": entry is not None, "r": 0 if entry is None else entry.revision})

    def _list(self, question: Question) -> Answer:
        store, name = self._kept(), _name(question)
        prefix, after = question.get("p", str, ""), question.get("after", str, "")
        count = min(max(1, question.get("n", int, PAGE_KEYS_MAX)), PAGE_KEYS_MAX)
        entries = [] if store is None else store.after(name, prefix, after, count + 1)
        rows: list[Value] = []
        parts: list[bytes] = []
        size = 0
        for entry in entries[:count]:
            rows.append([entry.key, entry.revision, entry.at])
            if question.get("values", bool, False):
                parts.append(entry.value or b"")
                size += len(parts[-1])
                if size >= PAGE_BYTES_MAX:
                    break
        return Answer({"rows": rows, "more": len(rows) < len(entries)}, tuple(parts))

    async def _poll(self, question: Question) -> Answer:
        name, prefix, wait_s = _name(question), question.get("p", str, ""), question.wait_s
        place = _since(question)
        store = self._open()
        if place is None:
            return Answer({"rows": [], "since": [store.tables.id, self._revision]})
        seen_id, revision = place
        self._check_missed(store.tables, seen_id, revision, f"{name}/{prefix}")
        try:
            async with asyncio.timeout(wait_s):
                while not (rows := store.since(name, prefix, revision, PAGE_KEYS_MAX)):
                    revision = max(revision, self._revision)
                    await self._change_here()
        except TimeoutError:
            return Answer({"rows": [], "since": [store.tables.id, revision]})
        return _changes(store, rows)

    def _stores(self, _: Question) -> Answer:
        store = self._kept()
        rows: list[Value] = [] if store is None else [list(row) for row in store.stores()]
        return Answer({"rows": rows})

    def _told(self, told: asyncio.Future[Entry | None], outcome: Any) -> None:  # noqa: ANN401
        """What came of a change."""
        if isinstance(outcome, Entry):
            self._revision = outcome.revision
            self._wake()
        if told.done():
            return
        if isinstance(outcome, Exception):
            told.set_exception(outcome)
        else:
            told.set_result(outcome)

    def _check_missed(self, tables: KeyTables, seen_id: str, revision: int, where: str) -> None:
        if not seen_id and not revision:
            return
        if seen_id != tables.id or not tables.forgotten <= revision <= self._revision:
            raise MissedError(
                "what was deleted meanwhile is not remembered", where=where,
                remedy="watch it anew, from all that is there now",
            )  # fmt: skip

    async def _change_here(self) -> None:
        if self._is_closed:
            raise MissedError("the node ends", where=self._node.name, remedy="watch it anew")
        await self._written.wait()

    def _wake(self) -> None:
        self._written.set()
        self._written = asyncio.Event()


def _changes(store: KeyStore, entries: list[Entry]) -> Answer:
    rows: list[Value] = []
    parts: list[bytes] = []
    size = 0
    for entry in entries:
        rows.append([entry.key, entry.revision, entry.at, entry.value is None])
        if entry.value is not None:
            parts.append(entry.value)
            size += len(entry.value)
            if size >= PAGE_BYTES_MAX:
                break
    return Answer({"rows": rows, "since": [store.tables.id, rows[-1][1]]}, tuple(parts))  # type: ignore[index]


def _place(question: Question) -> tuple[str, str]:
    return _name(question), question.text("k", "key")


def _name(question: Question) -> str:
    return question.text("b", "store")


def _since(question: Question) -> tuple[str, int] | None:
    told = question.args.get("since")
    if told is None:
        return None
    if type(told) is not list or [type(one) for one in told] != [str, int]:
        raise RemoteProtocolError("not a place to watch from", where=question.operation)
    return told[0], told[1]  # type: ignore[return-value]


def _soon(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], None]], None]:
    def soon(tell: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the agent ends
            loop.call_soon_threadsafe(tell)

    return soon
