"""What stands behind a rig: the one interface of simulated and real boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from cantor.base.clock import Clock
    from hil_rig.rig_file import RigSpec

POWER = "power"
RESET = "reset"
BROWN_OUT = "brown-out"
ABILITIES = (POWER, RESET, BROWN_OUT)


class Backend(Protocol):
    """A board that can be talked to, and perhaps switched and reset. Times in seconds."""

    @property
    def clock(self) -> Clock:
        """The time in which deadlines count: simulated boards bring their own."""

    @property
    def abilities(self) -> frozenset[str]:
        """What this rig can do to its board, of :data:`ABILITIES`."""

    @property
    def where(self) -> str:
        """The port, for messages."""

    def open(self) -> None:
        """Take the port.

        Raises:
            DeviceError: it is missing, busy or not allowed.
        """

    def close(self) -> None:
        """Let the port and the board go."""

    def read(self, until_s: float) -> bytes:
        """What came; waits at most until the clock shows ``until_s``, then returns ``b""``.

        While the port is gone nothing comes, and the port is taken again when it is back.
        """

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            PortGoneError: the port hung up.
        """

    def set_power(self, *, on: bool) -> None:
        """Switch the board's supply. Only with the ability ``power``."""

    def reset(self) -> None:
        """Pull the board's reset line. Only with the ability ``reset``."""

    def brown_out(self, seconds: float) -> None:
        """Let the supply dip for so long. Only with the ability ``brown-out``."""


def make_backend(spec: RigSpec, seed: int) -> Backend:
    """The backend that a rig file names."""
    if spec.simulated is not None:
        from hil_rig.simulated.backend import SimulatedBackend

        return SimulatedBackend(spec.simulated, seed)
    if spec.serial is None:
        raise ConfigError("has neither a simulated nor a serial board", where=spec.name)
    from hil_rig.serial_backend import SerialBackend

    return SerialBackend(spec.serial)
