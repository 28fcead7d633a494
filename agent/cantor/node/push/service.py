"""Code push on a node: follows the orders of the mesh, and gives orders that people ask for.

Works the same with the hub on or off: an order is a signed word in the ledger, and every node that
meets its needs fetches the bundle from the nearest holder and runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, cast

from cantor.base.errors import LocalProtocolError, RemoteProtocolError, UnavailableError
from cantor.base.resources import Resource
from cantor.node.late_writer import LateWriter
from cantor.node.looking import keep_looking
from cantor.node.push.book import Book
from cantor.node.push.calls import Calls
from cantor.node.push.functions import condition_of
from cantor.node.push.levels import level_of
from cantor.node.push.local import LocalService
from cantor.node.push.memory import remembered
from cantor.node.push.named import Named
from cantor.node.push.process import end_marked
from cantor.node.push.quota import Quota
from cantor.node.push.running import KIND as HOLDERS
from cantor.node.push.secrets import why_not
from cantor.node.push.telling import Telling
from cantor.node.push.views import view_of
from cantor.node.settings import SERVICE_DATA_BYTES
from cantor.services.orders import KIND, Key
from cantor.services.reports import REPORT, Report, report_from, reported_key
from cantor.services.wishes import is_forgotten, is_met, is_mine_to_copy, own_return, wish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.bundles.service import Bundles
    from cantor.node.logs.service import Logs
    from cantor.node.push.book import Entry
    from cantor.node.push.opener import Opened
    from cantor.node.secrets.service import Secrets
    from cantor.node.services import Call, Node
    from cantor.node.view import NodeView
    from cantor.services.orders import Order, Revision
    from cantor.wire.frame import Value
    from cantor.workers.sandbox.levels import Level

FOLDER = "services"
TICK_S = 2.0
PAUSE_MIN_S = 0.01
GREET_S = 1.5
"""How long a node that has just started publishes no copies: it does not know the mesh yet."""
Reports = dict[Key, "dict[NodeId, Report]"]
_log = logging.getLogger(__name__)


class Push:
    """The service ``push`` of a node."""

    def __init__(self, node: Node, data_bytes_max: int = SERVICE_DATA_BYTES) -> None:
        """``data_bytes_max`` is how much each service may keep in its own folder."""
        self._node = node
        self._quota = Quota(data_bytes_max)
        self._folder = node.folder / FOLDER
        self._book = Book(node)
        self._local: dict[Key, LocalService] = {}
        self._removing: dict[Key, asyncio.Future[None]] = {}
        self._writer = LateWriter()
        self._wake = asyncio.Event()
        self._telling = Telling(node, self._wake.set)
        self._started_s = 0.0
        self._is_closing = False
        self._unsubscribe: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None
        self._offered: tuple[Resource, ...] = ()
        self._calls = Calls(self, node)
        self._named = Named(self, node)

    async def start(self) -> None:
        """End what an agent that was killed has left, and follow the orders."""
        await asyncio.to_thread(end_marked, f"{self._node.node_id}.")
        self._node.end_former(HOLDERS)
        self._started_s = self._node.clock.monotonic()
        for folder in sorted(self._folder.glob("*.*")):
            memory = remembered(folder)
            if memory.order is not None:
                self._book.believe(memory.order, memory.packed_order, memory.seen)
        self._unsubscribe = self._node.subscribe(self._wake.set)
        self._follow_secrets()
        self._task = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """End what runs here; it is started again with the agent."""
        self._unsubscribe()
        self._unsubscribe = lambda: None
        self._is_closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._telling.close()
        await asyncio.gather(
            *(local.close() for local in self._local.values()), *self._removing.values()
        )
        await asyncio.to_thread(self._writer.close)

    def calls(self) -> Mapping[str, Call]:
        """What the command line asks."""
        return {**self._calls.by_name(), "service.task": self._named.asked}

    @property
    def bundles(self) -> Bundles:
        """Where code comes from.

        Raises:
            UnavailableError: this node has no bundles.
        """
        bundles = self._node.service("bundles")
        if bundles is None:
            raise UnavailableError("this node has no bundles", where=self._node.name)
        return cast("Bundles", bundles)

    @property
    def logs(self) -> Logs:
        """Where lines go, and come from.

        Raises:
            UnavailableError: this node has no logs.
        """
        logs = self._node.service("logs")
        if logs is None:
            raise UnavailableError("this node has no logs", where=self._node.name)
        return cast("Logs", logs)

    def orders(self) -> dict[Key, Order]:
        """The orders that hold, the removed among them."""
        return {key: entry.order for key, entry in self._book.look().items()}

    def last_number(self, key: Key) -> int:
        """The highest number of an order of that service, also of those that do not count here."""
        orders = self.orders()
        unwelcome = self._book.unwelcome.get(key)
        known = orders[key].number if key in orders else 0
        return max(known, unwelcome[0].number if unwelcome else 0)

    def reports_of(self, key: Key) -> dict[NodeId, Report]:
        """What the nodes say of one."""
        return self._reports().get(key, {})

    def level_of(self, key: Key, revision: Revision) -> Level:
        """How closed code of a revision runs on this node."""
        entry = self._book.look()[key]
        return level_of(self._node, entry.order, revision, entry.seen)

    def level_of_code(self, code: str) -> Level | None:
        """How closed a function runs that was pushed here; None if it was not."""
        found = (local.level_of_code(code) for local in self._local.values())
        return next((level for level in found if level is not None), None)

    def run_failed(self, code: str, why: str) -> None:
        """A run of a function, or of the classes of a bundle, failed on this node."""
        for local in self._local.values():
            local.run_failed(code, why)

    def opened(self) -> dict[str, Opened]:
        """The filters that stand here, by name."""
        found = {key.name: local.opened for key, local in self._local.items()}
        return {name: one for name, one in sorted(found.items()) if one is not None}

    def is_on_trial(self, bundle: str) -> bool:
        """Whether classes of that bundle stand here, and are not known to be good."""
        return any(local.is_on_trial(bundle) for local in self._local.values())

    def refused(self) -> list[str]:
        """Why words about services do not count here."""
        return list(self._book.refused.values())

    def local(self, key: Key) -> LocalService | None:
        """A service on this node."""
        return self._local.get(key)

    def views(self) -> list[dict[str, Value]]:
        """Every service that the mesh knows, as people see it."""
        nodes, reports = self._node.nodes(), self._reports()
        return [
            view_of(order, reports.get(key, {}), nodes)
            for key, order in sorted(self.orders().items())
            if order.wanted != "removed"
        ]

    async def give(self, order: Order) -> None:
        """Sign an order and tell the mesh.

        Raises:
            UnavailableError: this node holds too many orders, or the disk does not take it.
            IdentityError: the order is too long.
        """
        packed = self._node.words.say(KIND, order.content())
        self._publish(order.key, packed)
        self._book.believe(order, packed)
        self._wake.set()
        await self._node.kept()

    def _publish(self, key: Key, packed: bytes | None) -> None:
        try:
            self._node.publish(key.fact, packed, lasting=True)
        except LocalProtocolError as error:
            raise UnavailableError(
                "this node holds too many services",
                where=self._node.name,
                remedy="remove some (cantor service remove), or push from another node",
            ) from error

    async def _keep(self) -> None:
        await keep_looking(
            self._look, self._wake, self._node.clock, is_over=lambda: self._is_closing,
            failed=lambda: _log.exception("services could not be kept"),
            tick_s=TICK_S, pause_min_s=PAUSE_MIN_S,
        )  # fmt: skip

    async def _look(self) -> None:
        nodes = {view.id: view for view in self._node.nodes()}
        me, entries = nodes.get(self._node.node_id), self._book.look()
        has_canaries = any(entry.order.canaries for entry in entries.values())
        reports = self._reports() if has_canaries else {}  # nothing else depends on them
        for key in [key for key in self._book.unwelcome if key not in entries]:
            self._telling.say(key, self._unwelcome(key, me))
        for key, entry in list(entries.items()):
            try:
                self._copy(key, entry)
                if key.tenant == self._node.tenant and me is not None:
                    await self._follow(key, entry, me, nodes, reports.get(key, {}))
            except Exception:  # noqa: BLE001 (one that cannot be kept must not end all others)
                _log.exception("a service could not be kept", extra={"what": key.name})
        self._offer()

    def _offer(self) -> None:
        """Tasks that can be submitted here, and filters that can be placed here, are conditions of
        this node, with their revision.
        """
        standing = {
            condition_of(key.name, local.kind): number
            for key, local in self._local.items()
            if (number := local.standing)
        }
        offered = tuple(
            Resource(name, "condition", number) for name, number in sorted(standing.items())
        )
        if offered != self._offered:
            self._offered = offered
            self._node.offer("push", (), offered)

    def _unwelcome(self, key: Key, me: NodeView | None) -> Report | None:
        """What is told of an order that counts elsewhere, where its code could run but may not."""
        order, why = self._book.unwelcome.get(key, (None, ""))
        if order is None or me is None or order.wanted != "running":
            return None
        if not is_met(order.revision, me.resources, me.labels):
            return None
        return Report(order.revision.stamp, "refused", why=why)

    async def _follow(
        self,
        key: Key,
        entry: Entry,
        me: NodeView,
        nodes: Mapping[NodeId, NodeView],
        reports: Mapping[NodeId, Report],
    ) -> None:
        order = entry.order
        if order.wanted == "removed":
            self._remove(key)
            return
        names = {node: view.name for node, view in nodes.items()}
        found = wish(order, me.id, me.resources, me.labels, reports, names)
        local = self._local.get(key)
        if local is None and key in self._removing:
            return  # one of that name still ends; its end wakes this up
        if local is None and found.revision is None:
            self._telling.say(
                key,
                Report(order.revision.stamp, "waiting", why=found.why)
                if found.is_waiting
                else None,
            )
            return
        if local is None:
            local = self._local[key] = self._new_local(key)
        local.remember(order, entry.packed, entry.seen)
        is_last = found.revision is not None and found.revision == order.revision
        local.want(found.revision, order.hold_s if is_last else 0.0)
        report = local.report(order.revision.stamp, found.why)
        if report is None and found.is_waiting:
            report = Report(order.revision.stamp, "waiting", why=found.why)
        self._offer()  # before it is told that it is well
        self._telling.say(key, self._unwelcome(key, me) or report)
        if report is not None:
            returning = own_return(order, entry.packed, report, me.id, self._node.wall(), me.name)
            if returning is not None:
                await self.give(returning)

    def _new_local(self, key: Key) -> LocalService:
        folder = self._place(key)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        memory = remembered(folder)
        wake = self._wake.set
        return LocalService(
            self._node,
            self.bundles,
            self.logs,
            key,
            folder,
            memory,
            self._writer,
            self._quota,
            wake,
        )

    def _remove(self, key: Key) -> None:
        self._telling.say(key, None)
        local = self._local.pop(key, None)
        if local is None and key not in self._removing and self._place(key).is_dir():
            local = self._new_local(key)  # it was removed while this node was off
        if local is not None:
            removing = self._removing[key] = asyncio.ensure_future(local.remove())
            removing.add_done_callback(lambda _: self._removed(key))

    def _removed(self, key: Key) -> None:
        self._removing.pop(key, None)
        self._wake.set()

    def _place(self, key: Key) -> Path:
        return self._folder / f"{key.tenant}.{key.name}"

    def _follow_secrets(self) -> None:
        """Hear when another version is here, and judge for other nodes."""
        secrets = cast("Secrets | None", self._node.service("secrets"))
        if secrets is not None:
            secrets.judged_by(KIND, partial(why_not, self._node))
            secrets.on_change(self._wake.set)

    def _copy(self, key: Key, entry: Entry) -> None:
        """Renew this node's own copy, make one that is missing, or withdraw one that is old."""
        me, wall = self._node.node_id, self._node.wall()
        has_one = me in entry.holders or me in entry.outdated
        if is_forgotten(entry.order, wall):
            if has_one:
                self._publish(key, None)
            self._book.forget(key)
            return
        knows_the_mesh = self._node.clock.monotonic() - self._started_s >= GREET_S
        is_missing = knows_the_mesh and is_mine_to_copy(entry.holders, self._node.alive(), me)
        if me in entry.outdated or (is_missing and me not in entry.holders):
            self._publish(key, entry.packed)

    def _reports(self) -> Reports:
        found: Reports = {}
        for fact in self._node.facts(REPORT):
            key = reported_key(fact.name)
            with contextlib.suppress(RemoteProtocolError):
                if key is not None:
                    found.setdefault(key, {})[fact.owner] = report_from(fact.value)
        return found
