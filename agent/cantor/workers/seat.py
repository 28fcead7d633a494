"""A worker as the queue sees it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.workers.units import Unit


@dataclass(slots=True, eq=False)
class Seat:
    """A worker process, the units that it was given, and what is known of it."""

    id: int
    running: deque[Unit] = field(default_factory=deque)
    begun: float = 0.0
    """When the first of them began."""
    is_ready: bool = False
    is_ending: bool = False
    """Killed or retired: it gets nothing more."""
    is_recalled: bool = False
    """Asked to give back what it has not begun, and has not answered yet."""
    is_long: bool = False
    """What it runs takes long: nothing more is given to wait behind it."""
    is_gone: bool = False
    """Its process has ended; what it still said is being heard."""
    is_leaving: bool = False
    """It gets nothing more, and ends when what it runs has ended."""
    parents: dict[int, int] = field(default_factory=dict)
    """Who of its units has submitted others, and how many of those have not ended."""
    units_run: int = 0
