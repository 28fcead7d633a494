"""What the API says about resources: what the mesh has, who holds it, and who satisfies needs."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_hub.schemas import NodeState  # noqa: TC001 (msgspec reads the annotations)

Amount = int | float


class MeshResource(msgspec.Struct):
    """A resource of a project's nodes in all; ``id`` is its kind and name.

    Figures are in base units and count nodes that are reached: what is ``free`` is what nothing
    takes. ``shared`` units of the total belong to a site, not to a node. A condition has
    ``values`` and no figures.
    """

    id: str
    name: str
    kind: Literal["condition", "quantity"]
    unit: str
    total: Amount
    taken: Amount
    free: Amount
    waiting: int
    shared: int
    values: list[str | bool | Amount]
    nodes: int
    away: int


class ResourceList(msgspec.Struct):
    """Every resource of a project's nodes."""

    items: list[MeshResource]


class ResourceNode(msgspec.Struct):
    """What one node has of a resource.

    ``elsewhere`` are units of a shared quantity that other nodes have a right to. ``answered`` says
    that it told who holds its units; one that is away cannot.
    """

    id: str
    name: str
    state: NodeState
    value: str | bool | Amount
    taken: Amount
    free: Amount
    elsewhere: Amount
    waiting: int
    answered: bool


class ResourceHolder(msgspec.Struct):
    """Work that holds units: on which node, and for which one (null: not of this project)."""

    task: str
    attempt: int
    node: str
    holder: str | None
    amount: Amount
    units: list[str]
    project: str
    since: str


class ResourceWaiter(msgspec.Struct):
    """Work that waits for units of a node."""

    task: str
    node: str
    holder: str | None
    needs: str
    project: str
    since: str


class ResourceRight(msgspec.Struct):
    """Units that a node has a right to; null: nodes of other projects together."""

    node: str | None
    units: int


class ResourceShare(msgspec.Struct):
    """A shared quantity: its owner, its units, those that nobody has a right to, and the rest.

    ``is_frozen``: its owner lost its record, and gives none until they are counted.
    """

    owner: str | None
    total: int
    free: int
    rights: list[ResourceRight]
    is_frozen: bool


class ResourceDetail(msgspec.Struct):
    """A resource, its nodes, who holds it, who waits for it, and rights to what is shared.

    ``names`` are those of the nodes whose ids stand here.
    """

    resource: MeshResource
    nodes: list[ResourceNode]
    holders: list[ResourceHolder]
    waiters: list[ResourceWaiter]
    shares: list[ResourceShare]
    names: dict[str, str]


class NeedsMistake(msgspec.Struct):
    """Why an expression cannot be read, or does not fit; ``column`` counts characters from 1."""

    column: int
    what: str
    advice: str


class NeedsHint(msgspec.Struct):
    """What is allowed, but probably not meant."""

    column: int
    text: str


class NeedsNode(msgspec.Struct):
    """A node, whether it satisfies the expression now, and if not, why."""

    id: str
    name: str
    state: NodeState
    fits: bool
    why: str


class NeedsAnswer(msgspec.Struct):
    """Who satisfies an expression.

    ``mistake`` is set if it is wrong; ``never`` says what is missing if no node can ever meet it.
    """

    mistake: NeedsMistake | None
    hints: list[NeedsHint]
    never: str
    nodes: list[NeedsNode]
