"""What this node keeps for the programs of its tenant, and how they reach what others keep."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, IdentityError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId, short_name
from cantor.node.control import refusal, refused
from cantor.node.services import Reply
from cantor.node.state.keys import Keys
from cantor.node.state.once import Once
from cantor.node.state.wording import (
    Answer,
    Question,
    unpack_question,
)
from cantor.node.tenants import check_tenant
from cantor.node.view import find_node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cantor.node.services import Call, Message, Node
    from cantor.node.state.wording import Kind
    from cantor.node.tasks.wording import Parts
    from cantor.wire.frame import Buffer, Value

TOPIC = "state"
AGAIN_S = 0.1
TRY_S = 1.5
"""A question without an answer is sent again: a frame may be lost when ways change."""


class State:
    """The service ``state`` of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._numbers = count(1)
        self._once = Once(node.clock)
        self._kinds: dict[str, Kind] = {"kv": Keys(node)}
        self._alive = frozenset[NodeId]()
        self._owners: dict[str, NodeId] = {}
        """What words mean, as long as nothing changes: a look at all nodes for each question is
        too much."""
        self._end: Callable[[], None] | None = None

    async def start(self) -> None:
        """Answer other nodes."""
        self._end = self._node.subscribe(self._changed)
        self._changed()
        self._node.answer(TOPIC, self._asked)

    async def close(self) -> None:
        """Write what is left."""
        if self._end is not None:
            self._end()
            self._end = None
        for kind in self._kinds.values():
            await kind.close()

    def calls(self) -> Mapping[str, Call]:
        """Programs ask through their connection."""
        return {}

    def ask(
        self, kind: str, body: Buffer, parts: Parts, *, origin: str = ""
    ) -> Answer | Awaitable[Answer]:
        """Answer a program of this machine, wherever what it asks about is kept.

        ``origin`` is the node whose task the program is, if that is another one.

        Raises:
            CantorError: it cannot be answered; so does the answer, when it is awaited.
        """
        operation, where, args, timeout_s = unpack_question(body)
        if origin and self._node.tenant_of(NodeId(origin)) != self._node.tenant:
            raise IdentityError("a task of another tenant asks for what this one keeps", where=kind)
        owner = self._owner(where) if where else self._node.node_id
        question = Question(operation, args, parts, self._node.node_id, timeout_s)
        if owner == self._node.node_id:
            return self._kind(kind).answer(question)
        return self._elsewhere(owner, kind, question)

    def _owner(self, word: str) -> NodeId:
        owner = self._owners.get(word)
        if owner is None:
            owner = self._owners[word] = find_node(self._node.nodes(), word).id
        return owner

    def _changed(self) -> None:
        self._owners.clear()
        self._alive = self._node.alive()

    async def _elsewhere(self, owner: NodeId, kind: str, question: Question) -> Answer:
        """Ask the node that keeps it, again until it answers or there is no more time."""
        where = f"node {short_name(owner)}"
        if owner not in self._alive:
            raise UnavailableError(
                "it cannot be reached, so nothing was done", where=where,
                remedy="look at cantor nodes, and try again when it is back",
            )  # fmt: skip
        waits = question.wait_s
        headers: dict[str, Value] = {
            "k": kind, "o": question.operation, "a": question.args,
            "n": [self._node.life, next(self._numbers)],
        }  # fmt: skip
        now = self._node.clock.monotonic
        end = now() + question.timeout_s + waits
        while True:
            try:
                reply = await self._node.request(
                    owner, TOPIC, headers, question.parts,
                    timeout_s=max(0.1, min(end - now(), TRY_S + waits)),
                )  # fmt: skip
                if "again" not in reply.headers or now() >= end:
                    break
                await asyncio.sleep(AGAIN_S)
            except UnavailableError as error:
                if now() < end and owner in self._alive:
                    continue
                raise UnavailableError(
                    f"{error.what}: whether it was done there is not known", where=where,
                    remedy="look at it again when the node is back",
                ) from error  # fmt: skip
        if "error" in reply.headers:
            raise refused(reply.headers)
        told = reply.headers.get("r")
        return Answer(told if isinstance(told, dict) else {}, reply.body)

    async def _asked(self, message: Message) -> Reply:
        """Answer another node. A question that was sent twice is answered twice and done once."""
        if not self._node.tenant_of(message.source):
            unknown = UnavailableError(
                "it does not know yet whose node asks", where=f"node {self._node.name}",
                remedy="try again: certificates reach a node soon after it has started",
            )  # fmt: skip
            return Reply({**refusal(unknown), "again": True})
        try:
            kind, question, number = self._question(message)
            if question.operation in kind.changing:
                key = (message.source, *number)
                answer = await self._once.do(key, lambda: kind.answer(question))
            else:
                told = kind.answer(question)
                answer = told if isinstance(told, Answer) else await told
        except CantorError as error:
            return Reply(refusal(error))
        return Reply({"r": answer.headers}, answer.parts)

    def _question(self, message: Message) -> tuple[Kind, Question, tuple[int, int]]:
        headers = message.headers
        check_tenant(self._node, self._node.tenant, "what this node keeps", message.source)
        operation, args, number = (headers.get(name) for name in ("o", "a", "n"))
        if type(operation) is not str or type(args) is not dict:
            raise RemoteProtocolError("not a question about what nodes keep")
        if type(number) is not list or len(number) != 2 or {*map(type, number)} != {int}:
            raise RemoteProtocolError("a question without its number", where=operation)
        life, count = number
        question = Question(operation, args, message.body, message.source)
        return self._kind(str(headers.get("k"))), question, (int(life), int(count))  # type: ignore[arg-type]

    def _kind(self, name: str) -> Kind:
        kind = self._kinds.get(name)
        if kind is None:
            raise RemoteProtocolError(
                f"this node keeps nothing of the kind {name[:40]!r}",
                where=self._node.name, remedy="run the same version of Cantor on all nodes",
            )  # fmt: skip
        return kind
