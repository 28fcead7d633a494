"""The sending end of a stream: messages in order, kept until the other end has taken them.

Hops acknowledge nothing to each other: a frame may be lost whenever a link ends. So the end of the
stream acknowledges, cumulatively, and what is not acknowledged goes out again: at once when the way
to the destination has changed or the other end reports a gap, else after a time that follows the
measured round trip (RFC 6298, with bounds for edge networks). Small messages leave many to a frame.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from cantor.wire.frame import BUFFERS_MAX, DataFrame, Kind

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire.frame import Buffer, Value

BATCH_BYTES = 64 * 1024
UNACKNOWLEDGED_BYTES_MAX = 8 * 1024 * 1024
WAITING_BYTES_MAX = 8 * 1024 * 1024
RESENT_AT_ONCE_BYTES = 512 * 1024
TIMEOUT_FIRST_S = 1.0
TIMEOUT_MIN_S = 0.2
TIMEOUT_MAX_S = 3.0
LABEL_MASK = 0xFFFF

Entry = tuple["dict[str, Value] | None", "tuple[Buffer, ...]", int]
"""Headers (None: a plain message, which may share a frame), buffers, bytes."""


class _Sent:
    """One frame that is not acknowledged yet; ``times`` counts how often it has left."""

    __slots__ = ("entry", "first", "messages", "sent_at", "times")

    def __init__(self, first: int, messages: int, entry: Entry) -> None:
        self.first = first
        self.messages = messages
        self.entry = entry
        self.sent_at = 0.0
        self.times = 0


class StreamSender:
    """Messages to ``destination`` under ``topic``; ``number`` is never used again by this node."""

    def __init__(
        self, source: NodeId, destination: NodeId, number: int, topic: str, priority: int
    ) -> None:
        self.destination = destination
        self.number = number
        self.topic = topic
        self.priority = priority
        self.resent = 0
        """How many frames went out again."""
        self._source = source
        self._base = 0  # messages taken under earlier numbers
        self._acknowledged = 0
        self._written = 0
        self._waiting: deque[Entry] = deque()
        self._waiting_bytes = 0
        self._sent: deque[_Sent] = deque()
        self._sent_bytes = 0
        self._begun = 0
        self._again: deque[_Sent] = deque()
        self._round_trip_s = 0.0
        self._deviation_s = 0.0
        self._timeout_s = TIMEOUT_FIRST_S
        self._due_at = float("inf")

    @property
    def is_full(self) -> bool:
        """Whether whoever writes should wait."""
        return self._waiting_bytes >= WAITING_BYTES_MAX

    @property
    def taken_total(self) -> int:
        """How many messages the other end has taken."""
        return self._base + self._acknowledged

    @property
    def written_total(self) -> int:
        """How many messages were written."""
        return self._base + self._written

    @property
    def is_done(self) -> bool:
        """Whether the other end has taken everything."""
        return self._acknowledged == self._written

    @property
    def has_work(self) -> bool:
        """Whether ``next_frame`` would give one, as far as the window goes."""
        return bool(self._again) or (
            bool(self._waiting) and self._sent_bytes < UNACKNOWLEDGED_BYTES_MAX
        )

    def write(self, message: Buffer) -> int:
        """Queue a plain message; returns its place in the stream."""
        size = len(message)
        self._waiting.append((None, (message,), size))
        self._waiting_bytes += size
        self._written += 1
        return self._base + self._written

    def post(self, headers: dict[str, Value], body: tuple[Buffer, ...]) -> int:
        """Queue a message with headers and any number of buffers; returns its place."""
        size = sum(memoryview(buffer).nbytes for buffer in body) + 64
        self._waiting.append((headers, body, size))
        self._waiting_bytes += size
        self._written += 1
        return self._base + self._written

    def next_frame(self, now: float) -> DataFrame | None:
        """The next frame to send: one that must go again, else a new one if the window allows."""
        while self._again:
            sent = self._again.popleft()
            if sent.first + sent.messages > self._acknowledged:
                self.resent += 1
                return self._leave(sent, now)
        if not self._waiting or self._sent_bytes >= UNACKNOWLEDGED_BYTES_MAX:
            return None
        messages, entry = self._next_entry()
        sent = _Sent(self._begun, messages, entry)
        self._begun += messages
        self._waiting_bytes -= entry[2]
        self._sent_bytes += entry[2]
        self._sent.append(sent)
        return self._leave(sent, now)

    def taken(self, expected: int, has_gap: bool, now: float) -> None:
        """The other end has taken all before ``expected``, and perhaps some after a gap."""
        if expected < self._acknowledged or expected > self._begun:
            return
        has_progress = expected > self._acknowledged
        self._acknowledged = expected
        last: _Sent | None = None
        while self._sent and self._sent[0].first + self._sent[0].messages <= expected:
            last = self._sent.popleft()
            self._sent_bytes -= last.entry[2]
        if last is not None and last.times == 1:
            self._measure(now - last.sent_at)
        if has_progress:
            self._timeout_s = self._timeout()
        if not self._sent:
            self._due_at = float("inf")
        elif has_progress:
            self._due_at = now + self._timeout_s
        first = self._sent[0] if self._sent else None
        if first is not None and (has_gap or (has_progress and first.times > 1)):
            # A gap, or a recovery under way: what follows was most likely lost as well.
            self._send_again(now, older_than=now - max(self._round_trip_s, TIMEOUT_MIN_S / 4))

    def way_changed(self, now: float) -> None:
        """Frames are sent another way from now on: what was under way may be lost."""
        self._send_again(now, older_than=now)

    def tick(self, now: float) -> None:
        """Let time pass."""
        if now >= self._due_at:
            self._timeout_s = min(2 * self._timeout_s, TIMEOUT_MAX_S)
            self._due_at = now + self._timeout_s
            self._send_again(now, older_than=now)

    def begin_anew(self, number: int) -> None:
        """The other end knows nothing of this stream: begin another with what it has not taken."""
        self.number = number
        left = [sent.entry for sent in self._sent]
        self._waiting.extendleft(reversed(_one_by_one(left)))
        self._waiting_bytes += sum(entry[2] for entry in left)
        self._sent.clear()
        self._again.clear()
        self._sent_bytes = 0
        self._due_at = float("inf")
        self._base += self._acknowledged
        self._written -= self._acknowledged
        self._acknowledged = self._begun = 0

    def _next_entry(self) -> tuple[int, Entry]:
        headers, body, size = self._waiting.popleft()
        if headers is not None:
            return 1, (headers, body, size)
        buffers = [body[0]]
        waiting = self._waiting
        while waiting and size < BATCH_BYTES and len(buffers) < BUFFERS_MAX:
            if waiting[0][0] is not None:
                break
            _, (buffer,), more = waiting.popleft()
            buffers.append(buffer)
            size += more
        return len(buffers), (None, tuple(buffers), size)

    def _leave(self, sent: _Sent, now: float) -> DataFrame:
        sent.sent_at = now
        sent.times += 1
        if self._due_at == float("inf"):
            self._due_at = now + self._timeout_s
        headers, body, _ = sent.entry
        told: dict[str, Value] = {"s": self.number, "n": sent.first, "t": self.topic}
        if headers is not None:
            told["h"] = headers
        else:
            told["d"] = True  # the answer may be delayed: whoever writes goes on meanwhile
        if self._acknowledged:
            told["a"] = self._acknowledged  # who has taken less is not the one that said so
        else:
            told["b"] = True  # who does not know the stream may begin it
        return DataFrame(
            Kind.STREAM,
            self._source,
            self.destination,
            0,
            self.priority,
            flags=self.number & LABEL_MASK,
            headers=told,
            body=body,
        )

    def _send_again(self, now: float, *, older_than: float) -> None:
        if self._again:
            return
        size = 0
        for sent in self._sent:
            if sent.sent_at <= older_than:
                self._again.append(sent)
                size += sent.entry[2]
                if size >= RESENT_AT_ONCE_BYTES:
                    break
        if self._again:
            self._due_at = max(self._due_at, now + self._timeout_s)

    def _measure(self, round_trip_s: float) -> None:
        if not self._round_trip_s:
            self._round_trip_s, self._deviation_s = round_trip_s, round_trip_s / 2
            return
        off = abs(self._round_trip_s - round_trip_s)
        self._deviation_s += (off - self._deviation_s) / 4
        self._round_trip_s += (round_trip_s - self._round_trip_s) / 8

    def _timeout(self) -> float:
        wanted = self._round_trip_s + 4 * self._deviation_s if self._round_trip_s else 1.0
        return min(max(wanted, TIMEOUT_MIN_S), TIMEOUT_MAX_S)


def _one_by_one(entries: list[Entry]) -> list[Entry]:
    """The same messages, each by itself, so that they are counted anew."""
    found: list[Entry] = []
    for headers, body, size in entries:
        if headers is None:
            found += [(None, (buffer,), len(buffer)) for buffer in body]
        else:
            found.append((headers, body, size))
    return found
