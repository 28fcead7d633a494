"""What happens in a simulated mesh beside the events of its cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cantor.mesh.events import Event, Received, TimerFired
from cantor.wire import DataFrame

if TYPE_CHECKING:
    from cantor.base.ids import NodeId


@dataclass(frozen=True, slots=True)
class Send:
    """A node takes a DataFrame of its own to its destination."""

    frame: DataFrame


@dataclass(slots=True)  # not frozen: there are many, and those are dear to make
class Arrival:
    """What comes out of a line: a frame of a core, bytes of a plane, or None: the line ends."""

    line: str
    content: DataFrame | bytes | None


@dataclass(frozen=True, slots=True)
class Syn:
    """The system asks again for a connection that was not answered."""

    peer: NodeId


@dataclass(frozen=True, slots=True)
class Measure:
    """The second in which the system says how a link is."""

    line: str


Happening: TypeAlias = Event | Arrival | Send | Measure | Syn


def brief(event: Happening) -> str:
    """What tells two events apart, without the whole of a frame."""
    if isinstance(event, Arrival):
        frame = event.content
    elif isinstance(event, TimerFired):
        return f"TimerFired(name='{event.name}')"
    else:
        frame = event.frame if isinstance(event, Received) else None
    if not isinstance(frame, DataFrame):
        return str(event)
    return f"{frame.source} {frame.kind} {frame.message_id} {len(frame.headers)} {len(frame.body)}"
