"""What several nodes keep together, as the service ``state`` of a node uses it.

It is imported when there is such a thing: most agents carry none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConflictError, RemoteProtocolError
from cantor.node.state.replicas.about import About, group_id
from cantor.node.state.replicas.asking import Asking
from cantor.node.state.replicas.hosting import Hosting
from cantor.node.state.wording import Answer
from cantor.replication.records import COUNT_MAX, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.services import Message, Node, Reply
    from cantor.node.state.wording import Question


class Replicas:
    """On the event loop only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.hosting = Hosting(node, lambda: self.asking.look())  # noqa: PLW0108 (made after it)
        self.asking = Asking(node, self.hosting)

    def start(self) -> None:
        """Go on with what is on the disk."""
        self.hosting.start()
        self.asking.look()

    async def close(self) -> None:
        """Write what is left."""
        await self.hosting.close()

    def hosted(self, kind: str, question: Question) -> str | None:
        """The group that keeps here what a question of this node is about; None if none does."""
        name = question.args.get("b")
        group = group_id(kind, self._node.node_id, name) if type(name) is str else ""
        return group if self.hosting.get(group) is not None else None

    async def create(self, kind: str, question: Question, has: Callable[[str], bool]) -> Answer:
        """Let a name of this node be kept on several; ``has`` says what it keeps alone.

        Raises: as :meth:`Hosting.create`.
        """
        name, copies = question.text("b", "store"), question.get("copies", int)
        about = About(kind, self._node.node_id, name, copies)
        if self.hosting.get(about.id) is None and has(name):
            raise ConflictError(
                "it is there already, without copies", where=name, remedy="take another name"
            )
        await self.hosting.create(about, question.timeout_s)
        return Answer()

    async def answer(self, message: Message, question: Question) -> Reply:
        """Answer another node as a member of a group.

        Raises:
            CantorError: what is asked cannot be done.
        """
        told = message.headers.get("c")
        numbers = told if type(told) is list else []
        counts = [one for one in numbers if type(one) is int and 0 <= one < COUNT_MAX]
        if len(counts) != len(numbers) or len(counts) != 3:
            raise RemoteProtocolError("a question without its session", where=question.operation)
        group = str(message.headers.get("g"))
        return await self.asking.answer(group, question, Client(*counts))
