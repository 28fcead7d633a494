"""What a task needs, as far as this machine alone can give it."""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from cantor.base.errors import NeedsError
from cantor.scheduling.needs import Needs, parse

if TYPE_CHECKING:
    from cantor.base.resources import Resource

_lock = threading.Lock()


@lru_cache(maxsize=1024)
def parsed(text: str) -> Needs:
    """The expression, with a Python warning for what is probably not meant.

    Raises:
        ConfigError: it does not follow the grammar; the message shows where.
    """
    needs = parse(text)
    for warning in needs.warnings:
        warnings.warn(str(warning), stacklevel=4)
    return needs


def taken_here(needs: Needs, name: str) -> dict[str, int | float]:
    """What the needs take of this machine, by quantity.

    Raises:
        NeedsError: this machine can never meet them; says what is missing.
    """
    if needs.expression is None:
        return {}
    resources = _resources()
    taken = needs.takes(resources)
    if taken is None:
        raise NeedsError(
            f"this machine can never meet its needs: {needs.explain(resources)}",
            where=name,
            remedy="change the needs, or run it where they can be met",
        )
    return taken


def _resources() -> tuple[Resource, ...]:
    with _lock:
        return _scan()


@lru_cache(maxsize=1)
def _scan() -> tuple[Resource, ...]:
    from cantor.node.hardware import load_inventory

    return tuple(load_inventory().scan()[1])
