"""Keys and values that several nodes keep: a group's commands and answers about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.node.control import refused
from cantor.node.state.key_reading import KeyReading, change_of
from cantor.node.state.wording import Answer
from cantor.stores.key_machine import KeyMachine, pack_change, unpack_outcome

if TYPE_CHECKING:
    from cantor.node.services import Node
    from cantor.node.state.replicas.group import Group
    from cantor.node.state.wording import Question
    from cantor.replication.records import Client
    from cantor.stores.key_queries import KeyQueries
    from cantor.stores.key_tables import KeyTables

CHANGING = frozenset({"set", "delete"})
READING = frozenset({"get", "list"})


class KeyCopies:
    """The keys of one group, as this member has them."""

    def __init__(self, node: Node, group: str) -> None:
        self._node = node
        self.machine = KeyMachine(group)
        self._reading: KeyReading | None = None
        self._tables: KeyTables = self.machine.tables

    def changed(self) -> None:
        """A command was applied, or a snapshot taken over."""
        reading, tables = self._known, self.machine.tables
        if self._tables is not tables:
            reading.end()
            self._tables, self._reading = tables, None
        else:
            reading.wrote(tables.revision)

    def end(self) -> None:
        """Who waits for changes here shall ask elsewhere."""
        self._known.end()
        self._reading = None

    def close(self) -> None:
        """Let go of the memory."""
        self._known.end()
        self.machine.close()

    async def answer(self, group: Group, question: Question, client: Client) -> Answer:
        """Answer as the one that may.

        Raises:
            RefusedError: it may not, or cannot say.
            CantorError: what is asked cannot be done.
        """
        operation = question.operation
        if operation in CHANGING:
            name, key, value, expect = change_of(question, is_set=operation == "set")
            command = pack_change(name, key, value, self._node.wall(), expect)
            return _changed(await group.submit(command, client))
        if operation not in (*READING, "poll"):
            raise RemoteProtocolError(f"nobody can {operation[:40]!r} a key that has copies")
        await group.read()
        if operation == "poll":
            return await self._known.poll(question)
        return self._known.get(question) if operation == "get" else self._known.page(question)

    @property
    def _known(self) -> KeyReading:
        if self._reading is None:
            queries: KeyQueries = self.machine
            self._reading = KeyReading(queries, self.machine.tables, self._node.name)
        return self._reading


def _changed(outcome: object) -> Answer:
    """What a command has answered; a session that is over says so."""
    if not isinstance(outcome, bytes):
        return Answer({"over": True})
    found = unpack_outcome(outcome)
    if isinstance(found, int):
        return Answer({"was": found > 0, "r": found})
    names = ("kind", "error", "where", "remedy")
    raise refused(dict(zip(names, found, strict=True)))
