"""What the API says and hears; the OpenAPI document is made from these types."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

LABELS_MAX = 64
PROJECT_ID_CHARS_MAX = 40
TENANT_ID_CHARS_MAX = 128
Label = Annotated[str, Meta(max_length=128)]
Labels = Annotated[dict[Label, Label], Meta(max_length=LABELS_MAX)]
NodeName = Annotated[str, Meta(min_length=1, max_length=128)]
LineText = Annotated[
    str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$")
]
ProjectId = Annotated[
    str, Meta(max_length=PROJECT_ID_CHARS_MAX, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
]
NodeState = Literal["online", "stale", "expired", "offline", "pending", "denied"]


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(seconds: float | None) -> str | None:
    """When something was, if it was."""
    return None if seconds is None else rfc3339(seconds)


class FieldError(msgspec.Struct):
    """What is wrong with one part of a request's body; ``pointer`` is a JSON Pointer to it."""

    pointer: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    trace_id: str = ""
    errors: list[FieldError] = []


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """The ticket out of a sign-in link."""

    ticket: Annotated[str, Meta(min_length=1, max_length=128)]


class User(msgspec.Struct):
    """Who is signed in."""

    name: str
    role: str


class Named(msgspec.Struct):
    """A tenant or a project."""

    id: str
    name: str


class SessionView(msgspec.Struct):
    """Who is signed in, and what they look at."""

    user: User
    tenant: Named
    project: Named
    tenants: list[Named]
    projects: list[Named]
    version: str
    mesh: str


class SessionChange(msgspec.Struct, forbid_unknown_fields=True):
    """What a session looks at from now on; another tenant without a project shows its first."""

    tenant: Annotated[str, Meta(min_length=1, max_length=TENANT_ID_CHARS_MAX)] | None = None
    project: Annotated[str, Meta(min_length=1, max_length=PROJECT_ID_CHARS_MAX)] | None = None


class NewProject(msgspec.Struct, forbid_unknown_fields=True):
    """A wish for a project; without an ``id`` it gets one from its name."""

    name: LineText
    id: ProjectId | None = None

    def __post_init__(self) -> None:
        """Refuse the line end that a pattern's $ lets through."""
        if self.name.endswith("\n") or (self.id or "").endswith("\n"):
            message = "a name or an id ends with a line end"
            raise ValueError(message)


class ProjectList(msgspec.Struct):
    """One page of projects."""

    items: list[Named]
    next: str | None


class ResourceView(msgspec.Struct):
    """One resource of a node."""

    name: str
    kind: Literal["condition", "quantity"]
    value: bool | int | float | str
    unit: str


class DeviceView(msgspec.Struct):
    """Hardware on or behind a node."""

    id: str
    kind: str
    name: str
    path: str


class Node(msgspec.Struct):
    """A node: what the hub decided about it, and what the mesh knows of it now."""

    id: str
    name: str
    tenant: str
    project: str
    state: NodeState
    labels: dict[str, str]
    resources: list[ResourceView]
    devices: list[DeviceView]
    version: str
    addresses: list[str]
    enrolled_at: str | None
    last_seen_at: str | None


class NodeList(msgspec.Struct):
    """One page of nodes; ``total`` counts all that match."""

    items: list[Node]
    next: str | None
    total: int


class NodeChange(msgspec.Struct, forbid_unknown_fields=True):
    """What may be changed about a node; labels are replaced as a whole."""

    name: NodeName | None = None
    labels: Labels | None = None


class NodeBatch(msgspec.Struct, forbid_unknown_fields=True):
    """One action on many nodes; ``label`` adds the labels given."""

    action: Literal["approve", "deny", "allow", "label"]
    ids: Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(max_length=1000)]
    labels: Labels | None = None


class BatchResult(msgspec.Struct, omit_defaults=True):
    """What became of one node of a batch, as an HTTP status."""

    id: str
    status: int
    detail: str = ""


class BatchReply(msgspec.Struct):
    """What became of every node of a batch, in the order given."""

    results: list[BatchResult]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A wish for an enrolment token.

    ``replaces`` is the id of a node whose place the box takes: its name and labels. That node is
    denied for ever once the box is in.
    """

    labels: Labels = {}
    max_uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    ttl_s: Annotated[int, Meta(ge=60, le=90 * 86400)] = 3600
    approval: Literal["automatic", "manual"] = "automatic"
    replaces: Annotated[str, Meta(max_length=32)] = ""

    def __post_init__(self) -> None:
        """Only one box takes a place."""
        if self.replaces and self.max_uses != 1:
            message = "a token that replaces a node admits one box"
            raise ValueError(message)


class TokenMade(msgspec.Struct):
    """A fresh token. ``token`` is shown this once."""

    id: str
    token: str
    command: str
    expires_at: str
    max_uses: int


class TokenView(msgspec.Struct):
    """A token, without its secret.

    ``created_by`` is a user of the console, or ``local:NAME`` for an account of the hub's machine;
    empty where an older hub made it. ``thefts`` counts how often other keys showed it when it was
    used up.
    """

    id: str
    labels: dict[str, str]
    max_uses: int
    uses: int
    approval: str
    expires_at: str
    state: Literal["live", "used", "expired", "revoked", "stolen"]
    created_at: str
    created_by: str
    replaces: str
    thefts: int


class TokenList(msgspec.Struct):
    """One page of tokens."""

    items: list[TokenView]
    next: str | None


class Event(msgspec.Struct):
    """Something that happened; ``kind`` and ``params`` let a console say ``text`` in its words."""

    id: int
    at: str
    kind: str
    severity: Literal["info", "warning", "alarm"]
    text: str
    subject: str
    params: dict[str, str | int]


class EventList(msgspec.Struct):
    """One page of events, newest first."""

    items: list[Event]
    next: str | None


class NodeCounts(msgspec.Struct):
    """How many nodes are in which state."""

    online: int = 0
    stale: int = 0
    expired: int = 0
    offline: int = 0
    pending: int = 0


class Overview(msgspec.Struct):
    """The fleet at a glance."""

    nodes: NodeCounts
    events: list[Event]


class Health(msgspec.Struct):
    """The hub answers."""

    status: Literal["ok"] = "ok"
