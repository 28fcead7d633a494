"""Questions of this machine's programs about what several nodes keep.

The owner answers; if it is lost meanwhile the next one does. A change has a number in a session of
this node with the group, so one that is sent again after a takeover is done once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.control import refused
from cantor.node.services import Reply
from cantor.node.state.replicas.about import FACT, group_id, seen_in
from cantor.node.state.replicas.group import RefusedError
from cantor.node.state.replicas.keys import CHANGING
from cantor.node.state.wording import Answer, Question
from cantor.replication.records import NOBODY, Client
from cantor.replication.sessions import OPEN_MAX

if TYPE_CHECKING:
    from cantor.node.services import Node
    from cantor.node.state.replicas.about import Seen
    from cantor.node.state.replicas.hosting import Hosting
    from cantor.wire.frame import Value

AGAIN_S = 0.05
TRY_S = 3.0
SESSION = "session"
TOPIC = "state"


class _Session:
    """The numbers of this node's changes at one group, from the opening of a session to its end."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._last = 0
        self._open: set[int] = set()
        self._left = asyncio.Event()

    async def begin(self) -> Client:
        """The number of one more change, as soon as the group takes so many at once."""
        while self._open and self._last + 1 - min(self._open) >= OPEN_MAX:
            self._left.clear()
            await self._left.wait()
        self._last += 1
        self._open.add(self._last)
        return Client(self._number, self._last, min(self._open))

    def end(self, client: Client) -> None:
        """That change is answered, or nobody waits for it."""
        self._open.discard(client.number)
        self._left.set()


