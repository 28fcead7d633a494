"""One serial port, opened for this rig alone."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError, DeviceError
from hil_rig.errors import PortGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_BYTES_MAX = 4096
WRITE_WITHIN_S = 5.0

_REASONS = {
    errno.ENOENT: ("there is no such port", "plug the board in; cantor device list names ports"),
    errno.EACCES: ("this user may not open it", "add the user to the port's group (dialout)"),
    errno.EAGAIN: ("another program holds it", "end the other run or terminal on this port"),
    errno.EBUSY: ("another program holds it", "end the other run or terminal on this port"),
}


class SerialLine:
    """A port that tells apart what a person can mend: missing, busy, not allowed, gone."""

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self._baud = baud
        self._serial: Any = None

    @property
    def is_open(self) -> bool:
        """Whether the port is held now."""
        return self._serial is not None

    def open(self) -> None:
        """Take the port for this process alone.

        Raises:
            DeviceError: it is missing, busy, not allowed, or no serial port.
            ConfigError: pyserial is not installed.
        """
        try:
            import serial
        except ImportError as error:
            raise ConfigError(
                "needs pyserial", where=self.port, remedy='pip install "cantor-edge[bridge]"'
            ) from error
        try:
            self._serial = serial.Serial(
                self.port, self._baud, exclusive=True, timeout=0, write_timeout=WRITE_WITHIN_S
            )
        except (serial.SerialException, OSError) as error:
            what, remedy = _REASONS.get(
                error.errno or 0, (f"cannot be opened as a serial port: {error}", "")
            )
            raise DeviceError(what, where=self.port, remedy=remedy) from error

    def close(self) -> None:
        """Let the port go; harmless if it is not held."""
        held, self._serial = self._serial, None
        if held is not None:
            with contextlib.suppress(OSError):
                held.close()

    def read(self, wait_s: float) -> bytes:
        """What came within ``wait_s``.

        Raises:
            PortGoneError: the port hung up.
        """
        with self._held() as held:
            held.timeout = max(0.0, wait_s)
            data = bytes(held.read(1))
            held.timeout = 0
            return data + bytes(held.read(READ_BYTES_MAX)) if data else data

    def write(self, data: bytes) -> None:
        """Send all bytes.

        Raises:
            PortGoneError: the port hung up.
        """
        with self._held() as held:
            held.write(data)

    def set_line(self, name: str, *, active: bool) -> None:
        """Drive ``dtr`` or ``rts``.

        Raises:
            DeviceError: the port has no such line.
        """
        try:
            with self._held() as held:
                setattr(held, name, active)
        except PortGoneError as error:
            raise DeviceError(
                f"cannot drive its line {name}", where=self.port, remedy=str(error.__cause__ or "")
            ) from error

    @contextlib.contextmanager
    def _held(self) -> Iterator[Any]:
        if self._serial is None:
            raise PortGoneError("is not open", where=self.port, remedy="is the board powered?")
        try:
            yield self._serial
        except OSError as error:  # pyserial's own errors are OSErrors too
            self.close()
            raise PortGoneError(
                "hung up", where=self.port, remedy="is the board powered and its cable plugged in?"
            ) from error
