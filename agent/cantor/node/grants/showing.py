"""What a node has granted and who waits for it, as it is shown to people on any other node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.scheduling.grants.reading import lease_from_value
from cantor.scheduling.grants.records import SINCE_MAX, TASK_CHARACTERS_MAX
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.services import Node
    from cantor.scheduling.grants.records import Lease
    from cantor.wire.frame import Value

SHOW_TOPIC = "grants.show"
SHOW_TIMEOUT_S = 2.0
SHOWN_MAX = 1000
NEEDS_CHARACTERS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Waiter:
    """Who waits: a task of node ``holder``; ``since`` is UTC seconds."""

    task: str
    holder: NodeId
    project: str
    needs: str
    since: float

    def as_value(self) -> dict[str, Value]:
        """As msgpack types."""
        return {
            "task": self.task,
            "holder": self.holder,
            "project": self.project,
            "needs": self.needs,
            "since": self.since,
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """The leases that a node has given, and who waits there, of each at most 1000.

    ``elsewhere`` counts units of shared quantities that other nodes have a right to.
    """

    held: tuple[Lease, ...] = ()
    waiting: tuple[Waiter, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    @property
    def taken(self) -> dict[str, int | float]:
        """The units that leases take, by quantity."""
        taken: dict[str, int | float] = {}
        for lease in self.held:
            for name, amount in lease.taken.items():
                taken[name] = taken.get(name, 0) + amount
        return taken

    def as_value(self) -> dict[str, Value]:
        """As msgpack types; ``shown_from_value`` reads it back."""
        return {
            "held": [dict(lease.as_value()) for lease in self.held[:SHOWN_MAX]],
            "waiting": [waiter.as_value() for waiter in self.waiting[:SHOWN_MAX]],
            "elsewhere": dict(self.elsewhere),
        }


def shown_from_value(value: Mapping[str, Value]) -> Shown:
    """What ``as_value`` made; the word of another node.

    Raises:
        RemoteProtocolError: it is none.
    """
    elsewhere = value.get("elsewhere")
    counts = elsewhere if isinstance(elsewhere, dict) else {}
    return Shown(
        tuple(lease_from_value(row) for row in _rows(value, "held")),
        tuple(_waiter(row) for row in _rows(value, "waiting")),
        {str(name): units for name, units in counts.items() if type(units) is int and units > 0},
    )


async def ask_shown(node: Node, other: NodeId) -> Shown | None:
    """What another node says of its grants now; None if it does not answer, or nonsense."""
    try:
        answer = await node.request(other, SHOW_TOPIC, timeout_s=SHOW_TIMEOUT_S)
        return shown_from_value(answer.headers)
    except CantorError:
        return None


def _waiter(row: Mapping[str, Value]) -> Waiter:
    task, holder, project = (_text(row, key) for key in ("task", "holder", "project"))
    since = row.get("since")
    if not isinstance(since, int | float) or not 0 <= since < SINCE_MAX:
        raise RemoteProtocolError("it waits since no time of day")
    needs = _text(row, "needs", NEEDS_CHARACTERS_MAX)
    try:
        parse(needs)
    except ConfigError as error:
        raise RemoteProtocolError(f"needs that cannot be read: {error}") from error
    return Waiter(task, NodeId(holder), project, needs, since)


def _text(row: Mapping[str, Value], key: str, most: int = TASK_CHARACTERS_MAX) -> str:
    found = row.get(key, "")
    if not isinstance(found, str) or len(found) > most:
        raise RemoteProtocolError(f"{key} is no text of at most {most} characters")
    return found


def _rows(value: Mapping[str, Value], name: str) -> list[dict[str, Value]]:
    told = value.get(name)
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    return rows[:SHOWN_MAX]
