"""Resources that code gives to the node it runs on.

cantor.resources.advertise("Detectron2")              # Detectron2 == 1
cantor.resources.advertise("Licence", units=4)        # Licence = 1 takes one of four
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.node.control import ask
from cantor.node.folder import asked_folder

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.base.resources import ResourceValue
    from cantor.wire.frame import Value


def advertise(
    name: str,
    value: ResourceValue = True,
    *,
    units: float | None = None,
    folder: Path | None = None,
) -> None:
    """Let the agent of this machine say that it has a resource, until it ends.

    With ``units`` it is a quantity of so many, else a condition with ``value``. ``folder`` is the
    agent's, the user's own by default.

    Raises:
        UnavailableError: no agent runs here.
        ConfigError: the name or the value cannot be one of a resource.
    """
    kind = "condition" if units is None else "quantity"
    _say({"name": name, "kind": kind, "value": value if units is None else units}, folder)


def withdraw(name: str, *, folder: Path | None = None) -> None:
    """Take back what was advertised under a name.

    Raises:
        UnavailableError: no agent runs here.
    """
    _say({"name": name, "value": None}, folder)


def _say(args: dict[str, Value], folder: Path | None) -> None:
    asyncio.run(ask(folder or asked_folder(), "resources.advertise", args))
