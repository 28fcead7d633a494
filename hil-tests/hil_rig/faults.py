"""Seeded faults on a board's line. Each counts how often it fired.

They work between driver and port, so the same fault strikes simulated and real boards alike.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hil_rig.errors import FaultIdleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hil_rig.backend import Backend
    from hil_rig.timeline import Timeline

Direction = Literal["both", "to board", "from board"]


@dataclass(slots=True)
class Fault:
    """One armed fault. As a context manager it is disarmed at the end of the block."""

    name: str
    direction: Direction
    strike: Callable[[bytes, Fault], bytes]
    disarm: Callable[[Fault], None]
    fired: int = 0

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disarm(self)


class Faults:
    """Arms faults; the test fails at its end if one of them never fired."""

    def __init__(self, backend: Backend, timeline: Timeline, seed: int) -> None:
        self._backend = backend
        self._timeline = timeline
        self._random = random.Random(seed)  # noqa: S311 # reproducible noise, not a secret
        self._armed: list[Fault] = []
        self._all: list[Fault] = []

    def byte_loss(self, rate: float, direction: Direction = "both") -> Fault:
        """Every byte is lost with the probability ``rate``."""

        def strike(data: bytes, fault: Fault) -> bytes:
            kept = bytes(byte for byte in data if self._random.random() >= rate)
            fault.fired += len(data) - len(kept)
            return kept

        return self._arm(f"byte loss {rate:g}", direction, strike)

    def bit_flip(self, rate: float, direction: Direction = "both") -> Fault:
        """Every byte has one bit wrong with the probability ``rate``."""

        def strike(data: bytes, fault: Fault) -> bytes:
            struck = bytearray(data)
            for index in range(len(struck)):
                if self._random.random() < rate:
                    struck[index] ^= 1 << self._random.randrange(8)
                    fault.fired += 1
            return bytes(struck)

        return self._arm(f"bit flip {rate:g}", direction, strike)

    def stuck_line(self, for_s: float, direction: Direction = "both") -> Fault:
        """For so long the line does not move: every byte is lost, and counted."""
        end_s = self._timeline.now_s + for_s

        def strike(data: bytes, fault: Fault) -> bytes:
            if self._timeline.now_s >= end_s:
                return data
            fault.fired += len(data)
            return b""

        return self._arm(f"stuck line {for_s:g} s", direction, strike)

    def unexpected_reset(self, after_bytes: int) -> Fault:
        """Reset the board once, as soon as so many more bytes went to it.

        Raises:
            DeviceError: from the write that it strikes, if the rig cannot reset its board.
        """
        left = after_bytes

        def strike(data: bytes, fault: Fault) -> bytes:
            nonlocal left
            if fault.fired or len(data) < left:
                left -= len(data)
                return data
            if left:
                self._backend.write(data[:left])
            self._backend.reset()
            fault.fired += 1
            self._timeline.add("fault", f"{fault.name} fired")
            return data[left:]

        return self._arm(f"unexpected reset after {after_bytes} bytes", "to board", strike)

    def clear(self) -> None:
        """Disarm every fault."""
        for fault in list(self._armed):
            self._disarm(fault)

    def to_board(self, data: bytes) -> bytes:
        """What the board will get of these bytes."""
        return self._through(data, "to board")

    def from_board(self, data: bytes) -> bytes:
        """What the driver will get of these bytes."""
        return self._through(data, "from board")

    def counters(self) -> dict[str, int]:
        """How often each fault fired."""
        counters: dict[str, int] = {}
        for fault in self._all:
            counters[fault.name] = counters.get(fault.name, 0) + fault.fired
        return counters

    def prove(self) -> None:
        """Make sure that every armed fault struck.

        Raises:
            FaultIdleError: one never did.
        """
        idle = [name for name, fired in self.counters().items() if not fired]
        if idle:
            raise FaultIdleError(
                "never fired, so the test proved nothing",
                where=", ".join(idle),
                remedy="let more bytes pass while it is armed, or raise its rate",
            )

    def _arm(
        self, name: str, direction: Direction, strike: Callable[[bytes, Fault], bytes]
    ) -> Fault:
        fault = Fault(name, direction, strike, self._disarm)
        self._armed.append(fault)
        self._all.append(fault)
        self._timeline.add("fault", f"{name}, {direction}: armed")
        return fault

    def _disarm(self, fault: Fault) -> None:
        if fault in self._armed:
            self._armed.remove(fault)
            self._timeline.add("fault", f"{fault.name}: ended, fired {fault.fired} times")

    def _through(self, data: bytes, direction: Direction) -> bytes:
        for fault in list(self._armed):
            if data and fault.direction in ("both", direction):
                data = fault.strike(data, fault)
        return data
