"""Who knows where whom is at the beginning of a simulation, by the places of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def circle(nodes: int) -> Callable[[int], Iterable[int]]:
    """Each node knows those beside it on a circle, and those a third of the way round."""
    steps = (1, -1, nodes // 3 + 1, -(nodes // 3 + 1))
    return lambda place: [(place + step) % nodes for step in steps]


def row(nodes: int) -> Callable[[int], Iterable[int]]:
    """Each node knows those beside it in a row."""
    return lambda place: [other for other in (place - 1, place + 1) if 0 <= other < nodes]


def everybody(nodes: int) -> Callable[[int], Iterable[int]]:
    """Each node knows all the others."""
    return lambda place: [other for other in range(nodes) if other != place]
