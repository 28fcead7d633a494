"""Which node runs a task.

Here while a worker is free here and the node fits; else where least waits for each worker, near
before far. What is said to be free of a quantity is a hint: the node itself decides and may refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.scheduling.reach import Place, can_ever, missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.needs import Needs
    from cantor.scheduling.tasks.records import Host

NAMED_MAX = 3
FETCHES = 1.0
"""What it costs a node to fetch what a task reads, in tasks for each worker."""


def fitting(needs: Needs, python: str, hosts: Iterable[Host]) -> list[Host]:
    """The nodes that might run it, if all their units were free."""
    return [
        host
        for host in hosts
        if python in ("", host.python) and can_ever(needs, host.resources, host.labels)
    ]


def best(
    needs: Needs,
    hosts: Collection[Host],
    running: Mapping[NodeId, int],
    *,
    free_only: bool,
    near: Collection[NodeId] = (),
) -> Host | None:
    """The node of those that takes it next; ``running`` counts the tasks that each has of ours.
    Nodes that are ``near`` have what it reads: others must fetch it first.

    With ``free_only`` only one whose units are free, as far as is known.
    """
    if free_only and needs.takes_units:
        hosts = [host for host in hosts if needs.satisfied_by(host.free, host.labels)]
    return min(hosts, key=lambda host: _cost(host, running.get(host.id, 0), near), default=None)


def _cost(host: Host, running: int, near: Collection[NodeId]) -> tuple[float, str]:
    waits = max(host.load, running / host.workers) if host.distance else running / host.workers
    distance = host.distance
    if near:
        distance = 0.0 if host.id in near else distance + FETCHES
    return (waits if waits >= 1 else 0.0) + distance, host.id


def never(
    needs: Needs, python: str, hosts: Collection[Host], others: Iterable[tuple[Host, str]]
) -> str:
    """Why no node can ever run it, for a person; ``others`` are nodes that may not, and why."""
    right = [host for host in hosts if python in ("", host.python)]
    if hosts and not right:
        found = ", ".join(sorted({host.python for host in hosts}))
        return f"its code is for Python {python} alone, and nodes have {found}"
    text = missing(needs, [Place(host.name, host.resources, host.labels) for host in right])
    named = [
        f"{host.name} {why}" for host, why in others if can_ever(needs, host.resources, host.labels)
    ]
    more = len(named) - NAMED_MAX
    if named:
        text += f"; {', '.join(named[:NAMED_MAX])}" + (f" and {more} more" if more > 0 else "")
    return text
