"""The variables of the tenant, for programs.

Operations, with what they bring and what comes back:

get     k                        a row and the value; nothing if it is not there
set     k, value                 a row
delete  k                        ``was``: whether it was there
list    p, after, n              ``rows``, ``more``; the values one by one
poll    p, since, wait           ``rows``: with how many changes were passed over; ``since``; values
status                           how many there are, and whose clocks are too far off

A row is [name, when it was set in UTC seconds, by which node, is deleted]. ``p`` is a prefix of
names. A place ``since`` is [life of the node, number, number], or nil for now; [0, 0, 0] is before
all that is there. What was deleted up to the second number does not come.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.clock import seconds_ahead
from cantor.base.errors import MissedError, RemoteProtocolError, UnavailableError
from cantor.ledger.variables.entry import check_name
from cantor.node.state.wording import Answer
from cantor.stores.packed import pack_parts, unpack_parts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.ledger.variables.entry import Entry
    from cantor.node.services import Node
    from cantor.node.state.wording import Question
    from cantor.node.variables.service import Variables
    from cantor.wire.frame import Value

PAGE_NAMES_MAX = 1000
PAGE_BYTES_MAX = 1 << 20
"""A page ends behind the value that fills it."""
_BEGIN = (0, 0, 0)


class VariableKind:
    """On the event loop only."""

    changing = frozenset({"set", "delete"})

    def __init__(self, node: Node) -> None:
        self._node = node
        self._operations: dict[str, Callable[[Question], Answer | Awaitable[Answer]]] = {
            "get": self._get,
            "set": self._set,
            "delete": self._delete,
            "list": self._list,
            "poll": self._poll,
            "status": self._status,
        }

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer a question about them."""
        operation = self._operations.get(question.operation)
        if operation is None:
            raise RemoteProtocolError(f"nobody can {question.operation[:40]!r} a variable")
        return operation(question)

    async def close(self) -> None:
        """The service of the variables closes by itself."""

    def _variables(self) -> Variables:
        from cantor.node.variables.service import Variables

        found = self._node.service("variables")
        if not isinstance(found, Variables):
            raise UnavailableError("this node shares no variables", where=self._node.name)
        return found

    def _get(self, question: Question) -> Answer:
        entry = self._variables().replica.get(check_name(question.get("k", str)))
        if entry is None or entry.value is None:
            return Answer()
        return Answer({"row": _row(entry)}, unpack_parts(entry.value))

    async def _set(self, question: Question) -> Answer:
        value = pack_parts(question.parts)
        entry = await self._variables().set(check_name(question.get("k", str)), value)
        return Answer({} if entry is None else {"row": _row(entry)})

    async def _delete(self, question: Question) -> Answer:
        entry = await self._variables().set(check_name(question.get("k", str)), None)
        return Answer({"was": entry is not None})

    def _list(self, question: Question) -> Answer:
        replica = self._variables().replica
        prefix, after = question.get("p", str, ""), question.get("after", str, "")
        count = min(max(1, question.get("n", int, PAGE_NAMES_MAX)), PAGE_NAMES_MAX)
        names = [name for name in replica.names(prefix) if name > after]
        rows: list[Value] = []
        parts: list[bytes] = []
        size = 0
        for name in names[:count]:
            entry = replica.entries[name]
            rows.append(_row(entry))
            parts.append(entry.value or b"")
            size += entry.size
            if size >= PAGE_BYTES_MAX:
                break
        return Answer({"rows": rows, "more": len(rows) < len(names)}, tuple(parts))

    async def _poll(self, question: Question) -> Answer:
        variables, prefix, wait_s = self._variables(), question.get("p", str, ""), question.wait_s
        recent, life = variables.recent, self._node.life
        place = _since(question)
        if place is None:
            return Answer({"rows": [], "since": [life, recent.number, 0]})
        if place == _BEGIN:
            place = (life, 0, recent.number)
        told, number, quiet = place
        if told != life or number > recent.number:
            raise MissedError(
                "the node was started anew meanwhile", where=f"variables {prefix}",
                remedy="watch them anew, from all that is there now",
            )  # fmt: skip
        try:
            async with asyncio.timeout(wait_s):
                while not (answer := self._changes(variables, prefix, number, quiet)).headers[
                    "rows"
                ]:
                    if recent.is_closed:
                        raise UnavailableError("the node ends", where=self._node.name)
                    number = recent.number
                    await recent.wait()
        except TimeoutError:
            return Answer({"rows": [], "since": [life, number, quiet]})
        return answer

    def _changes(self, variables: Variables, prefix: str, number: int, quiet: int) -> Answer:
        found = variables.recent.since(number, prefix)
        passed_over = variables.recent.passed_over(number) if found else {}
        rows: list[Value] = []
        parts: list[bytes] = []
        size = 0
        for at, name in found:
            number = at
            entry = variables.replica.entries[name]
            if entry.value is None and at <= quiet:
                continue
            rows.append([*_row(entry), passed_over.get(name, 0)])
            if entry.value is not None:
                parts.append(entry.value)
            size += entry.size
            if len(rows) >= PAGE_NAMES_MAX or size >= PAGE_BYTES_MAX:
                break
        since: list[Value] = [self._node.life, number, quiet]
        return Answer({"rows": rows, "since": since}, tuple(parts))

    def _status(self, _: Question) -> Answer:
        variables = self._variables()
        replica, spreading = variables.replica, variables.spreading
        apart = spreading.clocks_apart(self._node.clock.monotonic())
        return Answer(
            {
                "variables": replica.live,
                "deleted": len(replica.entries) - replica.live,
                "bytes": replica.bytes,
                "neighbours": len(spreading.neighbours),
                "refused": dict(spreading.counters),
                "clocks": {node: round(ahead_s, 1) for node, ahead_s in apart.items()},
            }
        )


def _row(entry: Entry) -> list[Value]:
    at = seconds_ahead(entry.hlc, 0.0)
    return [entry.name, at, entry.writer, entry.value is None]


def _since(question: Question) -> tuple[int, int, int] | None:
    told = question.args.get("since")
    if told is None:
        return None
    if type(told) is not list or [type(one) for one in told] != [int, int, int]:
        raise RemoteProtocolError("not a place to watch from", where=question.operation)
    return told[0], told[1], told[2]  # type: ignore[return-value]
