"""The simulated board in real time on a pseudo-terminal, for rigs of the backend ``serial``.

A link leads to the port while the board has power, as a USB board's device node does. Lines
written into a control pipe switch it: ``on``, ``off``, ``reset``, ``brown-out``.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from hil_rig.simulated.board import SimulatedBoard
from hil_rig.simulated.terminal import PIECE_BYTES, Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from hil_rig.rig_file import SimulatedSpec

DIP_S = 0.05
_IDLE_MS = 60_000
_CONTROL_BYTES_MAX = 4096


class ServedBoard:
    """Serves one board from :meth:`serve` until :meth:`stop`, which any thread may call."""

    def __init__(self, spec: SimulatedSpec, seed: int, link: Path, control: Path) -> None:
        """Make the control pipe.

        Raises:
            ConfigError: ``link`` or ``control`` is already there, or cannot be made.
        """
        for path in (link, control):
            if os.path.lexists(path):
                raise ConfigError("is already there", where=str(path), remedy="name a new path")
        self._board = SimulatedBoard(spec, seed)
        self._link = link
        self._control = control
        self._terminal: Terminal | None = None
        try:
            os.mkfifo(control, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot be made: {error.strerror}", where=str(control)) from error
        # Open for both, so that a writer that leaves does not end the pipe.
        self._control_end = os.open(control, os.O_RDWR | os.O_NONBLOCK)
        self._stop = threading.Event()
        self._begin_s = time.monotonic()

    def stop(self) -> None:
        """End :meth:`serve`."""
        self._stop.set()
        with contextlib.suppress(OSError):
            os.write(self._control_end, b"\n")

    def serve(self) -> None:
        """Switch the board on and serve it."""
        try:
            self._obey("on")
            while not self._stop.is_set():
                self._turn()
        finally:
            self._obey("off")
            os.close(self._control_end)
            self._control.unlink(missing_ok=True)

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self._control_end, select.POLLIN)
        if self._terminal is not None:
            poll.register(self._terminal.descriptor, select.POLLIN)
        event_s = self._board.next_event_s()
        wait_ms = _IDLE_MS if event_s is None else max(0.0, event_s - self._now_s()) * 1000
        ready = {descriptor for descriptor, _ in poll.poll(wait_ms)}
        self._let_time_pass()
        if self._terminal is not None and self._terminal.descriptor in ready:
            self._board.receive(self._terminal.read())
        if self._control_end in ready:
            words = os.read(self._control_end, _CONTROL_BYTES_MAX).decode("ascii", "replace")
            for word in words.split():
                self._obey(word)

    def _obey(self, word: str) -> None:
        self._let_time_pass()
        if word == "on" and self._terminal is None:
            self._terminal = Terminal()
            self._board.set_power(on=True)
            self._link.symlink_to(self._terminal.path)
        elif word == "off" and self._terminal is not None:
            self._board.set_power(on=False)
            self._link.unlink(missing_ok=True)
            self._terminal.hang_up()
            self._terminal = None
        elif word == "reset":
            self._board.restart("pin")
        elif word == "brown-out":
            self._board.brown_out(DIP_S)

    def _let_time_pass(self) -> None:
        said = self._board.advance(self._now_s())
        if self._terminal is None:
            return
        for at in range(0, len(said), PIECE_BYTES):
            # With nobody listening the buffer fills up; like a real line, the rest is lost.
            self._terminal.write(said[at : at + PIECE_BYTES])

    def _now_s(self) -> float:
        return time.monotonic() - self._begin_s
