"""A unit of work: one call of one function, as the pool queues it and a worker runs it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.lines import Ask
    from cantor.workers.seat import Seat

URGENT, NORMAL, BACKGROUND = 0, 1, 2
"""Priorities: a lower number goes first."""


PROCESS, THREAD, LOOP = range(3)
"""How a unit runs in its worker: alone, in a thread beside others, on an event loop with others."""


CLOSE, KILL = "cantor:close", "cantor:kill"
"""Methods of every actor on a mesh: it ends when the calls that were made are answered, or now."""
PLACE_RUN = "cantor:run"
"""The call of what is a place only: of its code."""
HOLDER, FIND = "cantor:holder", "cantor:find"
"""Who has the name that an actor was started with; and who has any name: of no actor."""


class Shipped(Protocol):
    """Code by its content: what ``cantor.bundles.shipping.ship`` makes of a function."""

    @property
    def id(self) -> str:
        """SHA-256 of all that it is made of, in hexadecimal."""

    @property
    def data(self) -> bytes:
        """What it is made of."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Code that a pool passes on without looking into it."""

    id: str
    data: bytes


class End(Enum):
    """Why a unit has ended without a word of its worker."""

    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DIED = "died"
    PREEMPTED = "preempted"
    """Another project was owed what it used."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a unit runs; the same for every call of a function."""

    name: str = ""
    """Of the function, for messages."""
    priority: int = NORMAL
    retries: int = 0
    """How often it is tried again if its worker dies. An error that it raises is its result."""
    at_most_once: bool = False
    deadline_s: float | None = None
    """From the submit to the result."""
    memory_bytes: int | None = None
    """How much more than an idle worker it may take, if its needs do not say."""
    is_stream: bool = False
    method: str = ""
    """To call it of what the worker's setup made, and not the code itself."""
    mode: int = PROCESS
    actor: str = ""
    """The address of the actor whose method it is, if its caller knows no more of it; or without a
    method, of the actor that shall live."""
    is_durable: bool = False
    """It and its result are on a disk before they are acknowledged."""
    needs: str = ""
    """What must be granted before it begins: an expression with quantities; blank for none."""
    sandbox: str = ""
    """It runs no less closed than at this level; blank for whatever its node gives."""
    origin: str = ""
    """Whose task has submitted it, if that came from another node: it meets no other's code."""
    checkpoint_calls: int = 0
    """The state of an actor is kept after each so many calls, if its class can tell it."""
    actor_name: str = ""
    """Of an actor that shall live, or is looked for."""
    methods: str = ""
    """Of an actor with a name: those that can be called, with spaces between."""
    call_retries: int = 0
    """Of an actor with a name: the retries of each call."""
    is_place: bool = False
    """It is no actor that shall live, but a worker that waits for one call of its code."""
    restore_from: int = 0
    """Of the parts of a life, those from this one on are the state that it begins with."""
    project: str = ""
    """Whose share of the pool it uses; blank for the default project, or that of who submits it."""
    is_nested: bool = False
    """A task on the mesh has submitted it, and may wait for it with a worker."""
    parent: str = ""
    """The task on the mesh that has submitted it, by its id; blank if none has."""
    group: str = ""
    """The same for all that begin together; blank for others."""
    wheels: str = ""
    """The bundles of wheels that it imports from, for each target that has one: see
    ``cantor.bundles.wheels.fitting``."""
    folders: str = ""
    """Where they lie unpacked on this machine, one a line; it has no meaning for another."""
    asks: str = ""
    """It is no call but a question about what nodes keep, of this kind: see ``node.state``."""
    secrets: str = ""
    """The names of the secrets of its project that it may have, with spaces between."""
    asked_secret: str = ""
    """It is no task, but asks for this secret for the task that submits it."""
    objects: str = ""
    """References to the objects that it has as arguments, with spaces between."""

    @property
    def is_life(self) -> bool:
        """Whether it is no call but an actor that shall live."""
        return bool(self.actor) and not self.method

    @property
    def is_plain(self) -> bool:
        """Whether it may wait inside a worker behind another: nothing is lost if that one dies."""
        return not (
            self.at_most_once or self.is_stream or self.needs or self.memory_bytes is not None
        )


PLAIN = Terms()
TERM_TYPES: dict[str, tuple[type, ...]] = {
    **{one.name: (type(getattr(PLAIN, one.name)),) for one in fields(Terms)},
    "deadline_s": (int, float, type(None)),
    "memory_bytes": (int, type(None)),
}
"""Of terms that others say."""


class Listener(Protocol):
    """Who hears what becomes of a unit; called by the pool's thread, without its lock."""

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It has a result, packed."""

    def failed(self, failure: Sequence[object]) -> None:
        """Its function raised: a packed failure."""

    def ended(self, end: End, death: Death | None) -> None:
        """It ended without a result."""

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """A stream gave an item, packed."""

    def progressed(self, fraction: float, text: str) -> None:
        """It said how far it is."""

    def wrote(self, descriptor: int, text: str) -> None:
        """It wrote to its standard output (1) or error (2)."""


ODD = "cantor: it was ended, for it said what no worker says"
"""How the last line of a worker begins that did not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker process ended."""

    signal: int | None
    code: int | None
    stderr: str = ""
    at_start: bool = False

    def __str__(self) -> str:
        if self.signal is not None:
            return f"was killed by signal {self.signal}"
        return "could not be started" if self.code is None else f"ended with code {self.code}"


@dataclass(slots=True, eq=False)
class Gang:
    """Units that begin together or not at all; ``needs`` are those of all of them, added up."""

    units: list[Unit]
    needs: str = ""
    has_begun: bool = False

    @property
    def open(self) -> list[Unit]:
        """Those that have not ended."""
        return [unit for unit in self.units if not unit.has_ended]


@dataclass(slots=True, eq=False)
class Unit:
    """One call. ``deadline`` is on the pool's steady clock."""

    id: int
    code: Shipped
    body: bytes
    buffers: Sequence[Buffer]
    listener: Listener
    terms: Terms = PLAIN
    deadline: float | None = None
    attempt: int = 1
    seat: Seat | None = None
    has_ended: bool = False
    is_queued: bool = False
    """It waits for a worker."""
    holds: Ask | None = None
    """What was granted for this attempt."""
    worker: int = 0
    """The process in which it has ended,"""
    took_s: float = 0.0
    """and how long its function took there."""
    gang: Gang | None = None
    items_ahead: int = 0
    """Of its stream, in this attempt: that its caller has not taken."""
    kind: str = ""
    """What takes about the same time: calls of the same function or method."""

    def __post_init__(self) -> None:
        method = self.terms.method
        self.kind = f"{self.code.id}.{method}" if method else self.code.id

    @property
    def companions(self) -> list[Unit]:
        """What begins together with it, itself among them."""
        gang = self.gang
        return [self] if gang is None or gang.has_begun else gang.open

    @property
    def needs(self) -> str:
        """What must be granted before it begins; of a gang, what all need."""
        gang = self.gang
        return self.terms.needs if gang is None or gang.has_begun else gang.needs

    @property
    def memory_bytes(self) -> int | None:
        """How much memory it may take; None if that is not bound."""
        alone = self.holds if self.gang is None else None
        taken = None if alone is None else alone.taken.get("Memory")
        return self.terms.memory_bytes if taken is None else int(taken)

    @property
    def is_running(self) -> bool:
        """Whether its function has been called, as far as the pool knows."""
        seat = self.seat
        if seat is None or not seat.running:
            return False
        return self.terms.mode != PROCESS or seat.running[0] is self
