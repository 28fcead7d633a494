"""What nodes say to each other about chunks of a blob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire.frame import Buffer


@dataclass(frozen=True, slots=True)
class Ask:
    """Give me that chunk; I have tried these nodes in vain."""

    blob: str
    chunk: int
    tried: tuple[NodeId, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Here it is."""

    blob: str
    chunk: int
    data: Buffer


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """I gave it to these nodes: ask them, or me again and say that you have."""

    blob: str
    chunk: int
    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Soon:
    """I am getting it myself, and give it to you then."""

    blob: str
    chunk: int


@dataclass(frozen=True, slots=True)
class Absent:
    """I do not have it, and am not getting it."""

    blob: str
    chunk: int


Answer = Chunk | Elsewhere | Soon | Absent
