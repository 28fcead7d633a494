"""A deployment as people and the hub see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from cantor.base.errors import RemoteProtocolError
from cantor.base.secret_names import named_in
from galaxy.filter import params_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value
    from galaxy.deployments.facts import Facts, Held
    from galaxy.deployments.records import Placed, Wanted
    from galaxy.filter import BaseFilter

MASK = "********"
State = Literal["waiting", "starting", "running", "failed", "finished", "stopped"]
GroupState = Literal["waiting", "starting", "running", "finished", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class GroupView:
    """A strong group: *waiting* while no node that can be reached runs it."""

    leader: str
    filters: tuple[str, ...]
    node: NodeId | None
    state: GroupState
    error: str = ""

    def as_value(self) -> dict[str, Value]:
        """The group as msgpack types."""
        return {
            "leader": self.leader,
            "filters": list(self.filters),
            "node": self.node,
            "state": self.state,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment: what is wanted, where it runs, and how its groups are.

    ``state`` is *waiting* if a filter has no node, for which ``reasons`` says why.
    """

    id: str
    name: str
    tenant: str
    project: str
    revision: int
    wanted: Wanted
    state: State
    pipeline: Mapping[str, object]
    epoch: int = 0
    keeper: NodeId | None = None
    nodes: Mapping[str, NodeId] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[GroupView, ...] = ()
    frames_max: int = 0
    created_at: float = 0.0
    created_by: str = ""

    def as_value(self) -> dict[str, Value]:
        """The view as msgpack types; ``from_value`` reads it back."""
        return {
            "id": self.id,
            "name": self.name,
            "tenant": self.tenant,
            "project": self.project,
            "revision": self.revision,
            "wanted": self.wanted,
            "state": self.state,
            "epoch": self.epoch,
            "keeper": self.keeper,
            "pipeline": cast("Value", dict(self.pipeline)),
            "nodes": dict(self.nodes),
            "reasons": dict(self.reasons),
            "groups": [group.as_value() for group in self.groups],
            "frames_max": self.frames_max,
            "created_at": self.created_at,
            "created_by": self.created_by,
        }

    @classmethod
    def from_value(cls, value: Value) -> DeploymentView:
        """A view that ``as_value`` made: an agent's answer to its own user, not to strangers.

        Raises:
            RemoteProtocolError: it was made by something else.
        """
        try:
            given = dict(cast("dict[str, Value]", value))
            rows = cast("list[dict[str, Value]]", given.pop("groups"))
            groups = tuple(_group_from_value(row) for row in rows)
            view = cls(**cast("dict[str, object]", given), groups=groups)  # type: ignore[arg-type] # by name
        except (TypeError, ValueError, KeyError) as error:
            raise RemoteProtocolError("the agent's answer holds no deployment") from error
        return view


def view_from_value(value: Value) -> DeploymentView:
    """A view that ``DeploymentView.as_value`` made.

    Raises:
        RemoteProtocolError: it was made by something else.
    """
    return DeploymentView.from_value(value)


def _group_from_value(row: dict[str, Value]) -> GroupView:
    filters = tuple(str(name) for name in cast("list[Value]", row["filters"]))
    return GroupView(**cast("dict[str, object]", {**row, "filters": filters}))  # type: ignore[arg-type] # by name


def views(facts: Facts) -> list[DeploymentView]:
    """Every deployment that is not removed, the oldest first."""
    found = [
        _view(held, facts) for held in facts.held.values() if held.deployment.wanted != "removed"
    ]
    return sorted(found, key=lambda view: (view.created_at, view.id))


def masked(
    document: Mapping[str, object], known: Callable[[str], type[BaseFilter] | None]
) -> dict[str, object]:
    """A pipeline's document for people: what its filters declare secret is masked.

    Of a type that is not known here every parameter is masked: any of them may be a secret. The
    name of a secret is none.
    """
    filters = document.get("filters")
    if not isinstance(filters, dict):
        return dict(document)
    return {**document, "filters": {name: _masked(filters[name], known) for name in filters}}


def _masked(spec: object, known: Callable[[str], type[BaseFilter] | None]) -> object:
    params = spec.get("params") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(params, dict):
        return spec
    filter_type = known(str(spec.get("type")))
    declared = params_of(filter_type) if filter_type else {}
    hidden = (
        name
        for name in params
        if (name not in declared or declared[name].secret) and named_in(params[name]) is None
    )
    return {**spec, "params": {**params, **dict.fromkeys(hidden, MASK)}}


def _view(held: Held, facts: Facts) -> DeploymentView:
    deployment, placed = held.deployment, held.placed
    groups = _groups(held, placed, facts)
    reasons = dict(placed.reasons) if placed and deployment.wanted == "running" else {}
    if held.problem:
        reasons = {"": held.problem}
    return DeploymentView(
        id=deployment.id,
        name=deployment.name,
        tenant=deployment.tenant,
        project=deployment.project,
        revision=deployment.revision,
        wanted=deployment.wanted,
        state=_state(held, placed, groups, facts),
        pipeline=deployment.pipeline,
        epoch=placed.epoch if placed else 0,
        keeper=placed.keeper if placed else None,
        nodes=dict(placed.nodes) if placed else {},
        reasons=reasons,
        groups=groups,
        frames_max=deployment.frames_max,
        created_at=deployment.created_at,
        created_by=deployment.created_by,
    )


def _groups(held: Held, placed: Placed | None, facts: Facts) -> tuple[GroupView, ...]:
    alive = {node.id for node in facts.nodes}
    shown: list[GroupView] = []
    for filters in held.pipeline.groups() if held.pipeline else []:
        leader = filters[0]
        node = placed.nodes.get(leader) if placed else None
        run = held.run(placed, leader) if placed else None
        state: GroupState
        if held.deployment.wanted != "running":
            state = "stopped"
        elif run is not None and run.state == "finished":
            state = "finished"
        elif node not in alive:
            state = "waiting"
        else:
            state = run.state if run and run.state != "stopped" else "starting"
        shown.append(GroupView(leader, filters, node, state, run.error if run else ""))
    return tuple(shown)


def _state(held: Held, placed: Placed | None, groups: tuple[GroupView, ...], facts: Facts) -> State:
    if held.deployment.wanted != "running":
        return "stopped"
    states = {group.state for group in groups}
    if held.pipeline is None:
        return "failed"
    if placed is None:
        return "starting" if facts.able else "waiting"
    if "failed" in states:
        return "failed"
    if placed.reasons or "waiting" in states:
        return "waiting"
    if states == {"finished"}:
        return "finished"
    return "running" if states <= {"running", "finished"} else "starting"
