"""The logs of a node, for its own machine and for other nodes of its tenant."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.node.logs.feed import Feed, FeedHandler
from cantor.node.logs.journal import Journal
from cantor.node.logs.lines import line_of
from cantor.node.logs.query import query_from
from cantor.node.logs.reading import PAGE_LINES_MAX, Page, Place, backward, forward, newest
from cantor.node.loop import soon_on
from cantor.node.services import Reply
from cantor.node.settings import LOGS_BYTES
from cantor.node.tenants import check_tenant
from cantor.node.view import find_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.logs.lines import Line
    from cantor.node.logs.query import Query
    from cantor.node.services import Call, Message, Node
    from cantor.wire.frame import Value

    Headers = dict[str, Value]
    Way = Callable[[Path, Query, Place | None, int], Page]

FOLDER = "logs"
TOPIC = "logs.read"
WAIT_S = 2.0
"""A page that waits for lines comes empty after so long."""
ASK_S = 10.0
READING_MAX = 4
NUMBER_MAX = 1 << 53


class Logs:
    """The service ``logs`` of a node: keeps what the agent says, and what its services print."""

    def __init__(self, node: Node, bytes_max: int = LOGS_BYTES) -> None:
        """All of it together takes at most about ``bytes_max`` of the disk."""
        self._node = node
        self._folder = node.folder / FOLDER
        self._journal = Journal(self._folder, bytes_max)
        self._feed: Feed | None = None
        self._handler: FeedHandler | None = None
        self._written = asyncio.Event()
        self._reading = asyncio.Semaphore(READING_MAX)

    async def start(self) -> None:
        """Keep what is said from now on, and answer others."""
        soon = soon_on(asyncio.get_running_loop())
        self._feed = Feed(self._journal, lambda: soon(self._wrote), self._node.wall)
        self._handler = FeedHandler(self._feed)
        logging.getLogger().addHandler(self._handler)
        self._node.answer(TOPIC, self._asked)

    async def close(self) -> None:
        """Write what is left."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        if self._feed is not None:
            feed, self._feed = self._feed, None
            await asyncio.to_thread(feed.close)

    def calls(self) -> Mapping[str, Call]:
        """What the command line asks."""
        return {TOPIC: self._called}

    def put(self, source: str, texts: Iterable[str]) -> None:
        """Keep what something on this node printed."""
        if self._feed is not None:
            self._feed.put(source, "info", texts)

    async def last(self, node: NodeId, query: Query, count: int) -> list[Line]:
        """The last lines of a node that a query asks for, the oldest first.

        Raises:
            UnavailableError: it does not answer.
            RemoteProtocolError: it refuses.
        """
        lines: list[Line] = []
        place: Value = None
        while len(lines) < count:
            wanted = min(PAGE_LINES_MAX, count - len(lines))
            asked = {**query.as_value(), "back": True, "place": place, "count": wanted}
            headers, raw = await self._page_of(node, asked)
            lines = [line for one in raw if (line := line_of(one)) is not None] + lines
            if headers.get("is_end"):
                break
            place = headers.get("place")
        return lines[-count:]

    async def _called(self, args: Headers) -> Value:
        """A page of ``node``, or of this one: its lines and the headers of :func:`_answer`."""
        asked = dict(args)
        name = str(asked.pop("node", "") or "")
        node = find_node(self._node.nodes(), name).id if name else self._node.node_id
        headers, lines = await self._page_of(node, asked)
        return {**headers, "lines": [line.decode("utf-8", "replace") for line in lines]}

    async def _page_of(self, node: NodeId, asked: Headers) -> tuple[Headers, list[bytes]]:
        if node == self._node.node_id:
            reply = await self._page(asked)
            headers, body = reply.headers, reply.body
        else:
            answer = await self._node.request(node, TOPIC, asked, timeout_s=ASK_S, priority=2)
            headers, body = answer.headers, answer.body
        raw = b"".join(body)
        return headers, raw.split(b"\n") if raw else []

    async def _asked(self, message: Message) -> Reply:
        check_tenant(self._node, self._node.tenant, "logs", message.source)
        try:
            return await self._page(message.headers)
        except ConfigError as error:
            raise RemoteProtocolError(str(error), where=self._node.name) from error

    async def _page(self, asked: Headers) -> Reply:
        """Read a page: from ``place`` on, or ``back`` from it; ``wait`` for lines at the end."""
        query, place = query_from(asked), _place_in(asked)
        told = asked.get("count", PAGE_LINES_MAX)
        count = told if type(told) is int and 0 < told <= PAGE_LINES_MAX else PAGE_LINES_MAX
        if asked.get("back"):
            return _answer(*await self._read(backward, query, place, count))
        page, end = await self._read(forward, query, place, count)
        if asked.get("wait") and page.is_end and not page.lines:
            try:
                async with asyncio.timeout(WAIT_S):
                    await self._written.wait()
            except TimeoutError:
                return _answer(page, end)
            page, end = await self._read(forward, query, page.place, count)
        return _answer(page, end)

    async def _read(
        self, way: Way, query: Query, place: Place | None, count: int
    ) -> tuple[Page, Place]:
        async with self._reading:
            if self._feed is not None:
                await asyncio.to_thread(self._feed.written)
            return await asyncio.to_thread(_read, way, self._folder, query, place, count)

    def _wrote(self) -> None:
        self._written.set()
        self._written = asyncio.Event()


def _read(
    way: Way, folder: Path, query: Query, place: Place | None, count: int
) -> tuple[Page, Place]:
    end = newest(folder)  # before the page: from there on nothing was seen
    return way(folder, query, place, count), end


def _answer(page: Page, end: Place) -> Reply:
    """``place`` and ``newest`` are places, ``reached`` is left out where it is no time."""
    headers: Headers = {
        "place": [page.place.segment, page.place.offset],
        "newest": [end.segment, end.offset],
        "is_end": page.is_end,
        "has_missed": page.has_missed,
    }
    if math.isfinite(page.reached):
        headers["reached"] = page.reached
    return Reply(headers, (b"\n".join(page.lines),) if page.lines else ())


def _place_in(asked: Headers) -> Place | None:
    told = asked.get("place")
    if told is None:
        return None
    if not isinstance(told, list) or len(told) != 2:
        raise ConfigError("not a place", where="place")
    numbers = [one for one in told if type(one) is int and 0 <= one < NUMBER_MAX]
    if len(numbers) != 2:
        raise ConfigError("not a place", where="place")
    return Place(*numbers)
