"""What the API says about the policy of the mesh: what the authority lets hold for all nodes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from cantor.identity.policies import STALE_DAYS_MAX
from edge_hub.schemas import NodeState  # noqa: TC001 (msgspec reads the annotations)

StaleDays = Annotated[int, msgspec.Meta(ge=1, le=STALE_DAYS_MAX)]


class MeshPolicy(msgspec.Struct, tag_field="kind", tag="policy"):
    """What holds for every node of the tenant; ``id`` is that of the tenant.

    ``stale_days`` is for how many days a node works on that no issuer confirms; then it does not
    count. ``stale_days_default`` holds where nobody has decided anything: then ``revision`` is 0.
    ``by`` is a user of the console, or ``local:NAME`` for an account of a machine; ``issuer`` the
    node that signed it, with its name if this project has it. ``may_decide``: this hub can sign
    another, if it is asked with ``etag`` as If-Match. ``elsewhere`` counts nodes of other projects,
    to which it applies as well.
    """

    id: str
    stale_days: int
    stale_days_default: int
    revision: int
    decided_at: str | None
    by: str
    issuer: str | None
    issuer_name: str
    may_decide: bool
    etag: str
    elsewhere: int


class PolicyNode(msgspec.Struct, tag_field="kind", tag="node"):
    """One node, and whether it says that it keeps to what holds, or to something earlier.

    ``unknown``: it has said nothing, as one that is off, or that an earlier version runs on.
    ``fresh_until`` is until when an issuer has confirmed it; the days count from there.
    """

    id: str
    name: str
    state: NodeState
    holds: Literal["this", "earlier", "unknown"]
    fresh_until: str | None


class PolicySnapshot(msgspec.Struct):
    """The policy, and how far it has come among the nodes of a project."""

    policy: MeshPolicy
    nodes: list[PolicyNode]


class PolicyChange(msgspec.Struct, forbid_unknown_fields=True):
    """What shall hold for all nodes from now on."""

    stale_days: StaleDays
