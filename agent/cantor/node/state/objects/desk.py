"""What programs of this machine do with objects, of this node and of others.

Operations; a *draft* is a file that a program fills, a *lease* one that it reads:

draft   z                            ``d``, ``path``
write   d, at; bytes
drop    d
commit  d, t, o, k, n, v, u, once, r, l, wait
                                     ``o``, ``k``, ``v``; or ``busy``: bytes that its owner has
open    t, o, k | n, stale, wait     ``h``, ``o``, ``row``, ``path``, ``now``: whether its owner has
                                     said so; or ``busy``, ``of``: how far it is
read_file  h, at, count              bytes
close   h

A program of the same user opens the ``path`` itself; others, and those that are closed in, write
and read by the piece.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from cantor.base.errors import (
    ConfigError,
    NotFoundError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.base.ids import NodeId, short_name
from cantor.node.state.objects.askers import BUSY, Askers
from cantor.node.state.wording import ASK_S, Answer, Question, pack_question
from cantor.node.view import find_node
from cantor.stores.contents import OBJECT_BYTES_MAX, Content
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from cantor.node.services import Node
    from cantor.node.state.objects.fetching import Fetching
    from cantor.node.state.objects.owned import Owned
    from cantor.node.state.objects.shelf import Shelf
    from cantor.node.state.service import State
    from cantor.wire.frame import Buffer, Value

DRAFTS_MAX, LEASES_MAX = 256, 1024
IDLE_S = 600.0
"""A draft or a lease that nobody has touched for so long is given up."""
PIECE_BYTES_MAX = 8 << 20
KNOWN_MAX = 4096
WAIT_S = 5.0
LOST_S = 15.0
"""So long an owner is asked again whether it has taken an object, if it cannot be reached."""
TRIES = 3
"""An object may change while it is fetched."""


@dataclass(slots=True)
class _File:
    """A draft or a lease."""

    path: Path
    descriptor: int
    touched_at: float
    content_id: str = ""


class Desk:
    """On the event loop; files in threads."""

    def __init__(self, node: Node, owned: Owned, shelf: Shelf, fetching: Fetching) -> None:
        self._node = node
        self._owned = owned
        self._shelf = shelf
        self._fetching = fetching
        self._drafts: dict[str, _File] = {}
        self._leases: dict[str, _File] = {}
        self._known: OrderedDict[tuple[NodeId, str], tuple[Content, Value]] = OrderedDict()
        self._long = Askers(node.clock)
        self._sent: dict[str, int] = {}
        self._operations: dict[str, Callable[[Question], Answer | Awaitable[Answer]]] = {
            "draft": self._draft, "write": self._write, "drop": self._drop, "commit": self._commit,
            "open": self._open, "read_file": self._read, "close": self._close,
        }  # fmt: skip

    async def close(self) -> None:
        """Let go of all files."""
        await self._long.close()
        for files in (self._drafts, self._leases):
            for name in list(files):
                self._let_go(files, name)

    def takes(self, operation: str) -> bool:
        """Whether it is for programs of this machine."""
        return operation in self._operations

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer a program."""
        return self._operations[question.operation](question)

    async def _draft(self, question: Question) -> Answer:
        self._tidy()
        size = question.get("z", int, 0)
        if not 0 <= size <= OBJECT_BYTES_MAX:
            raise ConfigError(f"an object of {size} bytes (limit {OBJECT_BYTES_MAX})")
        if len(self._drafts) >= DRAFTS_MAX:
            raise UnavailableError("too many objects are being put", where=self._node.name)
        path = await asyncio.to_thread(self._shelf.contents.draft, size)
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        name = secrets.token_hex(16)
        self._drafts[name] = _File(path, descriptor, self._node.clock.monotonic())
        return Answer({"d": name, "path": str(path)})

    async def _write(self, question: Question) -> Answer:
        draft, at = self._file(self._drafts, question, "d"), question.get("at", int)
        size = sum(memoryview(part).nbytes for part in question.parts)
        if not 0 <= at <= OBJECT_BYTES_MAX - size or size > PIECE_BYTES_MAX:
            raise RemoteProtocolError("a piece of an object that is none")
        for part in question.parts:
            await asyncio.to_thread(self._shelf.contents.write, draft.descriptor, part, at)
            at += memoryview(part).nbytes
        return Answer()

    def _drop(self, question: Question) -> Answer:
        name = question.get("d", str)
        if name in self._drafts:
            path = self._drafts[name].path
            self._let_go(self._drafts, name)
            path.unlink(missing_ok=True)
        return Answer()

    async def _commit(self, question: Question) -> Answer:
        token = question.get("t", str)
        return await self._long.ask(
            token, question.wait_s, partial(self._put, question, token),
            lambda: self._sent.get(token, 0),
        )  # fmt: skip

    async def _put(self, question: Question, token: str) -> Answer:
        draft, owner = self._file(self._drafts, question, "d"), self._owner(question)
        contents = self._shelf.contents
        content = await asyncio.to_thread(contents.measure, draft.path)
        is_own = owner == self._node.node_id
        try:
            if not await self._shelf.sound(content):
                await self._shelf.keep(draft.path, content, is_copy=not is_own)
        finally:
            self._drop(question)
        names = ("k", "n", "v", "u", "once", "r", "l")
        args = {name: question.args[name] for name in names if name in question.args}
        args |= {"t": token, "z": content.size, "wait": WAIT_S}
        self._shelf.pin(content.id)
        try:
            told = await self._adopted(owner, args, content, token)
        finally:
            self._shelf.unpin(content.id)
            self._sent.pop(token, None)
        return Answer({"o": owner, **told.headers})

    async def _adopted(
        self, owner: NodeId, args: dict[str, Value], content: Content, token: str
    ) -> Answer:
        """Let the owner take what is here, and wait until it has."""
        now = self._node.clock.monotonic
        heard_at, has_begun = now(), False
        while True:
            try:
                answer = await self._ask(owner, "adopt", args, (content.hashes,))
            except UnavailableError as error:
                if not has_begun:
                    raise
                if now() - heard_at >= LOST_S:
                    raise UnavailableError(
                        f"{error.what}: whether it has taken the object is not known",
                        where=f"node {short_name(owner)}",
                        remedy="look at what is there when it is back: cantor object list",
                    ) from error
                await asyncio.sleep(0.2)
                continue
            if BUSY not in answer.headers:
                return answer
            heard_at, has_begun = now(), True
            self._sent[token] = cast("int", answer.headers[BUSY])

    async def _open(self, question: Question) -> Answer:
        owner, size = self._owner(question), 0
        key = question.get("k", str, "")

        def progress() -> int:
            known = self._known.get((owner, key))
            coming = known and self._fetching.coming.get(known[0].id)
            return coming.bytes_here if coming else 0

        token = question.get("t", str)
        answer = await self._long.ask(
            f"open {token}", question.wait_s, partial(self._opened, question, owner), progress
        )
        if BUSY in answer.headers:
            known = self._known.get((owner, key))
            size = known[0].size if known else 0
            return Answer({**answer.headers, "of": size})
        return answer

    async def _opened(self, question: Question, owner: NodeId) -> Answer:
        for attempt in range(TRIES):
            content, row, others, is_now = await self._seen(question, owner)
            self._shelf.pin(content.id)
            try:
                await self._here(content, owner, others)
                lease = await self._leased(content)
            except (UnavailableError, StoreError):
                again, *_ = await self._seen(question, owner)
                if again.id == content.id or attempt == TRIES - 1:
                    raise
                continue
            finally:
                self._shelf.unpin(content.id)
            if row[6] and is_now:  # type: ignore[index]
                await self._ask(owner, "read", {"k": row[0], "v": row[2]}, ())  # type: ignore[index]
            path = str(self._shelf.contents.path(content.id))
            return Answer({"h": lease, "o": owner, "row": row, "path": path, "now": is_now})
        raise UnavailableError("an object changes faster than it is fetched")

    async def _seen(
        self, question: Question, owner: NodeId
    ) -> tuple[Content, Value, list[NodeId], bool]:
        """What its owner says of an object; with ``stale``, what is remembered if it is away."""
        key, name = question.get("k", str, ""), question.get("n", str, "")
        known = self._known.get((owner, key or f"name {name}"))
        args: dict[str, Value] = {"k": key, "n": name, "f": True}
        if known is not None:
            args["c"] = known[0].id
        try:
            answer = await self._ask(owner, "see", args, ())
        except UnavailableError:
            is_here = known is not None and self._shelf.contents.has(known[0])
            if known is None or not is_here or not question.get("stale", bool, False):
                raise
            return known[0], known[1], [], False
        except NotFoundError:
            self._known.pop((owner, key or f"name {name}"), None)
            raise
        row, told = answer.headers.get("row"), answer.headers.get("h")
        if type(row) is not list or len(row) != 9 or type(told) is not list:
            raise RemoteProtocolError("not an object", where=f"node {short_name(owner)}")
        content = Content.told(row[3], answer.parts[0]) if answer.parts else known and known[0]
        if content is None:
            raise RemoteProtocolError("an object without its hashes", where=str(row[0]))
        for place in {key or str(row[0]), f"name {name}" if name else str(row[0])}:
            self._known.pop((owner, place), None)
            self._known[owner, place] = content, row
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return content, row, [NodeId(str(node)) for node in told], True

    async def _here(self, content: Content, owner: NodeId, others: list[NodeId]) -> None:
        """Have the content here, right."""
        if await self._shelf.sound(content):
            return
        is_own = owner == self._node.node_id
        try:
            await self._fetching.fetch(content, owner, others, is_copy=not is_own)
        except UnavailableError as error:
            if not is_own:
                raise
            raise StoreError(
                "what the disk gives back is not what was written, and no node has a copy",
                where=f"node {self._node.name}",
                remedy="put the object again, and look after the disk",
            ) from error

    async def _leased(self, content: Content) -> str:
        self._tidy()
        if len(self._leases) >= LEASES_MAX:
            raise UnavailableError("too many objects are being read", where=self._node.name)
        path = self._shelf.contents.path(content.id)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"it was taken away: {error}", where=str(path)) from error
        self._shelf.used(content.id)
        self._shelf.pin(content.id)
        name = secrets.token_hex(16)
        self._leases[name] = _File(path, descriptor, self._node.clock.monotonic(), content.id)
        return name

    async def _read(self, question: Question) -> Answer:
        lease = self._file(self._leases, question, "h")
        at, count = question.get("at", int), question.get("count", int)
        if at < 0 or not 0 < count <= PIECE_BYTES_MAX:
            raise RemoteProtocolError("a piece of an object that is none")
        data = await asyncio.to_thread(self._shelf.contents.read, lease.descriptor, count, at)
        return Answer({}, (data,))

    def _close(self, question: Question) -> Answer:
        self._let_go(self._leases, question.get("h", str))
        return Answer()

    async def _ask(
        self, owner: NodeId, operation: str, args: dict[str, Value], parts: tuple[Buffer, ...]
    ) -> Answer:
        if owner == self._node.node_id:
            question = Question(operation, args, parts, owner)
            answer = self._owned.answer(question)
        else:
            state = cast("State", self._node.service("state"))
            answer = state.ask("object", pack_question(operation, owner, args, ASK_S), parts)
        return answer if isinstance(answer, Answer) else await answer

    def _owner(self, question: Question) -> NodeId:
        word = question.get("o", str, "")
        return find_node(self._node.nodes(), word).id if word else self._node.node_id

    def _file(self, files: dict[str, _File], question: Question, name: str) -> _File:
        file = files.get(question.get(name, str))
        if file is None:
            raise NotFoundError(
                "it was given up: nobody has touched it for long", where=question.operation,
                remedy="begin anew",
            )  # fmt: skip
        file.touched_at = self._node.clock.monotonic()
        return file

    def _let_go(self, files: dict[str, _File], name: str) -> None:
        file = files.pop(name, None)
        if file is not None:
            os.close(file.descriptor)
            if file.content_id:
                self._shelf.unpin(file.content_id)

    def _tidy(self) -> None:
        before = self._node.clock.monotonic() - IDLE_S
        for name, draft in list(self._drafts.items()):
            if draft.touched_at < before:
                self._let_go(self._drafts, name)
                draft.path.unlink(missing_ok=True)
        for name, lease in list(self._leases.items()):
            if lease.touched_at < before:
                self._let_go(self._leases, name)
