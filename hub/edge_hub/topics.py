"""What consoles can watch: for each topic, its items as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge_hub import events

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from edge_hub.board import Board
    from edge_hub.database import Database
    from edge_hub.deployment_schemas import Deployment
    from edge_hub.events import Scope
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_schemas import MeshLink, MeshNode
    from edge_hub.policy_schemas import MeshPolicy, PolicyNode
    from edge_hub.resource_schemas import MeshResource
    from edge_hub.schemas import Event, Node
    from edge_hub.service_schemas import Service
    from edge_hub.task_schemas import Task, TaskCounts
    from edge_hub.task_watch import TaskWatch

    Item = (
        Node | Event | Deployment | MeshNode | MeshLink | MeshResource | Service
        | MeshPolicy | PolicyNode | Task | TaskCounts
    )  # fmt: skip
    Items = dict[str | int, Item]
    Nodes = dict[str, tuple[Node, int]]
    Source = Callable[[Scope, Nodes], Mapping[str | int, Item]]
    """What a console is shown of a topic: in a project, given its nodes."""

EVENTS_SHOWN = 50
Topic = Literal[
    "nodes", "events", "deployments", "mesh", "resources", "services", "policy", "tasks"
]
TOPICS: tuple[Topic, ...] = (
    "nodes", "events", "deployments", "mesh", "resources", "services", "policy", "tasks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the items come from."""

    database: Database
    fleet: Fleet
    board: Board
    tasks: TaskWatch
    sources: Mapping[Topic, Source]
    """Of the topics that need no more than the nodes."""

    def watch(self, watched: Collection[tuple[Scope, Topic]]) -> None:
        """Follow what somebody looks at, and nothing else."""
        self.board.watch({scope for scope, topic in watched if topic == "deployments"})
        self.tasks.watch({scope for scope, topic in watched if topic == "tasks"})

    async def items(self, scope: Scope, topic: Topic) -> Items:
        """The items of a project, by id."""
        if topic == "tasks":  # it is told many times a second: so nothing is looked up for it
            return {**self.tasks.items(scope)}
        if topic == "events":
            async with self.database.read() as connection:
                latest = await events.latest(connection, scope, limit=EVENTS_SHOWN)
            return {event.id: event for event in latest}
        fleet = await self.fleet.all(scope)
        if topic == "nodes":
            return {key: node for key, (node, _) in fleet.items()}
        if topic in self.sources:
            return {**self.sources[topic](scope, fleet)}
        names = {key: node.name for key, (node, _) in fleet.items()}
        return {view.id: self.board.shown(view, names) for view in self.board.views(scope)}
