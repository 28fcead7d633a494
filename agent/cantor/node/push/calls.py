"""What the command line and other nodes ask about services."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, UnavailableError, reason_of
from cantor.base.ids import NodeId
from cantor.bundles import tree
from cantor.node.logs.lines import service_source
from cantor.node.logs.query import Query
from cantor.node.push.functions import codes_in
from cantor.node.push.secrets import missing_secrets
from cantor.node.push.shelf import check_size, manifest_in
from cantor.node.view import find_node
from cantor.scheduling.needs import parse, together
from cantor.scheduling.reach import Place, missing
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.services.manifest import check_name
from cantor.services.orders import CANARIES_MAX, NEEDS_MAX, Key, first_order
from cantor.services.wishes import is_met

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.bundles.fetching.manifest import Manifest
    from cantor.node.push.service import Push
    from cantor.node.services import Call, Node
    from cantor.services.manifest import Kind
    from cantor.services.manifest import Manifest as Told
    from cantor.services.orders import Order, Revision, Wanted
    from cantor.wire.frame import Value

    Args = dict[str, Value]

LINES_DEFAULT, LINES_MAX = 100, 5000
_SHARE = re.compile(r"(\d{1,3})\s*(%?)")


class Calls:
    """The calls of one node."""

    def __init__(self, push: Push, node: Node) -> None:
        self._push = push
        self._node = node

    def by_name(self) -> Mapping[str, Call]:
        """Each call with its name."""
        return {
            "service.push": self._pushed,
            "service.list": lambda _: list(self._push.views()),
            "service.refused": lambda _: list(self._push.refused()),
            "service.logs": self._logs,
            "service.stop": lambda args: self._wanted(args, "stopped"),
            "service.start": lambda args: self._wanted(args, "running"),
            "service.remove": lambda args: self._wanted(args, "removed"),
            "service.return": self._return,
        }

    async def _pushed(self, args: Args) -> Value:
        """Push the parts in ``files`` (paths by name; the folder's blob is called "")."""
        files = args.get("files")
        if not isinstance(files, dict) or "" not in files:
            raise ConfigError("no code", where="files", remedy="give the folder's blob as ''")
        paths = {name: Path(str(path)) for name, path in files.items()}
        files_in = await asyncio.to_thread(_unpacked, paths[""])
        manifest = manifest_in(files_in)
        codes_in(files_in, manifest)
        name = str(args.get("name") or "") or manifest.name
        key = Key(self._node.tenant, check_name(name, "name"))
        needs = str(
            together(parse(text) for text in (manifest.needs, str(args.get("needs") or "")) if text)
        )
        if len(needs) > NEEDS_MAX:
            raise ConfigError(f"longer than {NEEDS_MAX} characters", where="needs")
        self._check_free(key, manifest.kind, str(args.get("project") or ""))
        bundle = await self._push.bundles.add({"": paths.pop(""), **paths})
        check_size(bundle)
        order = self._next(key, bundle, needs, args, manifest)
        await self._push.give(order)
        warning = self._nobody(needs) or missing_secrets(self._node, order)
        return {**self._view(key), "warning": warning}

    def _check_free(self, key: Key, kind: Kind, project: str) -> None:
        """A name belongs to one project and one kind of push until it is removed."""
        known = self._push.orders().get(key)
        if known is None or known.wanted == "removed":
            return
        if known.kind != kind:
            raise ConfigError(
                f"that name is taken by a {known.kind}",
                where=key.name,
                remedy=f"give another --name, or first: cantor service remove {key.name}",
            )
        if project and known.project != project:
            raise ConfigError(
                f"that name is taken by project {known.project}",
                where=key.name,
                remedy="give another --name",
            )

    def _next(self, key: Key, bundle: Manifest, needs: str, args: Args, about: Told) -> Order:
        kind, secrets = about.kind, about.secrets
        me, now = self._node.node_id, self._node.wall()
        note = str(args.get("note") or "")
        hold_s = args.get("hold_s") or 0.0
        if isinstance(hold_s, bool) or not isinstance(hold_s, int | float) or hold_s < 0:
            raise ConfigError("must be a number of seconds", where="hold_s")
        known, last = self._push.orders().get(key), self._push.last_number(key)
        if known is None:
            project, number = str(args.get("project") or DEFAULT_PROJECT), last + 1
            self._node.shares.check(project)
            order = first_order(
                key, me, bundle.id, needs, now, number=number, project=project, note=note,
                kind=kind, secrets=secrets,
            )  # fmt: skip
        else:
            order = replace(known, number=last, kind=kind).pushed(
                me, bundle.id, needs, now, note=note, secrets=secrets
            )
        canaries = self._canaries(key, order.revision, str(args.get("canary") or ""))
        return replace(order, canaries=canaries, hold_s=float(hold_s))

    def _canaries(self, key: Key, revision: Revision, share: str) -> tuple[NodeId, ...]:
        """The nodes that go first: others at each revision, so that no box is always the first."""
        if not share:
            return ()
        match = _SHARE.fullmatch(share.strip())
        if match is None or int(match[1]) < 1:
            raise ConfigError(
                f"not a number of nodes: {share[:20]!r}", where="canary", remedy="write 1 or 10%"
            )
        welcoming = {fact.owner for fact in self._node.facts("tasks") if _runs_code(fact.value)}
        fitting = [
            view.id
            for view in self._node.nodes()
            if view.is_alive
            and is_met(revision, view.resources, view.labels)
            and (view.id == self._node.node_id or view.id in welcoming)
        ]
        count = math.ceil(len(fitting) * int(match[1]) / 100) if match[2] else int(match[1])

        def turn(node: NodeId) -> bytes:
            return hashlib.sha256(f"{key.name} {revision.stamp.number} {node}".encode()).digest()

        return tuple(sorted(fitting, key=turn)[: min(count, CANARIES_MAX)])

    def _nobody(self, needs: str) -> str:
        """Why no node meets the needs; empty if one does."""
        nodes = [view for view in self._node.nodes() if view.is_alive]
        return missing(parse(needs), [Place(v.name, v.resources, v.labels) for v in nodes])

    async def _wanted(self, args: Args, wanted: str) -> Value:
        order = self._order(args)
        if order.wanted != wanted:
            by, now = self._node.node_id, self._node.wall()
            await self._push.give(order.with_wanted(by, cast("Wanted", wanted), now))
        return {"name": order.key.name, "wanted": wanted}

    async def _return(self, args: Args) -> Value:
        order = self._order(args)
        number = args.get("revision")
        to = order.revision_of(number) if type(number) is int and number else order.previous
        if to is None or to is order.revision:
            raise ConfigError(
                "there is no such revision to return to",
                where=order.key.name,
                remedy=f"cantor service history {order.key.name} shows those that are known",
            )
        await self._push.give(order.returned(self._node.node_id, to, self._node.wall(), ""))
        return self._view(order.key)

    async def _logs(self, args: Args) -> Value:
        """The last lines of each node that has some, or of ``node`` alone."""
        order = self._order(args)
        lines = args.get("lines") or LINES_DEFAULT
        count = lines if type(lines) is int and 0 < lines <= LINES_MAX else LINES_DEFAULT
        views = self._node.nodes()
        if node := str(args.get("node") or ""):
            nodes = [find_node(views, node).id]
        else:
            rows = cast("list[Args]", self._view(order.key)["nodes"])
            nodes = [NodeId(str(row["node"])) for row in rows if row["is_alive"]]
        names = {view.id: view.name for view in views}
        told = await asyncio.gather(*(self._logs_of(one, order.key, count) for one in nodes))
        return [
            {"node": one, "name": names.get(one, one), **answer}
            for one, answer in zip(nodes, told, strict=True)
        ]

    async def _logs_of(self, node: NodeId, key: Key, lines: int) -> Args:
        try:
            found = await self._push.logs.last(node, Query(source=service_source(key.name)), lines)
        except UnavailableError as error:
            return {"lines": [], "error": str(error)}
        return {"lines": [f"{_moment(line.at)} {line.text}" for line in found]}

    def _order(self, args: Args) -> Order:
        name = str(args.get("name"))
        key = Key(self._node.tenant, name)
        order = self._push.orders().get(key)
        if order is None or order.wanted == "removed":
            raise ConfigError(
                "there is no such service", where=name[:60], remedy="cantor service list shows them"
            )
        return replace(order, number=self._push.last_number(key))

    def _view(self, key: Key) -> Args:
        return next(
            view
            for view in self._push.views()
            if view["name"] == key.name and view["tenant"] == key.tenant
        )


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _runs_code(value: Value) -> bool:
    """Whether a node says that it runs code of other boxes: in its fact ``tasks``."""
    return isinstance(value, dict) and value.get("code_run") == "tenant"


def _unpacked(path: Path) -> dict[str, tree.File]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the code cannot be read: {reason_of(error)}",
            where=str(path),
            remedy="give a file that the agent's user may read",
        ) from error
    return tree.unpack(data)
