"""What this node keeps for the programs of its tenant, and how they reach what others keep."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import (
    CantorError,
    IdentityError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.base.ids import NodeId, short_name
from cantor.node.control import refusal, refused
from cantor.node.services import Reply
from cantor.node.state.keys import Keys
from cantor.node.state.later import Later
from cantor.node.state.objects.kind import Objects
from cantor.node.state.once import Once
from cantor.node.state.wording import (
    Answer,
    Question,
    unpack_question,
)
from cantor.node.tenants import check_tenant
from cantor.node.variables.kind import VariableKind
from cantor.node.view import find_node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cantor.node.services import Call, Message, Node
    from cantor.node.state.replicas.service import Replicas
    from cantor.node.state.wording import Kind
    from cantor.node.tasks.wording import Parts
    from cantor.wire.frame import Buffer, Value

TOPIC = "state"
REPLICAS = "replicas"
"""Of messages and facts about what several nodes keep, and of the folder for it."""
REPLICATE = "replicate"
"""Of a store of keys: to be kept on several nodes from then on."""
AGAIN_S = 0.1
TRY_S = 1.5
"""A question without an answer is sent again: a frame may be lost when ways change."""


class State:
    """The service ``state`` of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._numbers = count(1)
        self._once = Once(node.clock)
        self._replicas: Replicas | None = None
        self._is_stale = True
        self._alive = frozenset[NodeId]()
        self._owners: dict[str, NodeId] = {}
        """What words mean, as long as nothing changes: a look at all nodes for each question is
        too much."""
        self._end: Callable[[], None] | None = None
        self._keys = Keys(node)
        self._kinds: dict[str, Kind] = {
            "kv": self._keys,
            "object": Objects(node),
            "queue": Later(node, "cantor.node.state.queues", "Queues"),
            "var": VariableKind(node),
        }

    async def start(self) -> None:
        """Answer other nodes."""
        self._end = self._node.subscribe(self._changed)
        self._node.answer(TOPIC, self._asked)
        self._node.on_message(REPLICAS, self._heard)
        if (self._node.folder / REPLICAS).exists():
            self._with_others()

    async def close(self) -> None:
        """Write what is left."""
        if self._end is not None:
            self._end()
            self._end = None
        if self._replicas is not None:
            await self._replicas.close()
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
        self._look()
        owner = self._owner(where) if where else self._node.node_id
        question = Question(operation, args, parts, self._node.node_id, timeout_s)
        if self._replicas is not None and operation != REPLICATE:
            group = self._replicas.asking.find(kind, owner, args.get("b"))
            if group is not None:
                return self._replicas.asking.ask(group, question)
        if owner == self._node.node_id:
            return self._answer(kind, question)
        return self._elsewhere(owner, kind, question)

    def _heard(self, message: Message) -> None:
        """Another member of a group has sent something."""
        self._with_others().hosting.heard(message)

    def _changed(self) -> None:
        """Facts or nodes have changed; all that is looked for when somebody asks, is then."""
        self._is_stale = True
        if self._replicas is not None:
            self._replicas.hosting.look()

    def _look(self) -> None:
        """See what has changed since the last question."""
        if not self._is_stale:
            return
        self._is_stale = False
        self._owners.clear()
        self._alive = self._node.alive()
        if self._replicas is not None:
            self._replicas.asking.look()
        elif self._node.facts(f"{REPLICAS}/"):
            self._with_others()

    def _with_others(self) -> Replicas:
        if self._replicas is None:
            from cantor.node.state.replicas.service import Replicas

            self._replicas = Replicas(self._node)
            self._replicas.start()
        return self._replicas

    def _owner(self, word: str) -> NodeId:
        owner = self._owners.get(word)
        if owner is None:
            if self._replicas is not None and self._replicas.asking.is_home(word):
                return NodeId(word)  # it may be gone for ever: what it began is not
            owner = self._owners[word] = find_node(self._node.nodes(), word).id
        return owner

    def _answer(self, kind: str, question: Question) -> Answer | Awaitable[Answer]:
        """Answer what this node itself keeps, or begin to keep it with others."""
        known = self._kind(kind)
        if question.operation == REPLICATE and known is self._keys:
            return self._with_others().create(kind, question, self._keys.has)
        return known.answer(question)

    async def _elsewhere(self, owner: NodeId, kind: str, question: Question) -> Answer:
        """Ask the node that keeps it, again until it answers or there is no more time."""
        where = f"node {short_name(owner)}"
        self._look()
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
                self._look()
                if now() < end and owner in self._alive:
                    continue
                raise UnavailableError(
                    f"{error.what}: whether it was done there is not known", where=where,
                    remedy="look at it again when the node is back",
                ) from error  # fmt: skip
        if "error" in reply.headers:
            raise refused(reply.headers)
        if "g" in reply.headers:
            group = str(reply.headers["g"])
            return await self._with_others().asking.ask(group, question, first=owner)
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
            check_tenant(self._node, self._node.tenant, "what this node keeps", message.source)
            question = _question(message)
            if "g" in message.headers:
                return await self._with_others().answer(message, question)
            kind, number = str(message.headers.get("k")), _number(message)
            if self._replicas is not None and question.operation != REPLICATE:
                group = self._replicas.hosted(kind, question)
                if group is not None:
                    return Reply({"g": group})
            if question.operation in self._kind(kind).changing:
                key = (message.source, *number)
                answer = await self._once.do(key, lambda: self._answer(kind, question))
            else:
                told = self._answer(kind, question)
                answer = told if isinstance(told, Answer) else await told
        except CantorError as error:
            return Reply(refusal(error))
        return Reply({"r": answer.headers}, answer.parts)

    def _kind(self, name: str) -> Kind:
        kind = self._kinds.get(name)
        if kind is None:
            raise RemoteProtocolError(
                f"this node keeps nothing of the kind {name[:40]!r}",
                where=self._node.name, remedy="run the same version of Cantor on all nodes",
            )  # fmt: skip
        return kind


def _question(message: Message) -> Question:
    operation, args = message.headers.get("o"), message.headers.get("a")
    if type(operation) is not str or type(args) is not dict:
        raise RemoteProtocolError("not a question about what nodes keep")
    return Question(operation, args, message.body, message.source)


def _number(message: Message) -> tuple[int, int]:
    """The asker's life, and the question in it."""
    told = message.headers.get("n")
    if type(told) is not list or len(told) != 2 or {*map(type, told)} != {int}:
        raise RemoteProtocolError("a question without its number")
    life, count = told
    return int(life), int(count)  # type: ignore[arg-type]
