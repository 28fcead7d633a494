"""Reading the logs of several nodes page by page, and putting their lines in one order."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

from cantor.base.errors import CantorError, ConfigError
from cantor.node.control import ask
from cantor.node.logs.lines import line_of
from cantor.node.logs.query import Query
from cantor.node.logs.reading import PAGE_LINES_MAX
from cantor.node.view import find_node, view_from_value

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from pathlib import Path

    from cantor.cli.log_text import Shown
    from cantor.node.logs.lines import Line
    from cantor.node.view import NodeView
    from cantor.wire.frame import Value

    Row = dict[str, Value]
    Places: TypeAlias = dict[str, Value]

ASK_S = 15.0
LOOK_S = 2.0
"""So often who follows looks for new nodes, and asks those again that did not answer."""
MISSED = "lines were removed before they could be read: its logs were full"


class Merge:
    """Lines of several nodes in the order of time, each as soon as none before it can come."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._waiting: dict[str, deque[Line]] = {node: deque() for node in nodes}
        self._reached = dict.fromkeys(self._waiting, -math.inf)

    def add(self, node: str, lines: Iterable[Line], reached: float) -> None:
        """These come next of a node, which has none before ``reached`` left but these."""
        self._waiting[node].extend(lines)
        self._reached[node] = max(self._reached[node], reached)

    def end(self, node: str) -> None:
        """No more lines of a node come."""
        self._reached[node] = math.inf

    def ready(self) -> list[tuple[str, Line]]:
        """The lines whose turn it is."""
        heap = [(lines[0].at, node) for node, lines in self._waiting.items() if lines]
        heapq.heapify(heap)
        empty = (at for node, at in self._reached.items() if not self._waiting[node])
        until = min(empty, default=math.inf)
        found = []
        while heap and heap[0][0] <= until:
            _, node = heapq.heappop(heap)
            lines = self._waiting[node]
            found.append((node, lines.popleft()))
            if lines:
                heapq.heappush(heap, (lines[0].at, node))
            else:
                until = min(until, self._reached[node])
        return found


async def alive(folder: Path) -> dict[str, str]:
    """The nodes that can be reached, by id, with their names.

    Raises:
        UnavailableError: no agent runs on this machine.
    """
    return {view.id: view.name for view in await _views(folder) if view.is_alive}


async def nodes_named(folder: Path, words: Iterable[str]) -> dict[str, str]:
    """The nodes that a person means, by id, with their names.

    Raises:
        ConfigError: no node is called so.
        UnavailableError: no agent runs on this machine.
    """
    views = await _views(folder)
    found = [find_node(views, word) for word in words]
    return {view.id: view.name for view in found}


async def _views(folder: Path) -> list[NodeView]:
    return [view_from_value(row) for row in cast("list[Row]", await ask(folder, "nodes"))]


async def page_of(folder: Path, node: str, query: Query, **asked: Value) -> tuple[Row, list[Line]]:
    """One page of a node: its headers and its lines.

    Raises:
        CantorError: the node does not answer, or refuses.
    """
    args: Row = {"node": node, **query.as_value(), **asked}
    row = cast("Row", await ask(folder, "logs.read", args, timeout_s=ASK_S))
    raw = (str(line).encode("utf-8", "replace") for line in cast("list[Value]", row["lines"]))
    return row, [line for one in raw if (line := line_of(one)) is not None]


async def ends_of(folder: Path, nodes: Iterable[str]) -> Places:
    """The places after all that the nodes have said; those that do not answer have none."""
    places: Places = {}

    async def read(node: str) -> None:
        row, _ = await page_of(folder, node, Query(), back=True, count=1)
        places[node] = row["newest"]

    await _each(nodes, read, lambda _node, _what: None)
    return places


