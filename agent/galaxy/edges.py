"""Weak edges: bounded ways between threads (and, by other transports, between nodes)."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from galaxy.figures import EdgeFigures, Recorder
from galaxy.frame import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.clock import Clock
    from galaxy.frame import Frame
    from galaxy.pipeline import Connection, Policy


class EdgeTransport(Protocol):
    """One weak or task connection, as both of its ends see it.

    The end in the sending group calls ``send`` and ``finish``, the end in the receiving group
    ``receive``; an edge between nodes has one object per end. Frames never change on the way,
    except that the receiver finds a queue timing added.
    """

    def send(self, frame: Frame) -> None:
        """Pass a frame on, or drop one by the policy and count it; only ``block`` waits."""

    def finish(self) -> None:
        """No more frames will come; those inside are still delivered."""

    def receive(self) -> Frame | None:
        """The next frame, or None at once if there is none now."""

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` from any thread when a frame or the end has come."""

    def close(self) -> None:
        """End now: what is inside is discarded and counted, a waiting sender goes on."""

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again."""

    def figures(self) -> EdgeFigures:
        """The counters."""


class QueueEdge:
    """An edge inside one process: frames by reference in a bounded queue."""

    def __init__(self, connection: Connection, policy: Policy, depth: int, clock: Clock) -> None:
        if depth < 1 or (policy == "latest" and depth != 1):
            message = f"{connection.name}: a {policy} edge cannot be {depth} deep"
            raise ValueError(message)
        self._kind = connection.kind
        self._stage = connection.name
        self._policy = policy
        self._depth = depth
        self._max_age_s = connection.max_age_ms / 1000
        self._clock = clock
        self._frames: deque[tuple[Frame, float]] = deque()
        self._changed = threading.Condition()
        self._wake: Callable[[], None] | None = None
        self._finished = self._closed = False
        self._sent = self._received = self._dropped = self._expired = self._discarded = 0
        self._queue_ms = Recorder()

    def send(self, frame: Frame) -> None:
        """Pass a frame on by the policy; ``block`` waits for room."""
        with self._changed:
            self._sent += 1
            if self._policy == "block":
                self._changed.wait_for(lambda: self._closed or len(self._frames) < self._depth)
            if self._closed:
                self._discarded += 1
                return
            if len(self._frames) >= self._depth:
                self._dropped += 1
                if self._policy == "drop_newest":
                    return
                self._frames.popleft()
            self._frames.append((frame, self._clock.monotonic()))
        self._notify()

    def finish(self) -> None:
        """No more frames will come."""
        with self._changed:
            self._finished = True
        self._notify()

    def receive(self) -> Frame | None:
        """The oldest frame that is not too old, with its time in this edge noted."""
        with self._changed:
            while self._frames:
                frame, since_s = self._frames.popleft()
                self._changed.notify()
                now_s = self._clock.monotonic()
                if self._max_age_s and now_s - frame.captured_s > self._max_age_s:
                    self._expired += 1
                    continue
                self._received += 1
                waited_ms = (now_s - since_s) * 1000
                self._queue_ms.add(waited_ms)
                timing = Timing(self._stage, "queue", waited_ms)
                return frame.derive(timings=(*frame.timings, timing))
        return None

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` after every change that the receiver must see."""
        self._wake = wake

    def close(self) -> None:
        """Discard what is inside and let a waiting sender go on."""
        with self._changed:
            self._closed = self._finished = True
            self._discarded += len(self._frames)
            self._frames.clear()
            self._changed.notify_all()
        self._notify()

    @property
    def ended(self) -> bool:
        """Whether it was finished and is empty."""
        with self._changed:
            return self._finished and not self._frames

    def figures(self) -> EdgeFigures:
        """The counters, of one moment. A sender that waits for room counts as waiting."""
        with self._changed:
            gone = self._received + self._dropped + self._expired + self._discarded
            return EdgeFigures(
                self._kind,
                self._policy,
                self._depth,
                self._sent,
                self._received,
                self._dropped,
                self._expired,
                self._discarded,
                self._sent - gone,
                self._queue_ms.summary(),
            )

    def _notify(self) -> None:
        if self._wake is not None:
            self._wake()


def edge_defaults(connection: Connection, *, live: bool) -> tuple[Policy, int]:
    """Policy and depth of a connection: after a live source latest/1, else block/4."""
    policy: Policy = connection.policy or ("latest" if live else "block")
    if policy == "latest":
        return policy, 1
    return policy, connection.depth or 4
