"""What a queue's store keeps: terms of queues, their messages, and what is written about them."""

from __future__ import annotations

import math
import zlib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE_NAME = "queues.db"
MESSAGES_MAX = 1_000_000
BYTES_MAX = 1 << 30
SPAN_MAX_S = 7 * 24 * 3600.0
"""Nothing is hidden, or delayed, for longer."""


@dataclass(frozen=True, slots=True)
class QueueTerms:
    """How a queue works; they are for its life."""

    durable: bool = True
    """Its messages are on the disk of its node before a put is acknowledged."""
    messages_max: int = 100_000
    bytes_max: int = 64 * 1024 * 1024
    visible_s: float = 30.0
    """Who took a message has so long to acknowledge it, then it comes again."""
    tries_max: int = 5
    """So often it is given out before it goes to the dead letters; 0: without end."""
    dead_letters: str = ""
    """The queue for what was tried in vain; without one it is dropped, and counted."""

    def check(self, name: str) -> None:
        """Look whether a queue can be so.

        Raises:
            ConfigError: it cannot.
        """
        for field in fields(self):
            told = getattr(self, field.name)
            kind = type(field.default)
            if type(told) is not kind and not (kind is float and type(told) is int):
                raise ConfigError(f"{field.name} is no {kind.__name__}", where=f"queue {name}")
        for what, most in (("messages_max", MESSAGES_MAX), ("bytes_max", BYTES_MAX)):
            if not 1 <= getattr(self, what) <= most:
                raise ConfigError(f"{what} is not from 1 to {most}", where=f"queue {name}")
        if not (math.isfinite(self.visible_s) and 0.1 <= self.visible_s <= SPAN_MAX_S):
            raise ConfigError(
                f"visible_s is not from 0.1 to {SPAN_MAX_S:.0f}", where=f"queue {name}"
            )
        if not 0 <= self.tries_max <= 1000:
            raise ConfigError("tries_max is not from 0 to 1000", where=f"queue {name}")
        if self.dead_letters == name:
            raise ConfigError("it cannot be its own dead letters", where=f"queue {name}")

    def as_value(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def terms_from(told: Mapping[str, Any], name: str) -> QueueTerms:
    """Terms as they were told, or written; what a newer version adds is left out.

    Raises:
        ConfigError: a queue cannot be so.
    """
    known = {field.name: told[field.name] for field in fields(QueueTerms) if field.name in told}
    terms = QueueTerms(**known)
    terms.check(name)
    return terms


@dataclass(frozen=True, slots=True)
class Stored:
    """A message. ``n`` grows with each put into any queue of its store; ``put_at`` is UTC seconds;
    ``source`` and ``why`` are of a dead letter: the queue that it was in, and what happened there.
    """

    n: int
    put_at: float
    body: bytes
    source: str = ""
    why: str = ""
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """Messages for a queue, to be hidden until then."""

    queue: int
    messages: list[Stored]
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Remove:
    """Messages that are there no more, and how many of them because they were dropped."""

    queue: int
    numbers: list[int]
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """A message that becomes a dead letter. ``body`` replaces its own, which was damaged."""

    queue: int
    n: int
    to: int
    new: int
    source: str
    why: str
    body: bytes | None = None


MAKE, DROP, PUT, REMOVE, MOVE, TRIED = range(6)
"""What is written, with what comes of it:

MAKE    name, QueueTerms                       the number of the queue
DROP    number of a queue                      None
PUT     Put                                    None
REMOVE  Remove                                 None
MOVE    Move                                   whether it was still there
TRIED   [(tries, take, until, n)]              None; also without any, so that time goes on
"""


@dataclass(slots=True)
class Part:
    """Something to write: one of the kinds above, and who hears what came of it."""

    kind: int
    content: Any
    tell: Callable[[Any], None] | None = None
    stays: bool = False
    size: int = 0
    """Only what stays takes room."""

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (its own, or a StoreError)
        """What came of it."""
        if self.tell is not None:
            self.tell(outcome)


@dataclass(frozen=True, slots=True)
class Kept:
    """A queue as the disk has it. ``tried`` are the messages that were given out, or wait for
    their time: n, size, tries, take, until.
    """

    number: int
    name: str
    terms: QueueTerms
    dropped: int
    count: int
    bytes: int
    last: int
    tried: list[tuple[int, int, int, int, float]]


def sum_of(queue: int, message: Stored) -> int:
    """Of all of a message that does not change: a disk may give back what it was not given."""
    head = f"{queue}\0{message.n}\0{message.put_at!r}\0{message.source}\0{message.why}"
    return zlib.crc32(message.body, zlib.crc32(head.encode()))
