"""The filter types that a command line knows: those of this installation, and those pushed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.node.control import ask
from galaxy.described import pushed_types
from galaxy.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

CALL = "filter.pushed"
ASK_S = 5.0


def known_types(folder: Path) -> Registry:
    """With the types that the agent of this box knows to be pushed; without one, none of those."""
    registry = Registry.default()
    try:
        registry.set_pushed(pushed_types(asyncio.run(ask(folder, CALL, {}, timeout_s=ASK_S))))
    except CantorError:
        return registry  # no agent answers here: what needs one says so itself
    return registry
