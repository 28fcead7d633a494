"""The board as a whole: does it start, what does it run, does it answer."""

from __future__ import annotations

import contextlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import DeviceError
from hil_rig.backend import POWER, RESET
from hil_rig.errors import BoardSilentError, BootLoopError, PortGoneError
from hil_rig.frames import Kind

if TYPE_CHECKING:
    from hil_rig.backend import Backend
    from hil_rig.console import Console
    from hil_rig.power import Power
    from hil_rig.rig_file import BoardSpec

STARTS_MAX = 3
"""So many starts without a prompt are a boot loop."""
KNOCK_AFTER_SHARE = 0.5
SETTLE_S = 0.1
"""After a knock the prompt may come twice."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the board: from when it was waited for to the prompt."""

    seconds: float
    reason: str
    starts: int
    said: str


class Board:
    """What tests ask of a board. Times in seconds of the rig's clock."""

    def __init__(self, spec: BoardSpec, backend: Backend, console: Console, power: Power) -> None:
        self.spec = spec
        self._backend = backend
        self._console = console
        self._power = power

    def start(self) -> Boot:
        """Bring the board into a known state: by power, else by reset, else by its prompt."""
        if self._power.can(POWER):
            self._power.cycle()
            return self.boot()
        if self._power.can(RESET):
            self._power.reset()
            return self.boot()
        self._console.send("")
        begin_s = self._now_s()
        self._console.expect_prompt(self.spec.boot_within_s)
        return Boot(self._now_s() - begin_s, "", 0, "")

    def boot(self, within_s: float = 0.0) -> Boot:
        """Wait until a board that starts is at its prompt; without a deadline, the rig file's.

        Raises:
            BoardSilentError: no prompt within the deadline.
            BootLoopError: it started several times instead.
        """
        within_s = within_s or self.spec.boot_within_s
        begin_s = self._now_s()
        end_s = begin_s + within_s
        starts, reason, said = 0, "", ""
        awaited = re.compile(f"(?P<banner>{self.spec.banner})|{re.escape(self.spec.prompt)}")
        knocked = False
        while True:
            until_s = end_s if knocked else begin_s + within_s * KNOCK_AFTER_SHARE
            try:
                match = self._console.expect(awaited, max(0.0, until_s - self._now_s()))
            except BoardSilentError as error:
                if not knocked:
                    knocked = self._knock()
                    continue
                if starts > 1:
                    raise self._loops(starts, begin_s) from error
                raise BoardSilentError(
                    self.spec.prompt, within_s, error.came, error.lines, error.where
                ) from None
            said += match.string[: match.end()]
            if match.group("banner") is None:
                boot = Boot(self._now_s() - begin_s, reason, starts, said)
                if knocked:
                    self._console.listen(SETTLE_S)
                    self._console.forget()
                return boot
            starts += 1
            reason = match.groupdict().get("reason") or ""
            if starts > STARTS_MAX:
                raise self._loops(starts, begin_s)

    def version(self) -> str:
        """The version that runs.

        Raises:
            BoardSilentError: no prompt within the deadline.
            DeviceError: the answer holds no version.
        """
        said = self._console.command(self.spec.version_command)
        match = re.search(self.spec.version, said)
        if match is None:
            what = f"said {said[:80]!r}, which is no version"
            raise DeviceError(what, where=self._backend.where, remedy="correct board.version")
        return match.group("version")

    def ping(self, payload: bytes, within_s: float = 0.0) -> bytes:
        """What the board sends back; it must be the payload.

        Raises:
            BoardSilentError: no answer within the deadline.
        """
        return self._console.request(Kind.PING, payload, within_s)

    def temperature(self, within_s: float = 0.0) -> float:
        """Degrees Celsius of its sensor, by a frame.

        Raises:
            BoardSilentError: no answer within the deadline.
            DeviceError: the answer is no number.
        """
        payload = self._console.request(Kind.TEMPERATURE, b"", within_s)
        if len(payload) != 4:
            raise DeviceError(f"sent {len(payload)} bytes for a float", where=self._backend.where)
        return float(struct.unpack("<f", payload)[0])

    def _knock(self) -> bool:
        """An empty line brings the prompt again, should it have come before the port was there."""
        with contextlib.suppress(PortGoneError):
            self._console.send("")
        return True

    def _loops(self, starts: int, begin_s: float) -> BootLoopError:
        lines = [*self._console.lines]
        return BootLoopError(starts, self._now_s() - begin_s, lines, self._backend.where)

    def _now_s(self) -> float:
        return self._backend.clock.monotonic()
