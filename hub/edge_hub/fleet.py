"""The nodes of a project: what the hub decided about them, joined with what the mesh shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cantor.base.ids import NodeId, short_name
from cantor.identity.enrolment import KeyState
from edge_hub.database import enrolments, nodes
from edge_hub.events import Happening, Scope, record
from edge_hub.problems import ProblemError
from edge_hub.schemas import DeviceView, Node, NodeState, ResourceView, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from cantor.base.clock import Clock
    from edge_hub.database import Database
    from edge_hub.mesh_view import LiveNode, MeshView

PENDING = "pending"
ENROLLED = "enrolled"
DENIED = "denied"


class Fleet:
    """Reads and changes the nodes of one project."""

    def __init__(
        self, database: Database, mesh_view: MeshView, clock: Clock, *, home: Scope
    ) -> None:
        self._database = database
        self._mesh_view = mesh_view
        self._clock = clock
        self._home = home

    async def all(self, scope: Scope) -> dict[str, tuple[Node, int]]:
        """Every node by id with its revision, ordered by name.

        Nodes that only the mesh knows (the hub itself) count to the hub's own scope.
        """
        async with self._database.read() as connection:
            rows = (await connection.execute(_in(scope))).mappings().all()
        live = self._mesh_view.nodes()
        denied = self._mesh_view.denied
        found = [
            (_join(row, live.get(row["id"]), is_denied=row["id"] in denied), int(row["revision"]))
            for row in rows
        ]
        if scope == self._home:
            known = {str(row["id"]) for row in rows}
            found += [(_unrecorded(n, scope), 0) for n in live.values() if n.id not in known]
        found.sort(key=lambda pair: (pair[0].name, pair[0].id))
        return {node.id: (node, revision) for node, revision in found}

    async def one(self, scope: Scope, node_id: str) -> tuple[Node, int]:
        """A node and its revision.

        Raises:
            ProblemError: the project has no such node (404).
        """
        found = (await self.all(scope)).get(node_id)
        if found is None:
            raise ProblemError(404, "no-such-node", f"this project has no node {node_id[:40]!r}")
        return found

    async def change(
        self, scope: Scope, node_id: str, changes: dict[str, Any], *, revision: int | None = None
    ) -> None:
        """Change the name or the labels of a node, at ``revision`` if one is given.

        Raises:
            ProblemError: there is no such node (404), or it was changed meanwhile (412).
        """
        node, _ = await self.one(scope, node_id)
        async with self._database.write() as connection:
            await self._adopt(connection, scope, node)
            current = await _revision(connection, scope, node_id)
            if revision is not None and revision != current:
                raise ProblemError(412, "changed-meanwhile", "this node has changed; load it again")
            await connection.execute(_at(scope, node_id).values(**changes, revision=current + 1))

    async def deny(self, scope: Scope, node_id: str) -> None:
        """Put a node out of the mesh; its key is not let in again until somebody allows it.

        Raises:
            ProblemError: there is no such node (404).
        """
        node, _ = await self.one(scope, node_id)
        async with self._database.write() as connection:
            await self._adopt(connection, scope, node)
            await self._set_state(connection, scope, node, DENIED)
            await _settle(connection, scope, node_id, KeyState.DENIED)
            told = Happening("node.denied", node_id, {"name": node.name})
            await record(connection, scope, told, now=self._clock.wall())
        self._mesh_view.deny([NodeId(node_id)])

    async def allow(self, scope: Scope, node_id: str) -> None:
        """Take a denial back: the certificate that the node has holds again, as does a new token.

        Raises:
            ProblemError: there is no such node (404), or it is not denied (409).
        """
        node, _ = await self.one(scope, node_id)
        if node_id not in self._mesh_view.denied:
            raise ProblemError(409, "not-denied", f"{node.name} is not denied")
        async with self._database.write() as connection:
            await self._set_state(connection, scope, node, ENROLLED)
            told = Happening("node.allowed", node_id, {"name": node.name})
            await record(connection, scope, told, now=self._clock.wall())
        self._mesh_view.allow([NodeId(node_id)])

    async def approve(self, scope: Scope, node_id: str) -> None:
        """Let a waiting node in; it receives its certificate when it asks next.

        Raises:
            ProblemError: there is no such node (404), or it does not wait (409).
        """
        node, _ = await self.one(scope, node_id)
        async with self._database.write() as connection:
            waiting = _at(scope, node_id).where(nodes.c.state == PENDING)
            values = {"state": ENROLLED, "revision": nodes.c.revision + 1}
            if (await connection.execute(waiting.values(**values))).rowcount != 1:
                raise ProblemError(409, "not-pending", f"{node.name} does not wait for approval")
            await _settle(connection, scope, node_id, KeyState.ISSUED)
            told = Happening("node.approved", node_id, {"name": node.name})
            await record(connection, scope, told, now=self._clock.wall())

    async def publish_denied(self) -> None:
        """At every start, tell the mesh whom an older hub denied without a list to say it with."""
        async with self._database.read() as connection:
            rows = await connection.execute(sa.select(nodes.c.id).where(nodes.c.state == DENIED))
            self._mesh_view.deny_again([NodeId(row.id) for row in rows])

    async def note_lost(self, scope: Scope, node: Node) -> None:
        """Record that a node which was online no longer answers."""
        async with self._database.write() as connection:
            told = Happening("node.lost", node.id, {"name": node.name})
            await record(connection, scope, told, now=self._clock.wall())

    async def note_seen(self, scope: Scope, seen: Mapping[str, float]) -> None:
        """Remember when nodes were last seen, for the time after a restart."""
        async with self._database.write() as connection:
            for node_id, at in seen.items():
                await connection.execute(_at(scope, node_id).values(seen_at=at))

    async def _adopt(self, connection: AsyncConnection, scope: Scope, node: Node) -> None:
        row = {
            "id": node.id,
            "tenant": scope.tenant,
            "project": scope.project,
            "name": node.name,
            "labels": {},
            "state": ENROLLED,
            "version": node.version,
            "revision": 0,
        }
        await connection.execute(sa.insert(nodes).prefix_with("OR IGNORE").values(**row))

    async def _set_state(
        self, connection: AsyncConnection, scope: Scope, node: Node, state: str
    ) -> None:
        values = {"state": state, "revision": nodes.c.revision + 1}
        await connection.execute(_at(scope, node.id).values(**values))


async def take_place(
    connection: AsyncConnection, scope: Scope, old: str, new: str, now: float
) -> None:
    """Give a node the name and the labels of another one, which is denied from now on."""
    before = (await connection.execute(_in(scope).where(nodes.c.id == old))).mappings().first()
    if before is None:
        return
    after = (await connection.execute(_in(scope).where(nodes.c.id == new))).mappings().one()
    labels = {**before["labels"], **after["labels"]}
    grown = nodes.c.revision + 1
    values = {"name": before["name"], "labels": labels, "revision": grown}
    await connection.execute(_at(scope, new).values(**values))
    await connection.execute(_at(scope, old).values(state=DENIED, revision=grown))
    await _settle(connection, scope, old, KeyState.DENIED)
    told = Happening("node.replaced", new, {"name": before["name"], "old": short_name(NodeId(old))})
    await record(connection, scope, told, now=now)


async def _settle(connection: AsyncConnection, scope: Scope, node_id: str, state: KeyState) -> None:
    mine = (enrolments.c.tenant == scope.tenant, enrolments.c.node_id == node_id)
    await connection.execute(sa.update(enrolments).where(*mine).values(state=state.value))


def _in(scope: Scope) -> sa.Select[Any]:
    return sa.select(nodes).where(nodes.c.tenant == scope.tenant, nodes.c.project == scope.project)


def _at(scope: Scope, node_id: str) -> sa.Update:
    return sa.update(nodes).where(
        nodes.c.tenant == scope.tenant, nodes.c.project == scope.project, nodes.c.id == node_id
    )


async def _revision(connection: AsyncConnection, scope: Scope, node_id: str) -> int:
    row = (await connection.execute(_in(scope).where(nodes.c.id == node_id))).mappings().one()
    return int(row["revision"])


def _join(row: sa.RowMapping, live: LiveNode | None, *, is_denied: bool) -> Node:
    state: NodeState = live.state if live else "offline"
    if is_denied:
        state = "denied"
    elif row["state"] == PENDING:
        state = "pending"
    seen_at = live.seen_at_s if live and live.seen_at_s is not None else row["seen_at"]
    return Node(
        id=row["id"],
        name=row["name"],
        tenant=row["tenant"],
        project=row["project"],
        state=state,
        labels={**(dict(live.labels) if live else {}), **row["labels"]},
        version=(live.version if live else "") or row["version"],
        addresses=list(live.addresses) if live else [],
        enrolled_at=moment(row["enrolled_at"]),
        last_seen_at=moment(seen_at),
        **_hardware(live),
    )


def _unrecorded(live: LiveNode, scope: Scope) -> Node:
    return Node(
        id=live.id,
        name=live.name or short_name(live.id),
        tenant=scope.tenant,
        project=scope.project,
        state=live.state,
        labels=dict(live.labels),
        version=live.version,
        addresses=list(live.addresses),
        enrolled_at=None,
        last_seen_at=moment(live.seen_at_s),
        **_hardware(live),
    )


def _hardware(live: LiveNode | None) -> dict[str, Any]:
    return {
        "resources": [
            ResourceView(name=r.name, kind=r.kind, value=r.value, unit=r.unit)
            for r in (live.resources if live else ())
        ],
        "devices": [
            DeviceView(id=d.id, kind=d.kind, name=d.name, path=d.path)
            for d in (live.devices if live else ())
        ],
    }
