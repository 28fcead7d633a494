"""The simulated board behind a real pseudo-terminal, in simulated time.

The board moves only while the driver waits: same seed, same run, and no second of real waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil_rig.backend import ABILITIES
from hil_rig.errors import PortGoneError
from hil_rig.serial_line import SerialLine
from hil_rig.simulated.board import SimulatedBoard
from hil_rig.simulated.terminal import PIECE_BYTES, Terminal

if TYPE_CHECKING:
    from hil_rig.rig_file import SimulatedSpec

_KERNEL_WITHIN_S = 10.0


class SteppedClock:
    """A clock that somebody else moves; it begins at 0."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        """Simulated seconds."""
        return self._now_s

    def wall(self) -> float:
        """The same: a simulated board begins in 1970, as real ones do."""
        return self._now_s

    def move_to(self, now_s: float) -> None:
        """Let the time pass; it never goes back."""
        self._now_s = max(self._now_s, now_s)


class SimulatedBackend:
    """A backend whose board is a program; it can do everything to it."""

    def __init__(self, spec: SimulatedSpec, seed: int) -> None:
        self.board = SimulatedBoard(spec, seed)
        self.clock = SteppedClock()
        self._baud = spec.baud
        self._terminal: Terminal | None = None
        self._line: SerialLine | None = None
        self._pending = bytearray()

    @property
    def abilities(self) -> frozenset[str]:
        """Everything."""
        return frozenset(ABILITIES)

    @property
    def where(self) -> str:
        """The pseudo-terminal, while the board has power."""
        return f"simulated board at {self._line.port if self._line else 'no port'}"

    def open(self) -> None:
        """Nothing to take: the port appears with power."""

    def close(self) -> None:
        """Take the power away."""
        self.set_power(on=False)

    def read(self, until_s: float) -> bytes:
        """What the board says next; the time moves to that moment, at most to ``until_s``."""
        while True:
            if self._pending:
                return self._through_the_terminal()
            event_s = self.board.next_event_s()
            if event_s is None or event_s > until_s:
                self.clock.move_to(until_s)
                self._advance()
                if not self._pending:
                    return b""
            else:
                self.clock.move_to(event_s)
                self._advance()

    def write(self, data: bytes) -> None:
        """Send bytes through the pseudo-terminal.

        Raises:
            PortGoneError: the board has no power.
        """
        if self._line is None or self._terminal is None:
            raise PortGoneError("is gone", where=self.where, remedy="switch the board on first")
        self._advance()
        for at in range(0, len(data), PIECE_BYTES):
            piece = data[at : at + PIECE_BYTES]
            self._line.write(piece)
            self.board.receive(self._terminal.read_exactly(len(piece)))

    def set_power(self, *, on: bool) -> None:
        """Switch it; off hangs the pseudo-terminal up."""
        self._advance()
        if on and self._terminal is None:
            self._terminal = Terminal()
            self._line = SerialLine(self._terminal.path, self._baud)
            self._line.open()
        elif not on and self._terminal is not None and self._line is not None:
            self._terminal.hang_up()
            self._line.close()
            self._terminal = self._line = None
            self._pending.clear()
        self.board.set_power(on=on)

    def reset(self) -> None:
        """Reset the processor by its pin."""
        self._advance()
        self.board.restart("pin")

    def brown_out(self, seconds: float) -> None:
        """Let the supply dip."""
        self._advance()
        self.board.brown_out(seconds)

    def _advance(self) -> None:
        self._pending += self.board.advance(self.clock.monotonic())

    def _through_the_terminal(self) -> bytes:
        piece = bytes(self._pending[:PIECE_BYTES])
        del self._pending[: len(piece)]
        if self._terminal is None or self._line is None:
            return b""
        self._terminal.write(piece)
        moved = bytearray()
        while len(moved) < len(piece):
            data = self._line.read(_KERNEL_WITHIN_S)
            if not data:
                raise PortGoneError("swallowed bytes", where=self._line.port)
            moved += data
        return bytes(moved)
