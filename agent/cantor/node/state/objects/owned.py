"""The objects that this node owns: what any node of its tenant may ask about them.

Operations, with what they bring and what comes back; ``k`` is the key of an object, ``n`` a name:

see     k | n, c, f             ``o``, ``row`` (below), ``h``: who has copies; the
                                hashes, if its content is not ``c``. With ``f`` who asks fetches it
adopt   t, k, n, v, u, once, r, z, l, wait; hashes
                                ``k``, ``v``; or ``busy``: bytes that are here
delete  k, v                    ``was``, ``held``: a task has it, so it goes when that has ended
list    p, after, count         ``o``, ``rows``, ``more``, ``bytes``, ``limit``, ``given``:
                                chunks that this node has given since its start
read    k, v                    somebody has read it: one that is kept until then goes
hold    k, t, s                 keep it for so many seconds: ``t`` uses it; 0: no more

A row is ``[key, name, version, size, at, until | nil, is once, layout, holds]``. ``v`` is a version
to expect, or nil; ``t`` names one attempt to put, which counts once however often it is asked.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError, NotFoundError, RemoteProtocolError
from cantor.node.loop import settle, soon_on
from cantor.node.state.objects.askers import Askers
from cantor.node.state.wording import Answer, checked_text
from cantor.stores.contents import Content
from cantor.stores.errors import StoreError
from cantor.stores.object_store import ObjectStore
from cantor.stores.object_tables import Delete, Entry, ObjectTables, Put

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.state.objects.fetching import Fetching
    from cantor.node.state.objects.shelf import Shelf
    from cantor.node.state.wording import Question
    from cantor.wire.frame import Value

PAGE_MAX = 500
HOLDERS_MAX = 16
CONTENTS_WITH_HOLDERS_MAX = 1024
HOLD_S_MAX = 300.0
HOLDS_MAX = 10_000
SWEEP_S = 5.0
SWEEP_MAX = 500
LAYOUT_BYTES_MAX = 16 * 1024


class Owned:
    """On the event loop only."""

    def __init__(
        self,
        node: Node,
        folder: Path,
        bytes_max: int,
        begun_at: float,
        *,
        soon: Any = None,  # noqa: ANN401
    ) -> None:
        """Open the table of the objects.

        Raises:
            StoreError: it cannot be read.
        """
        loop = asyncio.get_running_loop()
        self._node = node
        self._begun_at = begun_at
        self.store = ObjectStore(folder, soon or soon_on(loop), ObjectTables(bytes_max))
        self._adopting = Askers(node.clock)
        self._holds: dict[str, dict[str, float]] = {}
        self._holders: dict[str, dict[NodeId, None]] = {}
        self._operations: dict[str, Callable[[Question], Answer | Awaitable[Answer]]] = {
            "see": self._see, "adopt": self._adopt, "delete": self._delete, "list": self._list,
            "read": self._read, "hold": self._hold,
        }  # fmt: skip
        self._sweeping: asyncio.TimerHandle | None = None

    def begin(self, shelf: Shelf, fetching: Fetching) -> None:
        """What it works with."""
        self._shelf, self._fetching = shelf, fetching
        self._sweep()

    async def close(self) -> None:
        """Write what is left."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._adopting.close()
        await asyncio.to_thread(self.store.close)

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer a question about them."""
        operation = self._operations.get(question.operation)
        if operation is None:
            raise RemoteProtocolError(f"nobody can {question.operation[:40]!r} an object")
        return operation(question)

    def _see(self, question: Question) -> Answer:
        entry = self._found(question)
        content = entry.content
        holders = self._holders.get(content.id, {})
        told: list[Value] = [node for node in holders if node != question.by]
        if question.get("f", bool, False) and question.by != self._node.node_id:
            self._note(content.id, question.by)
        parts = () if question.get("c", str, "") == content.id else (content.hashes,)
        me: Value = self._node.node_id
        return Answer({"o": me, "row": self._row(entry), "h": told[-HOLDERS_MAX:]}, parts)

    async def _adopt(self, question: Question) -> Answer:
        token = _hex(question, "t")
        return await self._adopting.ask(
            token, question.wait_s, partial(self._take, question, token),
            partial(self._progress, question),
        )  # fmt: skip

    def _progress(self, question: Question) -> int:
        content = _content(question)
        coming = self._fetching.coming.get(content.id)
        return 0 if coming is None else coming.bytes_here

    async def _take(self, question: Question, token: str) -> Answer:
        content, put = _content(question), self._put(question, token)
        tables = self.store.tables
        before = self.store.get(put.entry.key)
        if before is not None and before.token == token:
            return _version(before)
        size = content.size - (before.content.size if before else 0)
        if tables.bytes + size > tables.bytes_max:
            raise StoreError(
                f"{tables.objects} objects of {tables.bytes} bytes are kept here (limit"
                f" {tables.bytes_max} bytes): {content.size} more do not fit",
                where=f"node {self._node.name}", remedy="delete some, or put it on another node",
            )  # fmt: skip
        self._shelf.pin(content.id)
        try:
            if not await self._shelf.sound(content):
                await self._fetching.fetch(content, question.by, (), is_copy=False)
            await self._shelf.secure(content)
            entry, replaced = await self._changed(put)
            self._shelf.now_kept(content.id)
        finally:
            self._shelf.unpin(content.id)
        self._note(content.id, question.by)
        self._sweep()
        if replaced is not None and replaced.content.id != content.id:
            self._freed(replaced)
        return _version(entry)

    def _put(self, question: Question, token: str) -> Put:
        name, until = question.get("n", str, ""), question.args.get("u")
        layout = _layout(question)
        if name:
            checked_text(name, "name of an object")
        if until is not None and (type(until) not in (int, float) or not until > 0):  # type: ignore[operator]
            raise ConfigError("an object is kept for more than 0 seconds", where=name)
        now = self._node.wall()
        entry = Entry(
            _hex(question, "k"), name, 1, now, None if until is None else now + float(until),  # type: ignore[arg-type]
            question.get("once", bool, False), False, token, _content(question), layout,
        )  # fmt: skip
        return Put(entry, _expected(question), _nobody, may_replace=question.get("r", bool, False))

    async def _delete(self, question: Question) -> Answer:
        key = _hex(question, "k")
        held = len(self._held(key))
        before = await self._removed(key, _expected(question), is_held=held > 0)
        self._sweep()
        return Answer({"was": before is not None, "held": held})

    async def _removed(self, key: str, expect: int | None, *, is_held: bool) -> Entry | None:
        change = Delete(key, expect, is_held, _nobody)
        before: Entry | None = await self._changed(change)
        if before is not None and not is_held:
            self._freed(before)
        return before

    def _list(self, question: Question) -> Answer:
        count = min(max(1, question.get("count", int, PAGE_MAX)), PAGE_MAX)
        after = question.args.get("after") or ["", ""]
        if type(after) is not list or [type(one) for one in after] != [str, str]:
            raise RemoteProtocolError("not a place in a list", where="list")
        name, key = after
        entries = self.store.after(question.get("p", str, ""), str(name), str(key), count + 1)
        rows: list[Value] = [self._row(entry) for entry in entries[:count]]
        tables = self.store.tables
        return Answer(
            {
                "o": self._node.node_id,
                "rows": rows,
                "more": len(entries) > count,
                "bytes": tables.bytes,
                "limit": tables.bytes_max,
                "given": self._fetching.chunks_given,
            }
        )

    async def _read(self, question: Question) -> Answer:
        entry = self.store.get(_hex(question, "k"))
        if entry is not None and entry.is_once and entry.version == _expected(question):
            await self._removed(entry.key, None, is_held=bool(self._held(entry.key)))
        return Answer()

    def _hold(self, question: Question) -> Answer:
        key, token = _hex(question, "k"), _hex(question, "t")
        seconds = question.args.get("s")
        if type(seconds) not in (int, float) or not 0 <= seconds <= HOLD_S_MAX:  # type: ignore[operator]
            raise RemoteProtocolError("an object is held for no such time")
        if not seconds:
            self._holds.get(key, {}).pop(token, None)
        elif self.store.get(key) is not None and len(self._holds) < HOLDS_MAX:
            held = self._holds.setdefault(key, {})
            held[token] = self._node.clock.monotonic() + float(seconds)  # type: ignore[arg-type]
        if not self._held(key):
            self._holds.pop(key, None)
            self._let_go(key)
        self._sweep()
        return Answer({"held": len(self._held(key))})

    def _let_go(self, key: str) -> None:
        """Nobody holds an object any more: if it was deleted meanwhile, it goes now."""
        entry = self.store.get(key)
        if entry is not None and entry.is_gone:
            task = asyncio.ensure_future(self._removed(key, None, is_held=False))
            task.add_done_callback(_looked_at)

    def _held(self, key: str) -> list[str]:
        now = self._node.clock.monotonic()
        return [token for token, until in self._holds.get(key, {}).items() if until > now]

    def _found(self, question: Question) -> Entry:
        name = question.get("n", str, "")
        key = "" if name else _hex(question, "k")
        entry = self.store.named(name) if name else self.store.get(key)
        if entry is None or (entry.until is not None and entry.until <= self._node.wall()):
            raise NotFoundError(
                "there is no such object", where=name or key,
                remedy="it was never put, or was deleted: cantor object list shows what is there",
            )  # fmt: skip
        return entry

    def _row(self, entry: Entry) -> list[Value]:
        return [
            entry.key, entry.name, entry.version, entry.content.size, entry.at, entry.until,
            entry.is_once, entry.layout, len(self._held(entry.key)),
        ]  # fmt: skip

    def _note(self, content_id: str, node: NodeId) -> None:
        """A node will have a copy."""
        if node == self._node.node_id:
            return
        holders = self._holders.pop(content_id, {})
        holders.pop(node, None)
        holders[node] = None
        while len(holders) > HOLDERS_MAX:
            del holders[next(iter(holders))]
        self._holders[content_id] = holders
        while len(self._holders) > CONTENTS_WITH_HOLDERS_MAX:
            del self._holders[next(iter(self._holders))]

    async def _changed(self, change: Put | Delete) -> Any:  # noqa: ANN401 (as it is told)
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        change.tell = partial(settle, told)
        self.store.change(change)
        return await asyncio.shield(told)

    def _freed(self, entry: Entry) -> None:
        content_id = entry.content.id
        if not self.store.uses(content_id):
            self._holders.pop(content_id, None)
            self._shelf.now_free(content_id, asyncio.get_running_loop().call_later)

    def _sweep(self) -> None:
        """Look in a while for what is to go by itself, if there is any."""
        if self._sweeping is None and self.store.has_passing():
            loop = asyncio.get_running_loop()
            self._sweeping = loop.call_later(SWEEP_S, self._sweep_now)

    def _sweep_now(self) -> None:
        self._sweeping = None
        over = [
            entry
            for entry in self.store.over(self._node.wall(), SWEEP_MAX)
            if not self._held(entry.key) and not (entry.is_gone and self._is_young)
        ]
        for entry in over:
            task = asyncio.ensure_future(self._removed(entry.key, None, is_held=False))
            task.add_done_callback(_looked_at)
        self._sweep()

    @property
    def _is_young(self) -> bool:
        """Who holds an object says so again soon after this node was started."""
        return self._node.clock.monotonic() - self._begun_at < HOLD_S_MAX


def _content(question: Question) -> Content:
    hashes = question.parts[0] if len(question.parts) == 1 else b""
    return Content.told(question.args.get("z"), hashes)


def _hex(question: Question, name: str) -> str:
    """A key or a token: 32 hexadecimal digits.

    Raises:
        RemoteProtocolError: it is none.
    """
    text = question.get(name, str)
    if len(text) != 32 or set(text) - set("0123456789abcdef"):
        raise RemoteProtocolError("a question about no object", where=question.operation)
    return text


def _expected(question: Question) -> int | None:
    expect = question.args.get("v")
    if expect is not None and (type(expect) is not int or not 0 <= expect < 1 << 62):
        raise ConfigError("not a version to expect", where=question.operation)
    return expect


def _layout(question: Question) -> bytes:
    layout = question.args.get("l", b"")
    if type(layout) is not bytes or len(layout) > LAYOUT_BYTES_MAX:
        raise RemoteProtocolError("an object without its layout", where=question.operation)
    return layout


def _version(entry: Entry) -> Answer:
    return Answer({"k": entry.key, "v": entry.version})


def _nobody(_: Any) -> None:  # noqa: ANN401 (replaced before it is called)
    """Nobody is told."""


def _looked_at(task: asyncio.Future[Any]) -> None:
    """What the disk refuses to forget is tried again."""
    if not task.cancelled():
        task.exception()
