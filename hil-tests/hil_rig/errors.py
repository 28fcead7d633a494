"""What goes wrong with a board: each error says what was expected and what came instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES_SHOWN = 12


class BoardSilentError(DeviceError):
    """The board did not say what was expected before the deadline."""

    def __init__(
        self, expected: str, within_s: float, came: str, lines: Sequence[str], where: str
    ) -> None:
        """``came``: what was not matched yet; ``lines``: the console's last lines."""
        self.expected = expected
        self.came = came
        self.lines = tuple(lines[-LINES_SHOWN:])
        got = f"came {came[-200:]!r}" if came else "nothing came"
        heard = "\n    ".join(self.lines)
        tail = f"\n  last lines:\n    {heard}" if heard else "; the console was silent all along"
        super().__init__(
            f"expected {expected!r} within {within_s:g} s, {got}{tail}",
            where=where,
            remedy="check power, wiring and baud rate; a higher deadline belongs into the rig file",
        )


class BootLoopError(DeviceError):
    """The board starts again and again and never comes to its prompt."""

    def __init__(self, starts: int, seconds: float, lines: Sequence[str], where: str) -> None:
        self.starts = starts
        heard = "\n    ".join(lines[-LINES_SHOWN:])
        super().__init__(
            f"started {starts} times in {seconds:.2f} s without its prompt\n"
            f"  last lines:\n    {heard}",
            where=where,
            remedy="read its reason of reset above: supply, watchdog or a crash while starting",
        )


class PortGoneError(DeviceError):
    """The port hung up: the board lost power, or its cable."""


class FaultIdleError(DeviceError):
    """A fault was armed and never fired, so that the test proved nothing."""
