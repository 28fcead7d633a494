"""Carries Ethernet frames between two interfaces as a long line would: late, limited, lossy.

    python pump.py LEFT RIGHT

For kernels without ``netem``. Each line of JSON on the standard input says what the line is like
from now on (the fields of ``Emulation``; an empty line: as before) and is answered by a line with
the counts so far. A program of its own that imports nothing of ours, so that it costs 10 MB.
"""

# ruff: noqa: S311
from __future__ import annotations

import heapq
import json
import random
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

_IGNORE_OUTGOING = 23  # of linux/if_packet.h: what the pump itself sends is not heard again
_VNET_HEADER = 15  # each frame begins with its checksum's state, which so crosses the line too
_ALL_PROTOCOLS = 0x0003
_FRAME_BYTES_MAX = 66_000
_HEADER_BYTES = 10
_BURST = 64


@dataclass(frozen=True)
class Emulation:
    """What a line is like in each direction; the shares are probabilities per frame.

    Frames keep their order, but for the share ``reorder`` that overtakes all that is under way.
    Frames that would wait longer than ``queue_s`` for the rate are dropped.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate_bps: float = 0.0
    queue_s: float = 0.4
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    seed: int = 0


@dataclass
class Direction:
    """The frames on their way to one end."""

    out: socket.socket
    emulation: Emulation
    random: random.Random
    counts: Counter[str]
    free_at: float = 0.0
    last_at: float = 0.0
    number: int = 0
    waiting: list[tuple[float, int, bytes]] = field(default_factory=list)

    def take(self, frame: bytes, now: float) -> None:
        """Put a frame on the line."""
        how = self.emulation
        self.counts["taken"] += 1
        if how.loss and self.random.random() < how.loss:
            self.counts["lost"] += 1
            return
        at = now
        if how.rate_bps:
            at = max(now, self.free_at)
            if at - now > how.queue_s:
                self.counts["overflowed"] += 1
                return
            at += 8 * (len(frame) - _HEADER_BYTES) / how.rate_bps
            self.free_at = at
        if how.reorder and self.random.random() < how.reorder:
            self.counts["reordered"] += 1
            self._wait(now, frame)
            return
        at += how.delay_s + how.jitter_s * self.random.uniform(-1, 1)
        self.last_at = max(at, self.last_at)
        self._wait(self.last_at, frame)
        if how.duplicate and self.random.random() < how.duplicate:
            self.counts["duplicated"] += 1
            self._wait(self.last_at, frame)

    def deliver(self, now: float) -> float | None:
        """Let out what is due; when the next frame is."""
        while self.waiting and self.waiting[0][0] <= now:
            frame = heapq.heappop(self.waiting)[2]
            try:
                self.out.send(frame)
                self.counts["delivered"] += 1
            except OSError:  # the far end is down or full, as a cable may be
                self.counts["refused"] += 1
        return self.waiting[0][0] if self.waiting else None

    def _wait(self, at: float, frame: bytes) -> None:
        self.number += 1
        heapq.heappush(self.waiting, (at, self.number, frame))


def tap(interface: str) -> socket.socket:
    """A socket that hears and sends all frames of an interface."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
    opened.setsockopt(263, _VNET_HEADER, 1)
    opened.setsockopt(263, _IGNORE_OUTGOING, 1)
    opened.bind((interface, _ALL_PROTOCOLS))
    opened.setblocking(False)
    return opened


def pump(left: socket.socket, right: socket.socket) -> None:
    """Carry frames until the standard input ends."""
    still, counts = Emulation(), Counter[str]()
    to = {
        left: Direction(right, still, random.Random(), counts),
        right: Direction(left, still, random.Random(), counts),
    }
    print(json.dumps(counts), flush=True)
    next_at: float | None = None
    while True:
        wait_s = None if next_at is None else max(0.0, next_at - time.monotonic())
        ready, _, _ = select.select([left, right, sys.stdin], [], [], wait_s)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            if line.strip():
                _follow(Emulation(**json.loads(line)), list(to.values()))
            print(json.dumps(counts), flush=True)
        now = time.monotonic()
        for end in (left, right):
            if end in ready:
                _read(end, to[end], now)
        due = [at for at in (way.deliver(now) for way in to.values()) if at is not None]
        next_at = min(due, default=None)


def _follow(emulation: Emulation, ways: list[Direction]) -> None:
    for index, way in enumerate(ways):
        way.emulation = emulation
        way.random.seed(2 * emulation.seed + index)


def _read(end: socket.socket, way: Direction, now: float) -> None:
    for _ in range(_BURST):
        try:
            frame = end.recv(_FRAME_BYTES_MAX)
        except (BlockingIOError, OSError):
            return
        way.take(frame, now)


if __name__ == "__main__":
    pump(tap(sys.argv[1]), tap(sys.argv[2]))
