"""What a driver tells the session core, and what the core wants done.

A *link* is one way to devices: ``mqtt`` is the broker; a serial port will be ``serial:`` and its
stable path. A *channel* is where on it somebody speaks: a topic, or the kind of a serial frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cantor.base.resources import Device, Resource

MQTT = "mqtt"


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The link works: channels are heard from now on."""

    link: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link does not work, or no longer; ``reason`` is for people."""

    link: str
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message. ``is_retained``: the broker kept it, so it may be of any age."""

    link: str
    channel: str
    payload: bytes
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class Overflowed:
    """So many messages came faster than this node looked at them, and were dropped."""

    link: str
    count: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of ``SetTimer`` has come."""


Event: TypeAlias = LinkUp | LinkDown | Received | Overflowed | TimerFired


@dataclass(frozen=True, slots=True)
class Offer:
    """These are the devices that are there now, and all that they give."""

    devices: tuple[Device, ...]
    resources: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed ``TimerFired`` at ``at`` (the time of ``now``); replaces the timer before."""

    at: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line in the log: ``what`` is constant text."""

    what: str
    device: str = ""
    reason: str = ""
    is_bad: bool = False


Effect: TypeAlias = Offer | SetTimer | Note
