"""``--needs EXPRESSION`` of verbs that list nodes: who satisfies it, and why nobody does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cantor.base.errors import NeedsError
from cantor.scheduling.kinds import check_kinds
from cantor.scheduling.reach import Place, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.node.view import NodeView
    from cantor.scheduling.needs import Needs

NOT_NOW = 1
"""The exit code where no node satisfies the expression now, but one may."""


def check_needs(text: str, needs: Needs, views: Sequence[NodeView]) -> None:
    """Hold ``needs``, which a person wrote as ``text``, against what these nodes have.

    Raises:
        ConfigError: a condition does not fit its resource; the message points at the column.
        NeedsError: no node can ever meet it.
    """
    check_kinds(text, needs, [one for view in views for one in view.resources])
    places = [Place(view.name, view.resources, view.labels) for view in views]
    if why := missing(needs, places):
        remedy = "ask for less, or add what is missing (cantor agent --resource NAME=UNITS)"
        raise NeedsError(f"no node can ever meet it: {why}", where="--needs", remedy=remedy)


def fitting(needs: Needs, views: Sequence[NodeView]) -> list[NodeView]:
    """The nodes that satisfy it now, as far as this node knows; all of them if nothing is asked."""
    if needs.expression is None:
        return list(views)
    return [v for v in views if v.is_alive and needs.satisfied_by(v.free(), v.labels)]


def not_now() -> int:
    """Tell that it may be met one day; the exit code."""
    print("cantor: --needs: no node has so much free now", file=sys.stderr)
    return NOT_NOW
