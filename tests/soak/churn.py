"""Agents that lose power, stand still and are cut off, by seed; then everything heals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from tests.bed.faults import Fault
    from tests.bed.fleet import Box, Fleet
    from tests.bed.lines import Line

PAUSE_S = (0.2, 0.8)


@dataclass
class Churn:
    """What is wrong at the moment. ``witnesses`` never lose power: what they hold is judged."""

    fleet: Fleet
    lines: list[Line]
    random: Random
    cut: dict[Line, Fault] = field(default_factory=dict)
    dead: list[Box] = field(default_factory=list)
    still: list[Box] = field(default_factory=list)
    kills: int = 0
    cuts: int = 0
    stops: int = 0
    dropped: int = 0

    def __post_init__(self) -> None:
        boxes = self.fleet.running
        self.witnesses = boxes[::3]
        self.mortal = [box for box in boxes if box not in self.witnesses]

    async def go_on(self, seconds: float) -> None:
        """Break and mend something every second or so, for so long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await self._do_something()
            await asyncio.sleep(self.random.uniform(*PAUSE_S))

    async def heal(self) -> None:
        """Give power back, let all go on and join every line, in this order."""
        for box in self.still:
            box.resume()
        self.still.clear()
        while self.dead:
            await self._revive()
        for line in list(self.cut):
            self._join(line)

    async def divide(self) -> Fault:
        """Cut the mesh in two that are each still joined, and wait until both know it."""
        boxes = self.fleet.running
        first = self.random.randrange(len(boxes))
        turned = boxes[first:] + boxes[:first]  # neighbours stay together on the ring
        halves = turned[: len(boxes) // 2], turned[len(boxes) // 2 :]
        hosts = ([box.host for box in half] for half in halves)
        fault = self.fleet.network.partition(*hosts)
        await asyncio.gather(*(self.fleet.until_all_online(half) for half in halves))
        return fault

    async def _do_something(self) -> None:
        match self.random.choice(["cut", "cut", "cut", "join", "kill", "revive", "stop", "go on"]):
            case "cut" if len(self.cut) < len(self.lines) // 4:
                self._cut(self.random.choice(self.lines))
            case "join" if self.cut:
                self._join(self.random.choice(list(self.cut)))
            case "kill" if len(self.dead) < len(self.mortal) // 4:
                self._kill(self.random.choice(self.mortal))
            case "revive" if self.dead:
                await self._revive()
            case "stop" if not self.still:
                self._stop(self.random.choice(self.mortal))
            case "go on" if self.still:
                self.still.pop().resume()

    def _cut(self, line: Line) -> None:
        if line not in self.cut:
            self.cut[line] = line.cut()
            self.cuts += 1

    def _join(self, line: Line) -> None:
        self.dropped += self.cut.pop(line).end(may_miss=True)  # both of its ends may be dead

    def _kill(self, box: Box) -> None:
        if box not in self.dead and box not in self.still:
            box.kill()
            self.dead.append(box)
            self.kills += 1

    def _stop(self, box: Box) -> None:
        if box not in self.dead:
            box.pause()
            self.still.append(box)
            self.stops += 1

    async def _revive(self) -> None:
        box = self.dead.pop(self.random.randrange(len(self.dead)))
        await box.start()