async def last(
    folder: Path, nodes: Iterable[str], query: Query, count: int, shown: Shown
) -> Places:
    """Print the last lines of all nodes together; the places after them."""
    places: Places = {}
    found: list[tuple[str, Line]] = []

    async def read(node: str) -> None:
        place: Value = None
        lines: list[Line] = []
        is_end = False
        while not is_end:
            wanted = max(1, min(PAGE_LINES_MAX, count - len(lines)))
            row, page = await page_of(folder, node, query, place=place, back=True, count=wanted)
            places.setdefault(node, row["newest"])
            lines, place = page + lines, row["place"]
            is_end = bool(row["is_end"]) or len(lines) >= count
        found.extend((node, line) for line in lines)

    await _each(nodes, read, shown.trouble)
    found.sort(key=lambda one: one[1].at)
    for node, line in found[max(0, len(found) - count) :]:
        shown.line(node, line)
    return places


async def since(folder: Path, nodes: Iterable[str], query: Query, shown: Shown) -> Places:
    """Print the lines of all nodes from ``query.since`` on; the places after them."""
    nodes = list(nodes)
    places: Places = {}
    merge = Merge(nodes)

    async def read(node: str) -> None:
        is_end = False
        try:
            while not is_end:
                row, lines = await page_of(folder, node, query, place=places.get(node))
                places[node], is_end = row["place"], bool(row["is_end"])
                if row["has_missed"]:
                    shown.trouble(node, MISSED)
                reached = row.get("reached")
                merge.add(node, lines, reached if isinstance(reached, float) else -math.inf)
                show()
        finally:
            merge.end(node)
            show()

    def show() -> None:
        for node, line in merge.ready():
            shown.line(node, line)

    await _each(nodes, read, shown.trouble)
    return places


async def follow(
    folder: Path, query: Query, places: Places, shown: Shown, *, is_closed: bool = False
) -> None:
    """Print what is said after these places, until interrupted.

    A node that does not answer is told of once, and asked again. Nodes that join are followed as
    well, from now on, unless ``is_closed``.

    Raises:
        UnavailableError: no agent runs on this machine any more.
    """
    reader = _Follower(folder, query, places, shown)
    following: set[str] = set()
    try:
        async with asyncio.TaskGroup() as group:
            while True:
                names = await alive(folder)
                shown.meet({node: name for node, name in names.items() if not is_closed})
                for node in {*places, *(() if is_closed else names)} - following:
                    following.add(node)
                    group.create_task(reader.follow(node))
                await asyncio.sleep(LOOK_S)
    except* CantorError as errors:
        raise errors.exceptions[0] from None


class _Follower:
    """Reads on and on; a node without a place is read from the time at which this began."""

    def __init__(self, folder: Path, query: Query, places: Places, shown: Shown) -> None:
        self._folder = folder
        self._query = query
        self._from_now = replace(query, since=time.time())
        self._places = places
        self._shown = shown

    async def follow(self, node: str) -> None:
        """Print what one node says; a wrong question ends it."""
        is_silent = False
        while True:
            try:
                await self._read(node)
                is_silent = False
            except ConfigError:
                raise
            except CantorError as error:
                if not is_silent:
                    self._shown.trouble(node, str(error))
                is_silent = True
                await asyncio.sleep(LOOK_S)

    async def _read(self, node: str) -> None:
        place = self._places.get(node)
        query = self._from_now if place is None else self._query
        row, lines = await page_of(self._folder, node, query, place=place, wait=place is not None)
        self._places[node] = row["place"]
        if row["has_missed"]:
            self._shown.trouble(node, MISSED)
        for line in lines:
            self._shown.line(node, line)


async def _each(
    nodes: Iterable[str],
    read: Callable[[str], Coroutine[None, None, None]],
    trouble: Callable[[str, str], None],
) -> None:
    """Read all at once; what is wrong with one is told, and harms no other."""

    async def tried(node: str) -> None:
        try:
            await read(node)
        except ConfigError:
            raise
        except CantorError as error:
            trouble(node, str(error))

    try:
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(tried(node))
    except* ConfigError as errors:
        raise errors.exceptions[0] from None
