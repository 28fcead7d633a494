"""A pseudo-terminal whose far end is a simulated board."""

from __future__ import annotations

import os
import pty
import select
import tty

PIECE_BYTES = 1024
"""A terminal's buffer holds 4095 bytes; more at once would be lost."""
_KERNEL_WITHIN_MS = 10_000


class Terminal:
    """The board's end; ``path`` is what a program opens as a serial port."""

    def __init__(self) -> None:
        self._board_end, port_end = pty.openpty()
        tty.setraw(port_end)
        self.path = os.ttyname(port_end)
        # Held open so that a program that comes late or leaves hangs nothing up.
        self._port_end = port_end
        os.set_blocking(self._board_end, False)

    @property
    def descriptor(self) -> int:
        """The board's end, to be polled."""
        return self._board_end

    def hang_up(self) -> None:
        """End it, as a board does that loses its power: the other side's reads fail."""
        os.close(self._board_end)
        os.close(self._port_end)

    def write(self, data: bytes) -> int:
        """Send what fits now; how many bytes that were."""
        try:
            return os.write(self._board_end, data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """What has come; empty if nothing has."""
        try:
            return os.read(self._board_end, PIECE_BYTES)
        except BlockingIOError:
            return b""

    def read_exactly(self, count: int) -> bytes:
        """So many bytes that were already sent; waits for the kernel to move them.

        Raises:
            OSError: the kernel did not move them.
        """
        data = bytearray()
        poll = select.poll()
        poll.register(self._board_end, select.POLLIN)
        while len(data) < count:
            if not poll.poll(_KERNEL_WITHIN_MS):
                message = f"the pseudo-terminal kept {count - len(data)} of {count} bytes"
                raise OSError(message)
            data += os.read(self._board_end, count - len(data))
        return bytes(data)
