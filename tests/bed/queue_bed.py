"""The queues of one node in memory, asked as programs ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import (
    CantorError,
)
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.state.queues import Queues
from cantor.node.state.wording import Answer, Question
from cantor.stores.packed import pack_parts, unpack_parts
from cantor.stores.queue_records import QueueTerms

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH = NodeId("a" * 32)
SOON_S, WAIT_S = 0.1, 20.0
Row = tuple[int, int, int, bytes]
"""Number, take, tries, body."""


class Bed:
    """The queues of one node; ``q`` is asked when no other is named."""

    def __init__(self, folder: Path) -> None:
        self.node: FakeNode = FakeMesh().add(ASH, folder)
        self.queues = Queues(self.node)
        self.asks = iter(range(1, 1000))

    async def ask(self, operation: str, *parts: bytes, wait: float = 0.0, **args: Any) -> Any:  # noqa: ANN401
        question = Question(operation, {"b": "q", **args, "wait": wait}, parts, ASH)
        told = self.queues.answer(question)
        return (told if isinstance(told, Answer) else await told).headers

    async def create(self, name: str = "q", **terms: Any) -> bool:  # noqa: ANN401
        headers = await self.ask("create", b=name, terms=QueueTerms(**terms).as_value())
        return headers["made"] is True

    async def put(self, *bodies: bytes, name: str = "q", delay: float = 0.0) -> Any:  # noqa: ANN401
        return await self.ask("put", pack_parts(bodies), b=name, delay=delay)

    async def take(
        self, most: int = 10, *, wait: float = 0.0, name: str = "q", ask: int = 0
    ) -> list[Row]:
        return [(n, take, tries, body) for n, take, tries, *_, body in
                await self.rows(most, wait=wait, name=name, ask=ask)]  # fmt: skip

    async def rows(
        self, most: int = 10, *, wait: float = 0.0, name: str = "q", ask: int = 0
    ) -> list[Any]:
        args = {"b": name, "count": most, "ask": ask or next(self.asks), "wait": wait}
        told = self.queues.answer(Question("take", cast("Any", args), (), ASH))
        answer = told if isinstance(told, Answer) else await told
        rows = cast("list[Any]", answer.headers["rows"])
        bodies = unpack_parts(answer.parts[0])
        return [(*row, body) for row, body in zip(rows, bodies, strict=True)]

    async def settle(self, verb: str, *rows: Row, name: str = "q", s: float = 0.0) -> list[int]:
        durable = self.queues._desks[name].terms.durable
        of = (self.queues._open() if durable else self.queues._memory).id
        takes = [[row[0], row[1]] for row in rows]
        headers = await self.ask(verb, b=name, of=of, m=takes, s=s)
        return cast("list[int]", headers["refused"])

    async def stats(self, name: str = "q") -> dict[str, int]:
        return cast("dict[str, int]", (await self.ask("stats", b=name))["stats"])


async def raised(asked: Awaitable[object]) -> CantorError:
    try:
        await asked
    except CantorError as error:
        return error
    raise AssertionError("nothing was raised")
