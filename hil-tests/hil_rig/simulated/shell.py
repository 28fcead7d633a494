"""What the simulated board's firmware answers: commands of its shell, and frames."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol

from hil_rig.frames import AppFrame, Kind

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from hil_rig.frames import Splitter
    from hil_rig.rig_file import SimulatedSpec

PROMPT = "sim> "
LINE_BYTES_MAX = 120


class Firmware(Protocol):
    """What commands see of the board."""

    spec: SimulatedSpec
    random: random.Random
    settings: dict[str, str]
    led: bool
    now_s: float
    started_s: float
    splitter: Splitter

    def say(self, text: str) -> None:
        """Send text."""

    def hang(self) -> None:
        """Stop doing anything."""

    def restart(self, reason: str) -> None:
        """Reset the processor."""

    def store(self, settings: dict[str, str], done: Callable[[], None]) -> None:
        """Write settings; ValueError if they do not fit."""


def run_command(board: Firmware, line: str) -> None:
    """Run one line and print the prompt, unless the command keeps it back."""
    words = line.split()
    if not words:
        board.say(PROMPT)
        return
    command = _COMMANDS.get(words[0])
    if command is None:
        board.say(f"error: unknown command {words[0][:20]!r}, say help\n{PROMPT}")
        return
    if command(board, words[1:]):
        board.say(PROMPT)


def answer(board: Firmware, frame: AppFrame) -> AppFrame | None:
    """The answer to a frame; None if it asks nothing that this firmware knows."""
    if frame.kind == Kind.PING:
        payload = frame.payload
    elif frame.kind == Kind.TEMPERATURE:
        payload = struct.pack("<f", _temperature(board))
    elif frame.kind == Kind.UPTIME:
        payload = struct.pack("<I", round((board.now_s - board.started_s) * 1000))
    else:
        return None
    return AppFrame(frame.kind | Kind.ANSWER, frame.number, payload)


def _temperature(board: Firmware) -> float:
    warmed = 1 - 1 / (1 + (board.now_s - board.started_s))
    return 21.0 + 6.0 * warmed + board.random.gauss(0, 0.05)


def _help(board: Firmware, _words: Sequence[str]) -> bool:
    board.say(" ".join(_COMMANDS) + "\n")
    return True


def _version(board: Firmware, _words: Sequence[str]) -> bool:
    board.say(f"version {board.spec.version}\n")
    return True


def _temp(board: Firmware, _words: Sequence[str]) -> bool:
    board.say(f"temp {_temperature(board):.2f} C\n")
    return True


def _led(board: Firmware, words: Sequence[str]) -> bool:
    if list(words) in (["on"], ["off"]):
        board.led = words[0] == "on"
    board.say(f"led {'on' if board.led else 'off'}\n")
    return True


def _get(board: Firmware, words: Sequence[str]) -> bool:
    for key in words or board.settings:
        board.say(f"{key}={board.settings.get(key, '')}\n")
    return True


def _set(board: Firmware, words: Sequence[str]) -> bool:
    pairs = [word.partition("=") for word in words]
    if not pairs or not all(key and equals for key, equals, _ in pairs):
        board.say("error: say set KEY=VALUE ...\n")
        return True
    changed = board.settings | {key: value for key, _, value in pairs}
    try:
        board.store(changed, lambda: board.say(f"ok\n{PROMPT}"))
    except ValueError as error:
        board.say(f"error: {error}\n")
        return True
    return False


def _stats(board: Firmware, _words: Sequence[str]) -> bool:
    board.say(f"uptime {board.now_s - board.started_s:.3f} damaged {board.splitter.damaged}\n")
    return True


def _reboot(board: Firmware, _words: Sequence[str]) -> bool:
    board.restart("software")
    return False


def _hang(board: Firmware, _words: Sequence[str]) -> bool:
    board.hang()
    return False


_COMMANDS: dict[str, Callable[[Firmware, Sequence[str]], bool]] = {
    "help": _help,
    "version": _version,
    "temp": _temp,
    "led": _led,
    "get": _get,
    "set": _set,
    "stats": _stats,
    "reboot": _reboot,
    "hang": _hang,
}
