"""Answers about keys, out of tables that are on this node's disk or replicated."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, MissedError, RemoteProtocolError
from cantor.node.state.wording import Answer, check_value
from cantor.stores.packed import pack_parts, unpack_parts

if TYPE_CHECKING:
    from cantor.node.state.wording import Question
    from cantor.stores.key_queries import KeyQueries
    from cantor.stores.key_tables import Entry, KeyTables
    from cantor.wire.frame import Value

PAGE_KEYS_MAX = 1000
PAGE_BYTES_MAX = 1 << 20
"""A page ends behind the value that fills it."""


class KeyReading:
    """On the event loop only. ``wrote`` says what readers see; ``node`` is for messages."""

    def __init__(self, queries: KeyQueries, tables: KeyTables, node: str) -> None:
        self._queries = queries
        self._tables = tables
        self._node = node
        self._revision = tables.revision
        """Up to here all is written, so that readers see it."""
        self._written = asyncio.Event()
        self._is_ended = False

    def wrote(self, revision: int) -> None:
        """A change is there to be read."""
        self._revision = revision
        self._wake()

    def end(self) -> None:
        """Who waits for changes hears that there will be none."""
        self._is_ended = True
        self._wake()

    def get(self, question: Question) -> Answer:
        """The value of a key."""
        entry = self._queries.get(*place_of(question))
        if entry is None or entry.value is None:
            return Answer()
        return Answer({"r": entry.revision, "at": entry.at}, unpack_parts(entry.value))

    def page(self, question: Question) -> Answer:
        """The next keys, in order."""
        name = store_of(question)
        prefix, after = question.get("p", str, ""), question.get("after", str, "")
        count = min(max(1, question.get("n", int, PAGE_KEYS_MAX)), PAGE_KEYS_MAX)
        entries = self._queries.after(name, prefix, after, count + 1)
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

    async def poll(self, question: Question) -> Answer:
        """What has changed since a place, as soon as there is something."""
        name, prefix, wait_s = store_of(question), question.get("p", str, ""), question.wait_s
        place = _since(question)
        if place is None:
            return Answer({"rows": [], "since": [self._tables.id, self._revision, 0]})
        seen_id, revision, begun = place
        if seen_id or revision:
            self._check_missed(seen_id, revision, f"{name}/{prefix}")
        else:
            begun = self._revision
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    rows = self._queries.since(name, prefix, revision, PAGE_KEYS_MAX)
                    told = [one for one in rows if one.value is not None or one.revision > begun]
                    if told:
                        return self._changes(told, begun)
                    if rows:
                        revision = rows[-1].revision
                        continue
                    revision = max(revision, self._revision)
                    await self._change()
        except TimeoutError:
            return Answer({"rows": [], "since": [self._tables.id, revision, begun]})

    def _changes(self, entries: list[Entry], begun: int) -> Answer:
        rows: list[Value] = []
        parts: list[bytes] = []
        size, last = 0, 0
        for entry in entries:
            rows.append([entry.key, entry.revision, entry.at, entry.value is None])
            last = entry.revision
            if entry.value is not None:
                parts.append(entry.value)
                size += len(entry.value)
                if size >= PAGE_BYTES_MAX:
                    break
        return Answer({"rows": rows, "since": [self._tables.id, last, begun]}, tuple(parts))

    def _check_missed(self, seen_id: str, revision: int, where: str) -> None:
        tables = self._tables
        if seen_id != tables.id or not tables.forgotten <= revision <= self._revision:
            raise MissedError(
                "what was deleted meanwhile is not remembered", where=where,
                remedy="watch it anew, from all that is there now",
            )  # fmt: skip

    async def _change(self) -> None:
        if self._is_ended:
            raise MissedError("the node ends", where=self._node, remedy="watch it anew")
        await self._written.wait()

    def _wake(self) -> None:
        self._written.set()
        self._written = asyncio.Event()


def store_of(question: Question) -> str:
    """The store that a question is about."""
    return question.text("b", "store")


def place_of(question: Question) -> tuple[str, str]:
    """The store and the key that a question is about."""
    return store_of(question), question.text("k", "key")


def change_of(question: Question, *, is_set: bool) -> tuple[str, str, bytes | None, int | None]:
    """What shall be changed: the store, the key, its new value or None, the revision to expect.

    Raises:
        ConfigError: a name cannot be one, or that is no revision.
        NotSerialisable: the value is too large.
    """
    name, key = place_of(question)
    value = None
    if is_set:
        check_value(question.parts, key)
        value = pack_parts(question.parts)
    expect = question.args.get("e")
    if expect is not None and (type(expect) is not int or not 0 <= expect < 1 << 62):
        raise ConfigError("not a revision to expect", where=f"{name}/{key}")
    return name, key, value, expect


def changed(entry: Entry | None) -> Answer:
    """The answer to a change; there is no entry if what shall be deleted was not there."""
    return Answer({"was": entry is not None, "r": 0 if entry is None else entry.revision})


def _since(question: Question) -> tuple[str, int, int] | None:
    told = question.args.get("since")
    if told is None:
        return None
    if type(told) is not list or [type(one) for one in told] != [str, int, int]:
        raise RemoteProtocolError("not a place to watch from", where=question.operation)
    return told[0], told[1], told[2]  # type: ignore[return-value]
