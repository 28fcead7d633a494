"""Ways between the worker processes of one deployment on one node.

A group that is closed in has a worker of its own. For the others on its node it is another node,
called :data:`BESIDE`: frames between them go through the agent, which knows from the connection and
from what is said in which direction they go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cantor.wire.frame import Value
    from galaxy.deployments.keeper import LocalRun

BESIDE = "beside"
"""Where the other end is, for a worker: on this node, in another process. It is no node's id."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The groups at the ends of a connection, by their leaders; None for one on another node."""

    source: str | None
    target: str | None

    def receiver_of(self, kind: object) -> str | None:
        """Whom a message is for: grants go to who sends frames, frames and ends to who takes."""
        return self.source if kind == "grant" else self.target


def ends_of(run: LocalRun) -> dict[str, Ends]:
    """The ends of every connection that has a route."""
    leader_of = {name: leader for leader, group in run.filters.items() for name in group}
    return {
        one.name: Ends(leader_of.get(one.source.filter), leader_of.get(one.target.filter))
        for one in run.pipeline.connections
        if one.name in run.routes
    }


def routes_of(
    run: LocalRun, ends: Mapping[str, Ends], mine: Collection[str]
) -> dict[str, list[Value]]:
    """The routes for a worker that runs these groups: other groups of this node are beside."""
    routes: dict[str, list[Value]] = {}
    for name, route in run.routes.items():
        source, target = ends[name].source, ends[name].target
        if source not in mine and target not in mine:
            continue
        sender = BESIDE if source is not None and source not in mine else route.sender[0]
        receiver = BESIDE if target is not None and target not in mine else route.receiver[0]
        packed = [sender, route.sender[1], receiver, route.receiver[1]]
        routes[name] = cast("list[Value]", packed)
    return routes


def may_say(routes: Mapping[str, list[Value]], to: object, headers: Mapping[str, Value]) -> bool:
    """Whether a worker with these routes may say that: to the other end, and in that direction."""
    route = routes.get(str(headers.get("connection")))
    if route is None:
        return False
    return to == (route[0] if headers.get("kind") == "grant" else route[2])
