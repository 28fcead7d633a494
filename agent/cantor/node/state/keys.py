"""The key-value stores of this node, for every program of its tenant.

Operations, with what they bring and what comes back; ``b`` is the name of the store:

get     b, k                     ``r`` revision, ``at``, and the value; nothing if it is not there
set     b, k, e | nil, value     ``r``
delete  b, k, e | nil            ``was``: whether it was there
list    b, p, after, n, values   ``rows``: [key, revision, at], ``more``; the values one by one
poll    b, p, since, wait        ``rows``: [key, revision, at, is deleted], ``since``; the values
stores                           ``rows``: [name, keys, bytes]

``e`` is the revision that it must have (0: it must not be there), ``p`` a prefix of keys. A place
``since`` is ``[id of the database, revision, begun]``, or nil for now; ``["", 0, 0]`` is before all
that is there. What was deleted up to ``begun`` is not told.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.node.loop import settle, soon_on
from cantor.node.state.key_reading import KeyReading, change_of, changed, place_of, store_of
from cantor.node.state.wording import Answer
from cantor.stores.key_store import FILE_NAME, KeyStore
from cantor.stores.key_tables import Change, Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.node.services import Node
    from cantor.node.state.wording import Question
    from cantor.wire.frame import Value


class Keys:
    """On the event loop only. The disk is not touched before a key is set or was before."""

    changing = frozenset({"set", "delete"})

    def __init__(self, node: Node) -> None:
        self._node = node
        self._store: KeyStore | None = None
        self._reading: KeyReading | None = None
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

    def has(self, name: str) -> bool:
        """Whether a store has keys."""
        return (
            self._kept() is not None
            and self._store is not None
            and bool(self._store.after(name, "", "", 1))
        )

    async def close(self) -> None:
        """Write what is left."""
        if self._reading is not None:
            self._reading.end()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    def _kept(self) -> KeyReading | None:
        """What is kept, if anything was ever set here."""
        if self._store is None and (self._node.folder / FILE_NAME).exists():
            self._open()
        return self._reading

    def _open(self) -> tuple[KeyStore, KeyReading]:
        if self._store is None or self._reading is None:
            self._store = KeyStore(self._node.folder, soon_on(asyncio.get_running_loop()))
            self._reading = KeyReading(self._store, self._store.tables, self._node.name)
        return self._store, self._reading

    def _get(self, question: Question) -> Answer:
        reading = self._kept()
        place_of(question)
        return Answer() if reading is None else reading.get(question)

    async def _change(self, question: Question, *, is_set: bool) -> Answer:
        name, key, value, expect = change_of(question, is_set=is_set)
        if not is_set and self._kept() is None and not expect:
            return Answer({"was": False})
        told: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        store, reading = self._open()
        tell = partial(_told, reading, told)
        store.change(Change(name, key, value, self._node.wall(), expect, tell))
        return changed(await asyncio.shield(told))

    def _list(self, question: Question) -> Answer:
        reading = self._kept()
        if reading is not None:
            return reading.page(question)
        store_of(question)
        question.get("p", str, "")
        return Answer({"rows": [], "more": False})

    def _poll(self, question: Question) -> Awaitable[Answer]:
        return self._open()[1].poll(question)

    def _stores(self, _: Question) -> Answer:
        rows: list[Value] = []
        if self._kept() is not None and self._store is not None:
            rows = [list(row) for row in self._store.stores()]
        return Answer({"rows": rows})


def _told(reading: KeyReading, told: asyncio.Future[Entry | None], outcome: Any) -> None:  # noqa: ANN401
    """What came of a change."""
    if isinstance(outcome, Entry):
        reading.wrote(outcome.revision)
    settle(told, outcome)
