"""What is said about grants: what a holder asks, what the owner answers, and the lease itself.

They are read back from the network by :mod:`cantor.scheduling.grants.reading`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.needs import Needs
    from cantor.wire.frame import Value

TTL_MAX_S = 60.0
TTL_MIN_S = 1.0
TTL_DEFAULT_S = 15.0
FOR_EVER_S = 2.0**40
"""How long a right to a unit of a shared quantity holds."""
TASK_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 1000
COUNT_MAX = 2**31
QUANTITIES_MAX = 64
UNITS_MAX = 1024
SINCE_MAX = 253_402_300_800
"""The end of the year 9999, in seconds since 1970."""
TOKEN_BITS = 32
"""A token is the owner's epoch, then a count of so many bits: it only ever grows."""

Why: TypeAlias = Literal["never", "busy", "ended", "lost", "disk", "wrong"]
WHYS = ("never", "busy", "ended", "lost", "disk", "wrong")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One try to reserve: a task's attempt, and how often that has begun anew for a group."""

    task: str
    attempt: int
    round: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """Units of one node that a holder may use until ``ttl_s`` after it asked for them.

    ``taken`` counts base units by quantity; ``units`` names those that have a name (device ids).
    ``since`` is UTC seconds. Whoever opens a device refuses a lower ``token`` than it has seen.
    ``may_reclaim``: its work may be ended for others that are owed the units, and begun again.
    """

    key: Key
    holder: NodeId
    token: int
    taken: Mapping[str, int | float] = field(default_factory=dict)
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ttl_s: float = TTL_DEFAULT_S
    since: float = 0.0
    project: str = ""
    priority: int = 0
    may_reclaim: bool = False

    @property
    def epoch(self) -> int:
        """The life of the owner in which it was granted."""
        return self.token >> TOKEN_BITS

    def as_value(self) -> dict[str, Value]:
        """As msgpack types; ``lease_from_value`` reads it back."""
        return {
            **key_value(self.key),
            "holder": self.holder,
            "token": self.token,
            "taken": dict(self.taken),
            "units": {name: list(units) for name, units in self.units.items()},
            "ttl_s": self.ttl_s,
            "since": self.since,
            "project": self.project,
            "priority": self.priority,
            "may_reclaim": self.may_reclaim,
        }


@dataclass(frozen=True, slots=True)
class Reserve:
    """Ask for what ``needs`` takes, all or nothing; the same question again changes nothing.

    ``asked_s`` is the holder's own clock: answers repeat it, and a lease counts from there.
    ``now`` is UTC seconds, for people. ``may_reclaim`` is that of the lease.
    """

    key: Key
    holder: NodeId
    needs: Needs
    asked_s: float
    ttl_s: float = TTL_DEFAULT_S
    priority: int = 0
    project: str = ""
    may_wait: bool = True
    now: float = 0.0
    may_reclaim: bool = False

    def as_value(self) -> dict[str, Value]:
        """As msgpack types, without what the owner knows itself."""
        return {
            **key_value(self.key),
            "ask": "reserve",
            "needs": str(self.needs),
            "asked_s": self.asked_s,
            "ttl_s": self.ttl_s,
            "priority": self.priority,
            "project": self.project,
            "may_wait": self.may_wait,
            "may_reclaim": self.may_reclaim,
        }


@dataclass(frozen=True, slots=True)
class Renew:
    """Ask to go on holding."""

    key: Key
    holder: NodeId
    token: int
    asked_s: float

    def as_value(self) -> dict[str, Value]:
        """As msgpack types."""
        return {
            **key_value(self.key), "ask": "renew", "token": self.token, "asked_s": self.asked_s
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Release:
    """Give back, or wait no longer. What was given back is never granted to the same key again."""

    key: Key
    holder: NodeId

    def as_value(self) -> dict[str, Value]:
        """As msgpack types."""
        return {**key_value(self.key), "ask": "release"}


Asked: TypeAlias = Reserve | Renew | Release


@dataclass(frozen=True, slots=True)
class Granted:
    """The units are the holder's, and that is on the owner's disk."""

    lease: Lease
    asked_s: float

    @property
    def key(self) -> Key:
        """Whose it is."""
        return self.lease.key


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet: ``why`` is for a person. Who does not ask again within seconds waits no more."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not so. ``why``: never (nothing here can meet it), busy, ended (this try is over), lost (the
    lease is gone), disk (it cannot be written down) or wrong (not its holder)."""

    key: Key
    why: Why
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing is held under this key any more."""

    key: Key


@dataclass(frozen=True, slots=True)
class WantedBack:
    """Others are owed these units: end the work soon and give them back. They are not renewed."""

    key: Key
    why: str


Answer: TypeAlias = Granted | Waiting | Refused | Ended | WantedBack


def key_value(key: Key) -> dict[str, Value]:
    """A key as msgpack types."""
    return {"task": key.task, "attempt": key.attempt, "round": key.round}


def answer_value(answer: Answer) -> dict[str, Value]:
    """An answer as msgpack types; ``answer_from_value`` reads it back."""
    match answer:
        case Granted(lease, asked_s):
            return {**lease.as_value(), "answer": "granted", "asked_s": asked_s}
        case Waiting(key, why):
            return {**key_value(key), "answer": "waiting", "text": why[:TEXT_CHARACTERS_MAX]}
        case Refused(key, why, text):
            told = text[:TEXT_CHARACTERS_MAX]
            return {**key_value(key), "answer": "refused", "why": why, "text": told}
        case Ended(key):
            return {**key_value(key), "answer": "ended"}
        case WantedBack(key, why):
            return {**key_value(key), "answer": "wanted back", "text": why[:TEXT_CHARACTERS_MAX]}
