"""What nodes say about deployments, as facts. Facts are another node's words: all is checked.

``deployment/<id>``  what is wanted; every copy counts, whoever holds it, and the newest holds
``placement/<id>``   where each group runs, written by the keeper
``run/<id>``         how the groups of one node are doing
``galaxy``           the filter types that a node can run, and how busy it is
``filters/<push>``   what pushed classes tell; the others are lasting, so epochs never go back
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId, parse_node_id
from galaxy.loader import pipeline_from_document
from galaxy.placement import work_from_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value
    from galaxy.pipeline import Pipeline

DEPLOYMENT = "deployment/"
PLACEMENT = "placement/"
RUN = "run/"
ABLE = "galaxy"
FILTERS = "filters/"

Wanted = Literal["running", "stopped", "removed"]
RunState = Literal["starting", "running", "finished", "failed", "stopped"]
WANTED: tuple[str, ...] = ("running", "stopped", "removed")
RUN_STATES: tuple[str, ...] = ("starting", "running", "finished", "failed", "stopped")

FILTERS_MAX = 64
CONNECTIONS_MAX = 256
DOCUMENT_NESTING_MAX = 16
DOCUMENT_PARTS_MAX = 4096
DOCUMENT_CHARACTERS_MAX = 64 * 1024
TEXT_LENGTH_MAX = 256
ERROR_LENGTH_MAX = 2000
TYPES_MAX = 512
EPOCH_MAX = 2**53
LOAD_MAX = 1000.0
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A pipeline that is wanted on the mesh; each change has the next ``revision``.

    A removed one stays as a tombstone without a pipeline, until all have heard of it.
    """

    id: str
    pipeline: Mapping[str, object]
    name: str = ""
    tenant: str = ""
    project: str = ""
    revision: int = 1
    wanted: Wanted = "running"
    frames_max: int = 0
    created_at: float = 0.0
    created_by: str = ""
    changed_at: float = 0.0

    @property
    def fact(self) -> str:
        """The name of its fact."""
        return DEPLOYMENT + self.id

    def with_wanted(self, wanted: Wanted, now: float) -> Deployment:
        """The next revision, wanted otherwise; ``now`` in UTC seconds."""
        pipeline = {} if wanted == "removed" else self.pipeline
        revision = self.revision + 1
        return replace(self, wanted=wanted, pipeline=pipeline, revision=revision, changed_at=now)

    def as_value(self) -> dict[str, Value]:
        """The fact; ``deployment_from_value`` reads it back."""
        return {
            "name": self.name,
            "tenant": self.tenant,
            "project": self.project,
            "revision": self.revision,
            "wanted": self.wanted,
            "pipeline": cast("Value", dict(self.pipeline)),
            "frames_max": self.frames_max,
            "created_at": self.created_at,
            "created_by": self.created_by,
            "changed_at": self.changed_at,
        }


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the filters of one revision run; groups are named by their first filter.

    A group keeps its epoch as long as its run goes on; a new run has a new one.
    """

    deployment: str
    revision: int
    epoch: int
    keeper: NodeId
    nodes: Mapping[str, NodeId] = field(default_factory=dict)
    group_epochs: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def stamp(self) -> tuple[int, NodeId]:
        """What decides between two placements: the highest holds."""
        return self.epoch, self.keeper

    def as_value(self) -> dict[str, Value]:
        """The fact; ``placed_from_value`` reads it back."""
        return {
            "revision": self.revision,
            "epoch": self.epoch,
            "keeper": self.keeper,
            "nodes": {name: self.nodes[name] for name in sorted(self.nodes)},
            "group_epochs": {name: self.group_epochs[name] for name in sorted(self.group_epochs)},
            "reasons": {name: self.reasons[name] for name in sorted(self.reasons)},
        }


@dataclass(frozen=True, slots=True)
class GroupRun:
    """The last run of a group on one node. ``epoch`` is the group's, not the placement's.

    While its deployment wants it running, *stopped* means that the run is lost (the agent was
    restarted, the worker was killed) and must begin anew; *failed* and *finished* are for good.
    """

    leader: str
    epoch: int
    state: RunState
    error: str = ""

    @classmethod
    def of(cls, leader: str, epoch: int, state: str, error: str = "") -> GroupRun:
        """From what a worker says.

        Raises:
            RemoteProtocolError: there is no such state.
        """
        if state not in RUN_STATES:
            raise RemoteProtocolError("there is no such state of a run", where=leader)
        return cls(leader, epoch, cast("RunState", state), error[:ERROR_LENGTH_MAX])

    @property
    def goes_on(self) -> bool:
        """Whether the run has not ended."""
        return self.state in ("starting", "running")

    def ended(self) -> GroupRun:
        """What is left of it when its worker is gone."""
        return replace(self, state="stopped") if self.goes_on else self


@dataclass(frozen=True, slots=True)
class NodeRun:
    """The runs of one deployment on one node, those that have ended among them.

    A node names the last run of every group that it ever ran for this revision: it never runs the
    same epoch twice.
    """

    deployment: str
    revision: int
    groups: Mapping[str, GroupRun] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """The fact; ``run_from_value`` reads it back."""
        groups: list[Value] = [
            {"leader": run.leader, "epoch": run.epoch, "state": run.state, "error": run.error}
            for _, run in sorted(self.groups.items())
        ]
        return {"revision": self.revision, "groups": groups}


@dataclass(frozen=True, slots=True)
class Able:
    """What a node can run: types with the needs and the work of each; load 0 to 1 per core."""

    types: Mapping[str, str]
    load: float = 0.0
    work: Mapping[str, float] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """The fact ``galaxy``; ``able_from_value`` reads it back."""
        return {
            "filters": {name: self.types[name] for name in sorted(self.types)},
            "load": self.load,
            "work": {name: self.work[name] for name in sorted(self.work)},
        }


def deployment_from_value(identity: str, value: Value) -> Deployment:
    """Read a ``deployment/<id>`` fact; ``pipeline_of`` reads the pipeline in it.

    Raises:
        RemoteProtocolError: it has another shape or is too large.
    """
    fact = _Fact(f"deployment {identity[:64]}", value)
    if not _ID.fullmatch(identity):
        raise fact.wrong("has no proper id")
    pipeline = fact.mapping("pipeline")
    _check_document(fact, pipeline)
    return Deployment(
        id=identity,
        pipeline=pipeline,
        name=fact.text("name"),
        tenant=fact.text("tenant"),
        project=fact.text("project"),
        revision=fact.number("revision", 1),
        wanted=cast("Wanted", fact.choice("wanted", WANTED)),
        frames_max=fact.number("frames_max", 0),
        created_at=fact.time("created_at"),
        created_by=fact.text("created_by"),
        changed_at=fact.time("changed_at"),
    )


def pipeline_of(deployment: Deployment) -> Pipeline:
    """The pipeline of a deployment, its form checked.

    Raises:
        ConfigError: the document is no pipeline, or is too large.
    """
    where = f"deployment {deployment.id}"
    pipeline = pipeline_from_document(deployment.pipeline, where)
    if len(pipeline.filters) > FILTERS_MAX or len(pipeline.connections) > CONNECTIONS_MAX:
        raise ConfigError(
            "the pipeline is too large",
            where=where,
            remedy=f"at most {FILTERS_MAX} filters and {CONNECTIONS_MAX} connections",
        )
    return pipeline


def check_deployment(deployment: Deployment) -> Pipeline:
    """The pipeline of a deployment that other nodes will read without complaint.

    Raises:
        ConfigError: they would refuse it; the error says why.
    """
    try:
        deployment_from_value(deployment.id, deployment.as_value())
    except RemoteProtocolError as error:
        raise ConfigError(error.what, where=error.where, remedy=error.remedy) from error
    return pipeline_of(deployment)


def placed_from_value(identity: str, owner: NodeId, value: Value) -> Placed:
    """Read a ``placement/<id>`` fact of ``owner``.

    Raises:
        RemoteProtocolError: it has another shape, or names another keeper than who wrote it.
    """
    fact = _Fact(f"placement {identity[:64]} of {owner}", value)
    if fact.text("keeper") != owner:
        raise fact.wrong("names a keeper who did not write it")
    nodes = fact.entries("nodes", FILTERS_MAX)
    epochs = fact.mapping("group_epochs")
    reasons = fact.entries("reasons", FILTERS_MAX, ERROR_LENGTH_MAX)
    if not all(type(n) is int and 0 < n < EPOCH_MAX for n in epochs.values()):
        raise fact.wrong("has a group epoch that is none")
    if len(epochs) > FILTERS_MAX or not epochs.keys() <= nodes.keys():
        raise fact.wrong("has epochs of groups without a node")
    try:
        placed = {name: parse_node_id(node) for name, node in nodes.items()}
    except ValueError as error:
        raise fact.wrong(f"holds what is {error}") from error
    return Placed(
        deployment=identity,
        revision=fact.number("revision", 1),
        epoch=fact.number("epoch", 1),
        keeper=owner,
        nodes=placed,
        group_epochs=cast("dict[str, int]", epochs),
        reasons=reasons,
    )


def run_from_value(identity: str, owner: NodeId, value: Value) -> NodeRun:
    """Read a ``run/<id>`` fact of ``owner``.

    Raises:
        RemoteProtocolError: it has another shape.
    """
    fact = _Fact(f"run {identity[:64]} of {owner}", value)
    rows = fact.value.get("groups")
    if not isinstance(rows, list) or len(rows) > FILTERS_MAX:
        raise fact.wrong("has no list of groups")
    groups: dict[str, GroupRun] = {}
    for row in rows:
        part = _Fact(fact.where, row)
        state = cast("RunState", part.choice("state", RUN_STATES))
        error = part.text("error", ERROR_LENGTH_MAX)
        leader = part.text("leader")
        groups[leader] = GroupRun(leader, part.number("epoch", 1), state, error)
    return NodeRun(identity, fact.number("revision", 1), groups)


def able_from_value(owner: NodeId, value: Value) -> Able:
    """Read a ``galaxy`` fact of ``owner``; a list of types says that they need nothing.

    Raises:
        RemoteProtocolError: it has another shape.
    """
    fact = _Fact(f"filters of {owner}", value)
    types = fact.value.get("filters")
    if isinstance(types, list):
        fact.value = {**fact.value, "filters": {str(name): "" for name in types[:TYPES_MAX]}}
    load, work = min(fact.time("load"), LOAD_MAX), work_from_value(fact.value.get("work"))
    return Able(fact.entries("filters", TYPES_MAX, 4096), load, work)


class _Fact:
    """The value of one fact, read strictly; fields that this version does not know are left be."""

    def __init__(self, where: str, value: Value) -> None:
        self.where = where
        if not isinstance(value, dict):
            raise self.wrong("is no mapping")
        self.value: dict[str, Value] = value

    def wrong(self, what: str) -> RemoteProtocolError:
        return RemoteProtocolError(what, where=self.where)

    def text(self, key: str, length_max: int = TEXT_LENGTH_MAX) -> str:
        value = self.value.get(key, "")
        if not isinstance(value, str) or len(value) > length_max:
            raise self.wrong(f"{key} is no text of at most {length_max} characters")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.value.get(key)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(f"{key} is none of {', '.join(choices)}")
        return value

    def number(self, key: str, minimum: int) -> int:
        value = self.value.get(key)
        if type(value) is not int or not minimum <= value < EPOCH_MAX:
            raise self.wrong(f"{key} is no whole number from {minimum}")
        return value

    def time(self, key: str) -> float:
        value = self.value.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
            raise self.wrong(f"{key} is no number from 0")
        return float(value)

    def mapping(self, key: str) -> dict[str, object]:
        value = self.value.get(key)
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise self.wrong(f"{key} is no mapping from names")
        return cast("dict[str, object]", value)

    def entries(
        self, key: str, count_max: int, length_max: int = TEXT_LENGTH_MAX
    ) -> dict[str, str]:
        mapping = self.mapping(key)
        texts = {name: text for name, text in mapping.items() if isinstance(text, str)}
        if len(texts) != len(mapping) or len(texts) > count_max:
            raise self.wrong(f"{key} holds more than {count_max} texts, or something else")
        if any(len(n) > TEXT_LENGTH_MAX or len(text) > length_max for n, text in texts.items()):
            raise self.wrong(f"{key} holds a text that is too long")
        return texts


def _check_document(fact: _Fact, document: Mapping[str, object]) -> None:
    """Refuse what is no plain document: other types, too deep, too many parts, too long."""
    parts = characters = 0
    waiting: list[tuple[object, int]] = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        parts += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict | list):
            waiting += ((part, depth + 1) for part in value if isinstance(value, list))
            if isinstance(value, dict):
                if not all(isinstance(name, str) for name in value):
                    raise fact.wrong("the pipeline has a key that is no text")
                characters += sum(map(len, value))
                waiting += ((part, depth + 1) for part in value.values())
        elif not (value is None or isinstance(value, bool | int | float)):
            raise fact.wrong("the pipeline holds what is no text, number, list or mapping")
        elif isinstance(value, float) and not math.isfinite(value):
            raise fact.wrong("the pipeline holds a number that is not finite")
        if depth > DOCUMENT_NESTING_MAX or parts > DOCUMENT_PARTS_MAX:
            raise fact.wrong("the pipeline is nested too deep or has too many parts")
        if characters > DOCUMENT_CHARACTERS_MAX:
            raise fact.wrong(f"the pipeline is longer than {DOCUMENT_CHARACTERS_MAX} characters")
