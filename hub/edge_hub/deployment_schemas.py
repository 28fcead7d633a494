"""What the API says and hears about templates and deployments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_hub.schemas import LineText  # noqa: TC001 (msgspec reads the annotations)

ENTRIES_MAX = 256
DEPLOYMENT_ID_CHARS_MAX = 64
DeploymentState = Literal["waiting", "starting", "running", "failed", "finished", "stopped"]
FilterName = Annotated[str, Meta(max_length=128)]
ParamPath = Annotated[str, Meta(max_length=256)]
ParamValue = bool | int | float | str | list[str]


class Template(msgspec.Struct):
    """A pipeline that comes with the hub, and whether this mesh can run it now.

    ``descriptions`` holds the description in other languages, by language. ``types`` describes each
    filter type of the pipeline: what it does, and its parameters as JSON Schema (``x-unit``,
    ``x-file``, ``x-live``; a secret is ``writeOnly``).
    """

    id: str
    name: str
    description: str
    descriptions: dict[str, str]
    types: dict[str, dict[str, Any]]
    pipeline: dict[str, Any]
    needs: dict[str, str]
    fits: bool
    reasons: dict[str, str]


class TemplateList(msgspec.Struct):
    """Every template."""

    items: list[Template]


class FilterPin(msgspec.Struct):
    """One input or output of a filter; no formats means any."""

    type: str
    formats: list[str]
    optional: bool


class FilterType(msgspec.Struct):
    """A type of filters that pipelines may name; ``push`` is the push that it is of, if any.

    ``params`` is the JSON Schema of its parameters (``x-unit``, ``x-file``, ``x-live``; a secret is
    ``writeOnly``).
    """

    type: str
    push: str
    description: str
    source: bool
    live: bool
    needs: str
    inputs: dict[str, FilterPin]
    outputs: dict[str, FilterPin]
    params: dict[str, Any]


class FilterTypeList(msgspec.Struct):
    """Every type, by name."""

    items: list[FilterType]


class NewDeployment(msgspec.Struct, forbid_unknown_fields=True):
    """A wish for a deployment of a ``template``, of a ``pipeline`` document, or of the pipeline of
    another ``deployment`` of the project with its secrets; one of the three.

    ``params`` sets parameters by ``filter.param``; ``nodes`` binds filters to nodes by id.
    """

    template: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    pipeline: dict[str, Any] | None = None
    deployment: Annotated[str, Meta(min_length=1, max_length=DEPLOYMENT_ID_CHARS_MAX)] | None = None
    name: LineText | None = None
    params: Annotated[dict[ParamPath, ParamValue], Meta(max_length=ENTRIES_MAX)] = {}
    nodes: Annotated[
        dict[FilterName, Annotated[str, Meta(max_length=64)]], Meta(max_length=ENTRIES_MAX)
    ] = {}


class Percentiles(msgspec.Struct):
    """Milliseconds; 0 where nothing was measured."""

    p50: float = 0.0
    p99: float = 0.0


class FilterFigures(msgspec.Struct):
    """What a filter measured; ``age_ms`` at sinks only."""

    node: str = ""
    frames_in: int = 0
    frames_out: int = 0
    fps: float = 0.0
    run_ms: Percentiles | None = None
    age_ms: Percentiles | None = None
    counters: dict[str, int | float] = {}
    report: dict[str, Any] = {}


class EdgeFigures(msgspec.Struct):
    """What a connection measured, in frames."""

    kind: str = ""
    policy: str = ""
    depth: int = 0
    sent: int = 0
    received: int = 0
    dropped: int = 0
    expired: int = 0
    discarded: int = 0
    waiting: int = 0
    fps: float = 0.0
    queue_ms: Percentiles | None = None


class Figures(msgspec.Struct):
    """What a deployment measures, by filter and by connection (``a.image -> b.image``)."""

    filters: dict[str, FilterFigures] = {}
    edges: dict[str, EdgeFigures] = {}


class Group(msgspec.Struct):
    """Filters that run together, in one thread of one node."""

    leader: str
    filters: list[str]
    node: str | None
    state: str
    error: str


class Deployment(msgspec.Struct):
    """A pipeline placed on nodes; ``figures`` are null while nobody has asked for them.

    Secret parameters in ``pipeline`` are masked.
    """

    id: str
    name: str
    tenant: str
    project: str
    state: DeploymentState
    wanted: Literal["running", "stopped"]
    revision: int
    epoch: int
    keeper: str | None
    pipeline: dict[str, Any]
    nodes: dict[str, str]
    node_names: dict[str, str]
    reasons: dict[str, str]
    groups: list[Group]
    figures: Figures | None
    created_at: str
    created_by: str


class DeploymentList(msgspec.Struct):
    """One page of deployments, newest first."""

    items: list[Deployment]
    next: str | None


class DeploymentBatch(msgspec.Struct, forbid_unknown_fields=True):
    """One action on many deployments."""

    action: Literal["stop", "delete"]
    ids: Annotated[
        list[Annotated[str, Meta(max_length=DEPLOYMENT_ID_CHARS_MAX)]], Meta(max_length=1000)
    ]
