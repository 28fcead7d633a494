"""A board's supply and reset, the same for every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import DeviceError
from hil_rig.backend import BROWN_OUT, POWER, RESET

if TYPE_CHECKING:
    from hil_rig.backend import Backend
    from hil_rig.console import Console
    from hil_rig.timeline import Timeline


class Power:
    """Switches the board; text that came before a switch counts as read."""

    def __init__(self, backend: Backend, console: Console, timeline: Timeline) -> None:
        self._backend = backend
        self._console = console
        self._timeline = timeline
        self.cuts = 0

    def can(self, ability: str) -> bool:
        """Whether the rig is able to do it: ``power``, ``reset`` or ``brown-out``."""
        return ability in self._backend.abilities

    def on(self) -> None:
        """Switch the supply on.

        Raises:
            DeviceError: the rig cannot, or its power switch failed.
        """
        self._need(POWER)
        self._console.forget()
        self._timeline.add("power", "on")
        self._backend.set_power(on=True)

    def off(self) -> None:
        """Cut the supply.

        Raises:
            DeviceError: as :meth:`on`.
        """
        self._need(POWER)
        self._timeline.add("power", "off")
        self._backend.set_power(on=False)
        self.cuts += 1

    def cycle(self, off_s: float = 0.5) -> None:
        """Cut the supply for so long and switch it on again.

        Raises:
            DeviceError: as :meth:`on`.
        """
        self.off()
        self._console.listen(off_s)
        self.on()

    def brown_out(self, seconds: float) -> None:
        """Let the supply dip for so long.

        Raises:
            DeviceError: the rig cannot.
        """
        self._need(BROWN_OUT)
        self._console.forget()
        self._timeline.add("power", f"dip of {seconds * 1000:g} ms")
        self._backend.brown_out(seconds)

    def reset(self) -> None:
        """Pull the reset line.

        Raises:
            DeviceError: the rig cannot.
        """
        self._need(RESET)
        self._console.forget()
        self._timeline.add("power", "reset")
        self._backend.reset()

    def _need(self, ability: str) -> None:
        if not self.can(ability):
            raise DeviceError(
                f"this rig has no control over {ability}",
                where=self._backend.where,
                remedy="say in the rig file how, or mark the test with rig_can",
            )
