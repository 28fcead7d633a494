"""What a replica group keeps, as its members, its callers and the ledger say it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId, parse_node_id
from cantor.node.state.wording import checked_text
from cantor.replication.records import COUNT_MAX, SEATS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.ledger.facts import Fact
    from cantor.replication.events import Standing
    from cantor.wire.frame import Value

FACT = "replicas/"
COPIES_MIN = 2
_KIND_LENGTH_MAX = 16


@dataclass(frozen=True)
class About:
    """``name`` of that ``kind``, made on the node ``home`` to be kept on ``copies`` nodes."""

    kind: str
    home: NodeId
    name: str
    copies: int

    @cached_property
    def id(self) -> str:
        """Of the group: its home's name of that kind is one group, wherever its copies are."""
        return group_id(self.kind, self.home, self.name)

    def as_value(self) -> list[Value]:
        """As it travels."""
        return [self.kind, self.home, self.name, self.copies]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a member says of its group."""

    about: About
    owner: NodeId | None
    counter: int
    members: tuple[NodeId, ...]


def group_id(kind: str, home: NodeId, name: str) -> str:
    """32 hexadecimal digits."""
    return hashlib.sha256(f"{kind}\0{home}\0{name}".encode()).hexdigest()[:32]


def about_from(value: object) -> About:
    """What another node says a group is.

    Raises:
        RemoteProtocolError: it is none.
    """
    if type(value) is not list or [type(one) for one in value] != [str, str, str, int]:
        raise RemoteProtocolError("not a replica group")
    kind, home, name, copies = value
    if not 0 < len(kind) <= _KIND_LENGTH_MAX or not COPIES_MIN <= copies <= SEATS_MAX:
        raise RemoteProtocolError("not a replica group")
    try:
        return About(kind, parse_node_id(home), checked_text(name, "name"), copies)
    except (ValueError, ConfigError) as error:
        raise RemoteProtocolError("not a replica group") from error


def told(about: About, standing: Standing) -> Value:
    """What a member says of its group."""
    return {
        "about": about.as_value(),
        "owner": standing.owner or "",
        "counter": standing.epoch.counter,
        "members": list(standing.members.nodes),
    }


def seen_in(facts: Iterable[Fact]) -> dict[str, list[Seen]]:
    """What nodes say of their groups, by the ids of these; what is odd is left out."""
    found: dict[str, list[Seen]] = {}
    for fact in facts:
        value = fact.value
        if not isinstance(value, dict):
            continue
        owner, counter, members = (value.get(name) for name in ("owner", "counter", "members"))
        try:
            about = about_from(value.get("about"))
            if type(counter) is not int or not 0 <= counter < COUNT_MAX:
                continue
            if not isinstance(members, list) or len(members) > SEATS_MAX:
                continue
            nodes = tuple(parse_node_id(str(one)) for one in members)
            who = parse_node_id(owner) if isinstance(owner, str) and owner else None
        except (RemoteProtocolError, ValueError):
            continue
        if fact.name == FACT + about.id:
            found.setdefault(about.id, []).append(Seen(about, who, counter, nodes))
    return found
