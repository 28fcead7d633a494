"""A real board on a serial port, switched by commands and reset by a modem line."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

from cantor.base.clock import SystemClock
from cantor.base.errors import DeviceError
from hil_rig.backend import POWER, RESET
from hil_rig.errors import PortGoneError
from hil_rig.serial_line import SerialLine

if TYPE_CHECKING:
    from hil_rig.rig_file import SerialSpec

RETRY_S = 0.02
"""How often a port that went away is looked for; its device node appears without a signal."""
_OUTPUT_SHOWN = 200


class SerialBackend:
    """The board behind one port of this box."""

    def __init__(self, spec: SerialSpec) -> None:
        self._spec = spec
        self._line = SerialLine(spec.port, spec.baud)
        self._pause = threading.Event()
        self.clock = SystemClock()

    @property
    def abilities(self) -> frozenset[str]:
        """Power with commands, reset with a line."""
        able = {POWER} if self._spec.power_on else set()
        return frozenset(able | ({RESET} if self._spec.reset_line != "none" else set()))

    @property
    def where(self) -> str:
        """The port's path."""
        return self._spec.port

    def open(self) -> None:
        """Take the port; switch the board on first, as its port may live on its power.

        Raises:
            DeviceError: the port is missing, busy or not allowed, or a power command failed.
        """
        if POWER not in self.abilities:
            self._line.open()
            return
        self.set_power(on=True)
        self._open_within(self._spec.power_within_s)

    def close(self) -> None:
        """Let the port go; the board stays as it is."""
        self._line.close()

    def read(self, until_s: float) -> bytes:
        """What came by then; a port that is gone is looked for until then."""
        while True:
            left_s = until_s - self.clock.monotonic()
            if left_s <= 0:
                return b""
            try:
                if not self._line.is_open:
                    self._line.open()
                return self._line.read(left_s)
            except DeviceError:
                self._pause.wait(min(RETRY_S, left_s))

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            PortGoneError: the port hung up.
        """
        self._line.write(data)

    def set_power(self, *, on: bool) -> None:
        """Run the command that switches the supply.

        Raises:
            DeviceError: it failed, or took too long.
        """
        command = self._spec.power_on if on else self._spec.power_off
        where = f"{self._spec.port}: {' '.join(command)}"
        try:
            done = subprocess.run(  # noqa: S603 # the person who owns the rig wrote it, no shell
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._spec.power_within_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            what = f"did not end within {self._spec.power_within_s:g} s"
            raise DeviceError(what, where=where, remedy="run it by hand") from error
        except OSError as error:
            what = f"cannot be run: {error.strerror}"
            raise DeviceError(what, where=where, remedy="correct it in the rig file") from error
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-_OUTPUT_SHOWN:]
            what = f"ended with {done.returncode}: {said or 'it said nothing'}"
            raise DeviceError(what, where=where, remedy="run it by hand")

    def reset(self) -> None:
        """Pull the reset line for as long as the rig file says.

        Raises:
            DeviceError: the port has no such line.
        """
        self._line.set_line(self._spec.reset_line, active=True)
        self._pause.wait(self._spec.reset_s)
        with contextlib.suppress(PortGoneError):
            self._line.set_line(self._spec.reset_line, active=False)

    def brown_out(self, seconds: float) -> None:
        """No real rig of this kind can do it.

        Raises:
            DeviceError: always.
        """
        raise DeviceError(f"cannot make a dip of {seconds:g} s", where=self._spec.port)

    def _open_within(self, seconds: float) -> None:
        deadline_s = self.clock.monotonic() + seconds
        while True:
            try:
                self._line.open()
            except DeviceError:
                if self.clock.monotonic() >= deadline_s:
                    raise
                self._pause.wait(RETRY_S)
            else:
                return
