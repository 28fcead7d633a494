"""The sending end of a connection: holds frames, spends credit, sends again what was lost.

No threads, locks or clocks inside. Frames get their numbers when they are sent first and keep
them, so that a receiver that comes back, or another one, can go on where it must. A frame is kept
until a receiver is done with it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, Value
    from galaxy.edge_receiver import Grant
    from galaxy.frame import Frame
    from galaxy.pipeline import Policy

END_REPEAT_S = 0.5
END_REPEAT_MAX_S = 8.0
RESEND_FIRST_S = 2.0
"""How long an answer may take before any has shown how long it takes."""
RESEND_MIN_S = 1.0
RESEND_MAX_S = 8.0


@dataclass(slots=True)
class Held:
    """A frame at the sending end, since ``since_s``; ``encoded`` once it has been."""

    frame: Frame
    since_s: float
    number: int = -1
    encoded: tuple[dict[str, Value], tuple[Buffer, ...]] | None = None
    sent_s: float = 0.0
    times_sent: int = 0


class SenderEnd:
    """``run`` is a random number that tells this end from one of an earlier run."""

    def __init__(self, policy: Policy, depth: int, max_age_s: float, run: int) -> None:
        self.run = run
        self.finished = self.closed = self.local = False
        self.sent = self.done = self.dropped = self.expired = self.discarded = 0
        self.resent = self.refused = 0
        self.base = 0
        """The number of the oldest frame that nobody is done with."""
        self._policy = policy
        self._depth = depth
        self._max_age_s = max_age_s
        self._pending: deque[Held] = deque()
        self._kept: deque[Held] = deque()
        self._cursor = 0
        self._limit = 0
        self._gap = -1
        self._answer_s = 0.0
        self._patience_s = RESEND_FIRST_S
        self._quiet_since_s = 0.0
        self._end_known = False
        self._end_at_s = 0.0
        self._end_wait_s = END_REPEAT_S

    @property
    def blocks(self) -> bool:
        """Whether a sender must wait now, by the policy ``block``."""
        if self._policy != "block" or self.closed:
            return False
        if self.local:
            return len(self._pending) + self._next - self._cursor >= self._depth
        return self._next + len(self._pending) >= self._limit

    @property
    def has_credit(self) -> bool:
        """Whether a receiver on another node would take a frame now."""
        return self._cursor < self._limit

    def offer(self, frame: Frame, now_s: float) -> None:
        """Hold a frame, or drop one by the policy; the caller has counted it as sent."""
        if self.closed:
            self.discarded += 1
            return
        if self._policy != "block" and len(self._pending) >= self._depth:
            self.dropped += 1
            if self._policy == "drop_newest":
                return
            self._pending.popleft()
        self._pending.append(Held(frame, now_s))

    def redirect(self, *, local: bool) -> None:
        """Another receiver: it gets every frame that the former was not done with."""
        self.local = local
        self._cursor = self.base
        self._limit = 0
        self._gap = -1
        self._patience_s = max(self._patience_s, RESEND_FIRST_S)
        self._end_known = False
        self._end_at_s, self._end_wait_s = 0.0, END_REPEAT_S

    def take(self, now_s: float) -> Held | None:
        """The next frame for a receiver in this process, which is done with the one before."""
        kept = self._kept
        while True:
            while self.base < self._cursor:
                kept.popleft()
                self.base += 1
                self.done += 1
            if kept:
                held = kept[0]
            elif self._pending:
                held = self._pending.popleft()
                held.number = self.base
                kept.append(held)
            else:
                return None
            if self._max_age_s and now_s - held.frame.captured_s > self._max_age_s:
                kept.popleft()
                self.base = self._cursor = self.base + 1
                self.expired += 1
                continue
            self._cursor = self.base + 1
            return held

    def next_out(self, now_s: float) -> Held | None:
        """The next frame to send to a receiver on another node, if there is credit."""
        if not self.has_credit:
            return None
        if self._cursor < self._next:
            held = self._kept[self._cursor - self.base]
            self._cursor += 1
            return held
        while self._pending:
            held = self._pending.popleft()
            if self._max_age_s and now_s - held.frame.captured_s > self._max_age_s:
                self.expired += 1
                continue
            held.number = self._next
            self._kept.append(held)
            self._cursor = self._next
            return held
        return None

    def was_sent(self, held: Held, now_s: float) -> None:
        """Note that it is on its way."""
        self.resent += held.times_sent > 0
        held.sent_s = now_s
        held.times_sent += 1
        self._quiet_since_s = now_s

    def give_up(self, held: Held) -> None:
        """Discard a frame that cannot be encoded; its number goes to the next one."""
        if self._kept and self._kept[-1] is held:
            self._kept.pop()
            self._cursor = min(self._cursor, self._next)
            self.discarded += 1

    def granted(self, grant: Grant, now_s: float) -> None:
        """Take note of what the receiver says."""
        if grant.run != self.run:  # it has not heard of this run yet
            self._limit = max(self._limit, self.base + grant.window)
            self._end_known = False
            if self._cursor > self.base and self._overdue(now_s):
                self._go_back(self.base, now_s)
            return
        if not grant.done <= grant.taken <= grant.next <= self._next:
            self.refused += 1
            return
        news = grant.done > self.base or grant.next > self._cursor
        while self.base < grant.done:
            self._measure(self._kept.popleft(), now_s)
            self.base += 1
            self.done += 1
        self._cursor = max(self._cursor, self.base, grant.next)
        self._limit = max(self._limit, grant.taken + grant.window)
        self._end_known = self._end_known or grant.end
        if news:
            self._quiet_since_s = now_s
            self._patience_s = max(RESEND_MIN_S, 4 * self._answer_s)
        if grant.next < self._cursor:
            fresh_gap = grant.lost and grant.next != self._gap
            if fresh_gap or self._overdue(now_s):
                self._gap = grant.next
                self._go_back(max(grant.next, self.base), now_s)

    def end_due(self, now_s: float) -> bool:
        """Whether to tell now that all has been sent; asked again until the receiver knows it."""
        waiting = self._pending or self._cursor < self._next
        if not self.finished or self.closed or self.local or waiting or not self._limit:
            return False
        return now_s >= self._end_at_s and not (self._end_known and self.base == self._next)

    def end_sent(self, now_s: float) -> None:
        """Note that the end was told."""
        self._end_at_s = now_s + self._end_wait_s
        self._end_wait_s = min(2 * self._end_wait_s, END_REPEAT_MAX_S)

    @property
    def total(self) -> int:
        """How many numbers were given."""
        return self._next

    def has_out(self, now_s: float) -> bool:
        """Whether there is something to send now."""
        if self.has_credit and (self._pending or self._cursor < self._next):
            return True
        return self.end_due(now_s)

    @property
    def drained(self) -> bool:
        """Whether it was finished and a receiver in this process has taken everything."""
        return self.finished and not self._pending and self._cursor == self._next

    def close(self) -> None:
        """Discard everything and count it."""
        if not self.closed:
            in_hand = self._cursor - self.base if self.local else 0
            self.done += in_hand
            self.discarded += len(self._pending) + len(self._kept) - in_hand
            self._pending.clear()
            self._kept.clear()
            self.base = self._cursor
            self.closed = True

    @property
    def received(self) -> int:
        """Frames that the other end has: taken if it is in this process, else done with."""
        return self.done + (self._cursor - self.base if self.local else 0)

    @property
    def _next(self) -> int:
        return self.base + len(self._kept)

    def _overdue(self, now_s: float) -> bool:
        return now_s - self._quiet_since_s >= self._patience_s

    def _go_back(self, number: int, now_s: float) -> None:
        self._cursor = number
        self._quiet_since_s = now_s
        self._patience_s = min(2 * self._patience_s, RESEND_MAX_S)

    def _measure(self, held: Held, now_s: float) -> None:
        if held.times_sent == 1:
            took_s = now_s - held.sent_s
            self._answer_s += (took_s - self._answer_s) / 8 if self._answer_s else took_s
