"""What the API says and hears about pushed services."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_hub.schemas import NodeState  # noqa: TC001 (msgspec reads the annotations)

LINES_MAX = 2000


class ServiceRevision(msgspec.Struct):
    """Code that runs, ran or shall run; ``bundle`` is its hash, ``is_bad``: returned from."""

    number: int
    by: str
    at: str
    bundle: str
    needs: str
    note: str
    is_bad: bool


class ServiceNode(msgspec.Struct):
    """How a service is on one node.

    ``state`` is the node's, ``run`` the service's; ``is_current`` says that it is about the last
    revision. ``running`` is the number of the revision that runs, or 0.
    """

    id: str
    name: str
    state: NodeState
    run: str
    running: int
    why: str
    restarts: int
    is_canary: bool
    is_current: bool
    ports: dict[str, int]


class Service(msgspec.Struct):
    """A pushed service or task. ``elsewhere`` counts the nodes of other projects that have it."""

    id: str
    name: str
    kind: Literal["service", "task", "filter"]
    wanted: Literal["running", "stopped"]
    number: int
    at: str
    why: str
    canaries: int
    revision: ServiceRevision
    past: list[ServiceRevision]
    nodes: list[ServiceNode]
    elsewhere: int


class ServiceList(msgspec.Struct):
    """Every service of a project."""

    items: list[Service]


class ServicePushed(msgspec.Struct):
    """What a push has made; ``never`` says why no node can run it now, or is empty."""

    name: str
    number: int
    never: str


class ServiceReturn(msgspec.Struct, forbid_unknown_fields=True):
    """To which revision; 0: to the one before."""

    revision: Annotated[int, Meta(ge=0, lt=2**53)] = 0


class ServiceLog(msgspec.Struct):
    """The last lines of one node; ``missing`` says that it did not answer."""

    node: str
    name: str
    lines: list[str]
    missing: bool


class ServiceLogs(msgspec.Struct):
    """What a service printed, node by node."""

    items: list[ServiceLog]
