"""Which nodes may run this node's tasks, as their facts and certificates say.

A node that runs tasks says so in the fact ``tasks``: ``life`` (which start of its own it is),
``workers``, ``python`` (minor version), ``code_run`` (for whom beside itself: ``none`` or
``tenant``), ``sandbox`` (how closed others' tasks run there) or ``why`` it cannot run them,
``actors`` (whether they can live there too), ``target`` (which wheels it can run) and ``load``.
Whose node this one is, the other one looks up itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.node.tenants import alive_of_tenant
from cantor.scheduling.tasks.records import Host, Hosts

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.view import NodeView
    from cantor.wire.frame import Value

FACT = "tasks"
NEAR, FAR = 0.25, 1.0
"""What it costs to reach a node of the same site, and any other, in tasks for each worker."""
WORKERS_MAX = 4096
TARGETS_MAX = 32
WHY_MAX = 500
"""Characters of what a node says of itself that others are shown."""


def _why_not(told: Value) -> str:
    """Why it says that it cannot run others' tasks."""
    why = told.get("why", "") if isinstance(told, dict) else ""
    return why[:WHY_MAX] if isinstance(why, str) else ""


def hosts_of_actors(node: Node) -> Hosts:
    """Those of them where actors can live."""
    return hosts_of(node, are_for_actors=True)


def hosts_of(node: Node, *, are_for_actors: bool = False) -> Hosts:
    """All that this node knows now."""
    told = {fact.owner: fact.value for fact in node.facts(FACT) if fact.name == FACT}
    hosts: list[Host] = []
    others: list[tuple[Host, str]] = []
    for view in node.nodes():
        host, code_run = _host(node, view, told.get(view.id))
        if view.id == node.node_id and host.workers:
            hosts.append(host)
        elif not view.is_alive:
            others.append((host, "cannot be reached"))
        elif not host.workers:
            others.append((host, "runs no tasks"))
        elif code_run != "tenant" and (why := _why_not(told.get(view.id))):
            others.append((host, f"cannot run it: {why}"))
        elif code_run != "tenant":
            others.append((host, "runs only its own box's tasks (cantor agent --code-run tenant)"))
        elif node.tenant_of(view.id) != node.tenant:
            others.append((host, "is of another tenant"))
        elif are_for_actors and not _has_actors(told.get(view.id)):
            others.append((host, "runs a version of Cantor without actors"))
        else:
            hosts.append(host)
    return Hosts(tuple(hosts), tuple(others), node.shares.accounts.is_shared)


def lives_of(node: Node) -> list[tuple[NodeId, int]]:
    """In which life each node that runs tasks is, as far as this one knows."""
    told = [(fact.owner, fact.value) for fact in node.facts(FACT) if fact.name == FACT]
    return [
        (owner, life)
        for owner, about in told
        if isinstance(about, dict) and isinstance(life := about.get("life"), int)
    ]


def nodes_with_actors(node: Node) -> set[NodeId]:
    """Those of this tenant that can be reached and know actors: the same on all that see them."""
    ours = alive_of_tenant(node)
    return {
        fact.owner
        for fact in node.facts(FACT)
        if fact.name == FACT and fact.owner in ours and _has_actors(fact.value)
    }


def targets_of(node: Node) -> list[str]:
    """What the nodes that may run this node's tasks can run wheels for, those of one kind once."""
    told = {fact.owner: fact.value for fact in node.facts(FACT) if fact.name == FACT}
    abouts = [told.get(host.id) for host in hosts_of(node).hosts]
    targets = {str(about.get("target", "")) for about in abouts if isinstance(about, dict)}
    return sorted(targets - {""})[:TARGETS_MAX]


def _has_actors(told: Value) -> bool:
    return isinstance(told, dict) and told.get("actors") is True


def _host(node: Node, view: NodeView, told: Value) -> tuple[Host, Value]:
    """What a node says of itself; it has no workers if it says nothing of use."""
    about = told if isinstance(told, dict) else {}
    life, load = about.get("life"), about.get("load")
    host = Host(
        id=view.id,
        name=view.name,
        life=life if isinstance(life, int) else 0,
        workers=workers_in(told),
        python=str(about.get("python", "")),
        resources=view.resources,
        free=view.free(),
        labels=view.labels,
        load=float(load) if isinstance(load, int | float) and load >= 0 else 0.0,
        distance=_distance(node, view),
    )
    return host, about.get("code_run")


def workers_in(told: Value) -> int:
    """How many workers a node says in that fact that it has."""
    workers = told.get("workers") if isinstance(told, dict) else 0
    return min(workers, WORKERS_MAX) if type(workers) is int and workers > 0 else 0


def _distance(node: Node, view: NodeView) -> float:
    if view.id == node.node_id:
        return 0.0
    return NEAR if view.labels.get("site", "") == node.labels.get("site", "") else FAR


def named(node: Node, wanted: NodeId | None) -> str:
    """What people call a node."""
    return next((view.name for view in node.nodes() if view.id == wanted), str(wanted)[:8])
