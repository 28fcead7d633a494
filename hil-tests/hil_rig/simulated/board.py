"""The simulated board: boot log, shell, watchdog, framed protocol and settings in flash.

It is a core without I/O: bytes and times go in, bytes come out. Whoever drives it moves the time.
"""

from __future__ import annotations

import heapq
import random
from itertools import count
from typing import TYPE_CHECKING

from hil_rig.frames import AppFrame, Splitter, encode
from hil_rig.simulated.flash import SettingsFlash
from hil_rig.simulated.shell import LINE_BYTES_MAX, PROMPT, answer, run_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil_rig.rig_file import SimulatedSpec

HOLD_UP_S = 0.004
"""A dip of the supply that the board's capacitors bridge."""
_RAM_HOLDS_S = 0.2
_PIECE_BYTES = 16
_BITS_PER_BYTE = 10


class SimulatedBoard:
    """One board; its flash and its seed outlive power cuts. All times in seconds."""

    def __init__(self, spec: SimulatedSpec, seed: int) -> None:
        self.spec = spec
        self.random = random.Random(seed)  # noqa: S311 # reproducible timing, not a secret
        self.flash = SettingsFlash(in_place="settings-in-place" in spec.defects)
        self.settings: dict[str, str] = {}
        self.led = False
        self.powered = False
        self.ready = False
        self.hung = False
        self.now_s = 0.0
        self.started_s = 0.0
        self.splitter = Splitter()
        self._run = 0
        self._events: list[tuple[float, int, int, Callable[[], None]]] = []
        self._order = count()
        self._out = bytearray()
        self._line = bytearray()
        self._transmit_free_s = 0.0

    def next_event_s(self) -> float | None:
        """When something happens by itself; None if nothing will."""
        while self._events and self._events[0][2] != self._run:
            heapq.heappop(self._events)
        return self._events[0][0] if self._events else None

    def advance(self, now_s: float) -> bytes:
        """Let the time pass until ``now_s``; what the board sent in it."""
        while (event_s := self.next_event_s()) is not None and event_s <= now_s:
            self.now_s = max(self.now_s, event_s)
            heapq.heappop(self._events)[3]()
        self.now_s = max(self.now_s, now_s)
        out = bytes(self._out)
        self._out.clear()
        return out

    def set_power(self, *, on: bool) -> None:
        """Switch the supply; what was not yet in flash is lost."""
        if on == self.powered:
            return
        self.powered = on
        self._stop()
        if on:
            self._boot("power-on")

    def brown_out(self, seconds: float) -> None:
        """Let the supply dip: short ones pass, longer ones reset the board."""
        if self.powered and seconds > HOLD_UP_S:
            self.restart("brown-out" if seconds <= _RAM_HOLDS_S else "power-on")

    def restart(self, reason: str) -> None:
        """Reset the processor; the flash stays, also in the middle of a write."""
        if self.powered:
            self._stop()
            self._boot(reason)

    def receive(self, data: bytes) -> None:
        """Bytes on its line; a board that is off, starting or hung does not hear them."""
        if not self.ready or self.hung:
            return
        text, frames = self.splitter.feed(data, self.now_s)
        deaf = self.splitter.damaged and "deaf-after-noise" in self.spec.defects
        for frame in frames:
            reply = None if deaf else answer(self, frame)
            if reply is not None:
                self.send_frame(reply)
        for byte in text:
            self._key(byte)

    def say(self, text: str) -> None:
        """Send text at the line's speed."""
        self._transmit(text.replace("\n", "\r\n").encode())

    def send_frame(self, frame: AppFrame) -> None:
        """Send one frame at the line's speed."""
        self._transmit(encode(frame))

    def hang(self) -> None:
        """Stop doing anything, as firmware in an endless loop does."""
        self.hung = True
        if "no-watchdog" not in self.spec.defects:
            self._after(self.spec.watchdog_s, lambda: self.restart("watchdog"))

    def store(self, settings: dict[str, str], done: Callable[[], None]) -> None:
        """Write settings page by page; ``done`` when the last page is in flash.

        Raises:
            ValueError: they do not fit.
        """
        steps = self.flash.write_steps(settings)
        for index, step in enumerate(steps):
            self._after(self.spec.write_s * (index + 1) / len(steps), step)

        def finished() -> None:
            self.settings = settings
            done()

        self._after(self.spec.write_s, finished)

    def _boot(self, reason: str) -> None:
        self.started_s = self.now_s
        share = self.spec.boot_s * (10 if "slow-boot" in self.spec.defects else 1)
        torn = self.flash.torn()
        number, self.settings = self.flash.read()
        lines = [
            (0.10, f"boot cantor-sim reset={reason}"),
            (0.30, f"flash: settings number {number}, torn {torn}"),
            (0.60, f"watchdog: {self.spec.watchdog_s:g} s"),
            (0.90, f"app {self.spec.version} ready"),
        ]
        for part, line in lines:
            moment = share * part * self.random.uniform(0.9, 1.05)
            self._after(moment, lambda line=line: self._log(line))  # type: ignore[misc] # bound now
        if "boot-loop" in self.spec.defects:
            self._after(share, self._crash)
        else:
            self._after(share, self._become_ready)

    def _log(self, line: str) -> None:
        self.say(f"[{self.now_s - self.started_s:8.3f}] {line}\n")

    def _become_ready(self) -> None:
        self.ready = True
        self.say(PROMPT)

    def _crash(self) -> None:
        self._log("panic: stack overflow in task main")
        self._after(0.01, lambda: self.restart("crash"))

    def _key(self, byte: int) -> None:
        if byte in b"\r\n":
            line, self._line = self._line.decode("ascii", "replace"), bytearray()
            self.say("\n")
            run_command(self, line)
        elif len(self._line) < LINE_BYTES_MAX:
            self._line.append(byte)
            self._transmit(bytes((byte,)))

    def _stop(self) -> None:
        self._run += 1
        self.ready = self.hung = self.led = False
        self._line.clear()
        self.splitter = Splitter()
        self._transmit_free_s = self.now_s

    def _transmit(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE_BYTES):
            piece = data[at : at + _PIECE_BYTES]
            seconds = len(piece) * _BITS_PER_BYTE / self.spec.baud
            self._transmit_free_s = max(self._transmit_free_s, self.now_s) + seconds
            self._at(self._transmit_free_s, lambda piece=piece: self._out.extend(piece))  # type: ignore[misc] # bound now

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._at(self.now_s + seconds, action)

    def _at(self, moment_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment_s, next(self._order), self._run, action))
