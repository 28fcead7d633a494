"""The metrics of a node, for its own machine and for other nodes of its tenant.

While nobody reads, a sample is taken once a minute, for the charts of a day. A node that reads
another says so every ten seconds, and is told what changes every second.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import cantor
from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError
from cantor.metering.handing import desk_here, set_desk
from cantor.metering.table import Writer
from cantor.node.control import caller
from cantor.node.metrics.board import Board, Measured
from cantor.node.metrics.desk import opened
from cantor.node.metrics.following import LEASE_S, Following
from cantor.node.metrics.pages import (
    FOLLOW,
    PAGE,
    PAST,
    READ,
    packed_past,
    read_past,
    rows_of,
    series_value,
)
from cantor.node.services import Reply
from cantor.node.settings import Exports
from cantor.node.tenants import alive_of_tenant, check_tenant
from cantor.node.view import find_node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.metrics.endpoint import Endpoint
    from cantor.node.metrics.machine import Values
    from cantor.node.metrics.otlp import Exporter
    from cantor.node.services import Call, Message, Node
    from cantor.wire.frame import Value

    Headers = dict[str, Value]

JOIN = "metrics.join"
SAMPLE_S = 1.0
IDLE_S = 60.0
READ_S = 5.0
"""Who asked so lately is still reading."""
FRESH_S = 0.9
GLOB_MAX = 200
ASK_S = 10.0
TASKS = "tasks"
SCRIPT = "script"


class Metrics:
    """The service ``metrics`` of a node."""

    def __init__(self, node: Node, exports: Exports | None = None) -> None:
        """``exports`` says where they go beside the mesh."""
        self._node = node
        self._exports = exports or Exports()
        self._endpoint: Endpoint | None = None
        self._exporter: Exporter | None = None
        self._board = Board(node.folder)
        self._writer = Writer()
        self._following = Following(node)
        self._readers: dict[NodeId, float] = {}
        """Until when each is told what changes."""
        self._read_at = self._sampled_at = -IDLE_S
        self._sampling = asyncio.Lock()
        self._is_wanted = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._is_closing = asyncio.Event()

    async def start(self) -> None:
        """Take samples, and answer others.

        Raises:
            ConfigError: Prometheus cannot be listened for where a person wants it.
        """
        set_desk(self._board.desk)
        self._node.answer(FOLLOW, self._asked_to_tell)
        self._node.answer(PAST, self._asked_for_past)
        self._following.start()
        self._living = asyncio.ensure_future(self._live())
        if self._exports.prometheus:
            from cantor.node.metrics.endpoint import Endpoint, loopback_of

            address = loopback_of(self._exports.prometheus)
            self._endpoint = Endpoint(self, self._node, address)
            await self._endpoint.start()
        if self._exports.otlp:
            from cantor.node.metrics.otlp import Exporter, target_of

            target = target_of(self._exports.otlp)
            self._exporter = Exporter(self, self._node, cantor.__version__, target)
            self._exporter.start()

    async def close(self) -> None:
        """End all that was begun."""
        self._is_closing.set()
        for export in (self._endpoint, self._exporter):
            if export is not None:
                await export.close()
        await self._following.close()
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        if desk_here() is self._board.desk:
            set_desk(None)
        self._board.desk.close()

    def calls(self) -> Mapping[str, Call]:
        """What the command line and the processes of this machine ask."""
        return {READ: self._call_read, PAST: self._call_past, JOIN: self._call_join}

    async def values_of(self, node: NodeId) -> Values:
        """All series of a node now.

        Raises:
            CantorError: it does not answer, or refuses.
        """
        if node != self._node.node_id:
            return (await self._following.page_of(node)).values
        self._is_read()
        await self._freshen()
        return self._board.values

    def named(self, words: list[str]) -> dict[NodeId, str]:
        """The nodes that a person means, with their names; all that can be reached if none.

        Raises:
            ConfigError: no node is called so.
        """
        views = self._node.nodes()
        if words:
            found = [find_node(views, word) for word in words]
            return {view.id: view.name for view in found}
        mine = alive_of_tenant(self._node)
        return {view.id: view.name for view in views if view.id in mine}

    async def _live(self) -> None:
        while True:
            await self._freshen()
            if self._has_readers():
                await asyncio.sleep(SAMPLE_S)
                continue
            self._is_wanted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._is_wanted.wait()

    def _is_read(self) -> None:
        self._read_at = self._now()
        self._is_wanted.set()

    def _has_readers(self) -> bool:
        now = self._now()
        self._readers = {node: until for node, until in self._readers.items() if until > now}
        return bool(self._readers) or now - self._read_at < READ_S

    async def _freshen(self) -> None:
        """Take a sample, unless the last one is of this second."""
        async with self._sampling:
            now = self._now()
            if now - self._sampled_at < FRESH_S:
                return
            self._sampled_at = now
            at, has_readers = self._node.wall(), self._has_readers()
            values = await asyncio.to_thread(self._board.read, self._figures())
            self._board.keep(at, values, is_read=has_readers)
            if self._readers:
                self._tell(self._writer.update(values))

    def _figures(self) -> dict[str, float]:
        found: dict[str, float] = {"cantor_nodes_alive": float(len(self._node.alive()))}
        service = self._node.service(TASKS)
        if isinstance(service, Measured):
            found.update(service.figures())
        return found

    def _tell(self, page: bytes) -> None:
        headers: Headers = {"life": self._node.life}
        for node in self._readers:
            self._node.send(node, PAGE, headers, (page,))

    async def _asked_to_tell(self, message: Message) -> Reply:
        """Another node wants to be told what changes; the whole of it first if it says so."""
        check_tenant(self._node, self._node.tenant, "metrics", message.source)
        await self._freshen()
        self._has_readers()
        if not self._readers:
            self._writer.update(self._board.values)
        self._readers[message.source] = self._now() + LEASE_S
        self._is_read()
        headers: Headers = {"life": self._node.life}
        return Reply(headers, (self._writer.page(),) if message.headers.get("whole") else ())

    def _asked_for_past(self, message: Message) -> Reply:
        check_tenant(self._node, self._node.tenant, "metrics", message.source)
        try:
            return Reply({}, self._past(message.headers))
        except ConfigError as error:
            raise RemoteProtocolError(str(error), where=self._node.name) from error

    def _past(self, asked: Headers) -> tuple[bytes | bytearray | memoryview, ...]:
        history = self._board.history
        ring = history.minutes if asked.get("step") == int(IDLE_S) else history.seconds
        self._is_read()
        return packed_past(ring, _glob_in(asked))

    async def _call_read(self, args: Headers) -> Value:
        """The series of ``nodes``, or of all: ``glob`` says which; a node's ``why`` if none."""
        words, glob = args.get("nodes"), _glob_in(args)
        named = self.named([str(one) for one in words] if isinstance(words, list) else [])
        return {"nodes": list(await asyncio.gather(*(
            self._row(node, name, glob) for node, name in named.items()
        )))}  # fmt: skip

    async def _row(self, node: NodeId, name: str, glob: str) -> Value:
        try:
            if node == self._node.node_id:
                values = await self.values_of(node)
                found = [one for one in values.items() if one[0].matches(glob)]
            else:
                found = (await self._following.page_of(node)).pick(glob)
        except CantorError as error:
            return {"node": node, "name": name, "why": error.what, "series": []}
        return {"node": node, "name": name, "why": "", "series": rows_of(found)}

    async def _call_past(self, args: Headers) -> Value:
        """How the series of ``node`` were: every ``step`` seconds, 1 or 60."""
        word = str(args.get("node") or "")
        node = find_node(self._node.nodes(), word).id if word else self._node.node_id
        asked: Headers = {"step": args.get("step", 1), "glob": _glob_in(args)}
        if node == self._node.node_id:
            await self._freshen()
            body = self._past(asked)
        else:
            answer = await self._node.request(node, PAST, asked, timeout_s=ASK_S, priority=2)
            body = answer.body
        times, columns = read_past(body)
        return {
            "times": [*times],
            "series": [
                [*series_value(series), [one if one == one else None for one in column]]
                for series, column in columns.items()
            ],
        }

    async def _call_join(self, args: Headers) -> Value:
        """Read the memory of the process that asks; the answer is that this node ends."""
        process, descriptor = caller(), args.get("descriptor")
        if type(descriptor) is not int or not process:
            raise ConfigError("a descriptor of the process that asks", where=JOIN)
        watched = os.pidfd_open(process)
        close: Callable[[], None] | None = None
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            close = self._board.desk.take(opened(process, descriptor), SCRIPT)
            loop.add_reader(watched, ended.set)
            waits = [asyncio.ensure_future(one.wait()) for one in (ended, self._is_closing)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
            if close is not None:
                close()
        return None

    def _now(self) -> float:
        return self._node.clock.monotonic()


def _glob_in(asked: Headers) -> str:
    glob = asked.get("glob") or ""
    if not isinstance(glob, str) or len(glob) > GLOB_MAX:
        raise ConfigError(f"a name or pattern of at most {GLOB_MAX} characters", where="glob")
    return glob