class Asking:
    """On the event loop only."""

    def __init__(self, node: Node, hosting: Hosting) -> None:
        self._node = node
        self._hosting = hosting
        self._seen: dict[str, list[Seen]] = {}
        self._owners: dict[str, NodeId] = {}
        self._sessions: dict[str, _Session] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._turn = 0

    def look(self) -> None:
        """Facts have changed."""
        self._seen = seen_in(self._node.facts(FACT))
        self._owners.clear()

    def find(self, kind: str, home: NodeId, name: Value) -> str | None:
        """The group that keeps that name of a node; None if none is known."""
        if not self._seen or type(name) is not str:
            return None
        group = group_id(kind, home, name)
        return group if group in self._seen else None

    def is_home(self, node: str) -> bool:
        """Whether a group was made on that node, by its id."""
        return any(seen[0].about.home == node for seen in self._seen.values())

    async def ask(self, group: str, question: Question, first: NodeId | None = None) -> Answer:
        """The answer of whoever owns the group; ``first`` is a member, if that is not known yet.

        Raises:
            UnavailableError: nobody answers as owner in time; it says whether it may be done.
            CantorError: what is asked cannot be done.
        """
        if first is not None:
            self._owners.setdefault(group, first)
        if question.operation not in CHANGING:
            return await self._ask(group, question, NOBODY)
        while True:
            session = await self._session(group, question.timeout_s)
            client = await session.begin()
            try:
                answer = await self._ask(group, question, client)
            finally:
                session.end(client)
            if "over" not in answer.headers:
                return answer
            if self._sessions.get(group) is session:
                del self._sessions[group]
            if "doubt" in answer.headers:
                raise _unknown(group, "its session was over")

    async def _session(self, group: str, timeout_s: float) -> _Session:
        async with self._opening.setdefault(group, asyncio.Lock()):
            session = self._sessions.get(group)
            if session is None:
                question = Question(SESSION, {}, (), self._node.node_id, timeout_s)
                number = (await self._ask(group, question, NOBODY)).headers.get("s")
                if type(number) is not int:
                    raise RemoteProtocolError("a group without a session", where=group[:8])
                session = self._sessions[group] = _Session(number)
            return session

    async def _ask(self, group: str, question: Question, client: Client) -> Answer:
        """Ask one member after the other, until one answers as owner."""
        now = self._node.clock.monotonic
        end, waits = now() + question.timeout_s + question.wait_s, question.wait_s
        is_doubtful, why = False, "no member answers"
        while True:
            target = self._target(group)
            reply = None
            if target is not None:
                left = max(0.1, min(end - now(), TRY_S + waits))
                try:
                    reply = await self._ask_at(target, group, question, client, left)
                except UnavailableError as error:
                    is_doubtful, why = True, error.what
                    self._owners.pop(group, None)
            if reply is not None and "why" not in reply.headers:
                return _answer_in(reply, is_doubtful=is_doubtful)
            if reply is not None:
                why = str(reply.headers.get("why"))
                is_doubtful = is_doubtful or why == "doubt"
                self._learn(group, reply.headers.get("owner"))
            if why in ("alone", "fenced", "disk", "large") or now() >= end:
                raise _failed(
                    group, why, is_doubtful=is_doubtful and question.operation in CHANGING
                )
            await asyncio.sleep(AGAIN_S)

    async def _ask_at(
        self, target: NodeId, group: str, question: Question, client: Client, timeout_s: float
    ) -> Reply:
        if target == self._node.node_id:
            return await self.answer(group, question, client)
        headers: dict[str, Value] = {
            "g": group, "o": question.operation, "a": question.args, "c": [*client],
        }  # fmt: skip
        message = await self._node.request(
            target, TOPIC, headers, question.parts, timeout_s=timeout_s
        )
        return Reply(message.headers, message.body)

    async def answer(self, group: str, question: Question, client: Client) -> Reply:
        """Answer as a member: what is asked, or who may."""
        hosted = self._hosting.get(group)
        if hosted is None:
            return Reply({"why": "elsewhere", "owner": ""})
        try:
            if question.operation == SESSION:
                return Reply({"r": {"s": await hosted.group.open_session()}})
            answer = await hosted.copies.answer(hosted.group, question, client)
        except RefusedError as error:
            return Reply({"why": error.why, "owner": error.owner or ""})
        return Reply({"r": answer.headers}, answer.parts)

    def _target(self, group: str) -> NodeId | None:
        """Who owns it as far as is known here; else its members that can be reached, in turn."""
        alive = self._node.alive()
        owner = self._owners.get(group)
        if owner in alive:
            return owner
        seen = sorted(self._seen.get(group, ()), key=lambda one: -one.counter)
        for one in seen:
            if one.owner is not None and one.owner in alive and group not in self._owners:
                self._owners[group] = one.owner
                return one.owner
        members = sorted({node for one in seen for node in one.members} & alive)
        if not members:
            return None
        self._turn += 1
        return members[self._turn % len(members)]

    def _learn(self, group: str, owner: Value) -> None:
        if type(owner) is str and owner in self._node.alive():
            self._owners[group] = NodeId(owner)
        else:
            self._owners.pop(group, None)


def _answer_in(reply: Reply, *, is_doubtful: bool) -> Answer:
    if "error" in reply.headers:
        raise refused(reply.headers)
    told = reply.headers.get("r")
    headers = told if isinstance(told, dict) else {}
    if "over" in headers and is_doubtful:
        headers = {**headers, "doubt": True}
    return Answer(headers, reply.body)


def _failed(group: str, why: str, *, is_doubtful: bool) -> UnavailableError:
    if is_doubtful:
        return _unknown(group, why)
    what, remedy = _WORDS.get(why, (why, "look at cantor nodes, and try again"))
    return UnavailableError(what, where=f"copies {group[:8]}", remedy=remedy)


def _unknown(group: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"{why}: whether it was done is not known", where=f"copies {group[:8]}",
        remedy="look at it again before you do it again",
    )  # fmt: skip


_WORDS = {
    "alone": (
        "the other copy cannot be reached: it can be read, and not changed",
        "wait until it is back; if it is lost for good, declare its node dead: cantor node deny"
        " --for-ever",
    ),
    "elsewhere": (
        "no member owns it now, so nothing was done",
        "a majority of its copies must reach each other: look at cantor nodes",
    ),
    "full": ("too much waits for it, so nothing was done", "try again later"),
    "disk": ("its owner's disk refuses, so nothing was done", "look after the disk"),
    "fenced": ("its node was declared dead, so nothing was done", "ask on another node"),
    "large": ("it is too large, so nothing was done", "keep large values as objects"),
}
