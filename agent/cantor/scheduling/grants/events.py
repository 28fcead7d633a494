"""What happens to an owner of quantities, and what it wants done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cantor.scheduling.grants.records import Release, Renew, Reserve
from cantor.scheduling.grants.stock import Have

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.journal import Record
    from cantor.scheduling.grants.records import Answer, Lease


@dataclass(frozen=True, slots=True)
class Written:
    """Every record up to this number is on the disk."""

    number: int


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """The records up to this number that are not known to be on the disk are not."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A holder says that it holds this: an owner that has lost its journal takes it down again."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Counted:
    """All that the owner had granted is known again: it need not wait."""


Event: TypeAlias = (
    Have | Reserve | Renew | Release | Written | WriteFailed | Tick | Recalled | Counted
)


@dataclass(frozen=True, slots=True)
class Write:
    """Append a record; answer with :class:`Written` or :class:`WriteFailed`."""

    number: int
    record: Record


@dataclass(frozen=True, slots=True)
class Tell:
    """Answer a holder."""

    holder: NodeId
    answer: Answer


@dataclass(frozen=True, slots=True)
class Changed:
    """What is free, or who holds it, has changed."""


Effect: TypeAlias = Write | Tell | Changed
