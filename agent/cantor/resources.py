"""Resources that code gives to the node it runs on, as long as it runs.

cantor.resources.advertise("Detectron2")              # Detectron2 == 1
cantor.resources.advertise("Licence", units=4)        # Licence = 1 takes one of four
cantor.resources.advertise("Scratch", units="8GiB")   # Scratch = 2GiB takes a quarter

with cantor.resources.advertise("Detectron2"):        # while this block runs
    ...
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.node.control import ask
from cantor.node.folder import asked_folder

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.base.resources import ResourceValue
    from cantor.wire.frame import Value


@dataclass(frozen=True, slots=True)
class Advertised:
    """What was advertised; as a context manager it is withdrawn at the end of the block."""

    name: str
    folder: Path | None = None

    def __enter__(self) -> Advertised:
        return self

    def __exit__(self, *_: object) -> None:
        self.withdraw()

    def withdraw(self) -> None:
        """Take it back.

        Raises:
            UnavailableError: no agent runs here.
        """
        withdraw(self.name, folder=self.folder)


def advertise(
    name: str,
    value: ResourceValue = True,
    *,
    units: float | str | None = None,
    stays: bool = False,
    folder: Path | None = None,
) -> Advertised:
    """Let the agent of this machine say that it has a resource, until this process ends.

    With ``units``, a number or a size such as ``"8GiB"``, it is a quantity of so many, else a
    condition with ``value``. Quantities that several processes advertise add up. ``stays``: until
    the agent ends, not this process. ``folder`` is the agent's, the user's own by default.

    Raises:
        UnavailableError: no agent runs here.
        ConfigError: the name or the value cannot be one of a resource.
    """
    kind = "condition" if units is None else "quantity"
    given = value if units is None else units
    _say({"name": name, "kind": kind, "value": given, "stays": stays}, folder)
    return Advertised(name, folder)


def withdraw(name: str, *, folder: Path | None = None) -> None:
    """Take back what this process advertised under a name, or what stays.

    Raises:
        UnavailableError: no agent runs here.
    """
    _say({"name": name, "value": None}, folder)


def _say(args: dict[str, Value], folder: Path | None) -> None:
    asyncio.run(ask(folder or asked_folder(), "resources.advertise", args))
