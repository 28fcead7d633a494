"""What a task needs, as far as this machine alone can give it."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from cantor.base.errors import NeedsError
from cantor.scheduling.expression import conditions
from cantor.scheduling.grants.stock import Stock
from cantor.scheduling.needs import Needs, parse
from cantor.workers.grants import MachineGrants

if TYPE_CHECKING:
    from cantor.scheduling.grants.stock import Have


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


def check(needs: Needs, name: str) -> None:
    """Refuse needs that this machine cannot meet even when all of it is free.

    Raises:
        NeedsError: says what is missing.
    """
    if needs.expression is None:
        return
    stock = Stock()
    stock.have = machine()
    if why := stock.never(needs):
        raise NeedsError(
            f"this machine can never meet its needs: {why}",
            where=name,
            remedy="change the needs, or run it where they can be met",
        )


def counted(needs: Needs) -> bool:
    """Whether they take or test units of a quantity: then they are looked at when it begins."""
    if needs.expression is None:
        return False
    quantities = {one.name for one in machine().resources if one.kind == "quantity"}
    return any(leaf.name.text in quantities for leaf in conditions(needs.expression))


def memory_taken(needs: Needs) -> int | None:
    """The memory in bytes that they take of this machine, if any."""
    taken = None if needs.expression is None else needs.takes(machine().resources)
    memory = None if taken is None else taken.get("Memory")
    return None if memory is None else int(memory)


@lru_cache(maxsize=1)
def machine() -> Have:
    """What this machine has."""
    from cantor.node.grants.offers import stock_of
    from cantor.node.hardware import load_inventory

    return stock_of(*load_inventory().scan(), {})


grants = MachineGrants(machine)
"""What the tasks of this process take of the machine, in whichever pool they run."""
