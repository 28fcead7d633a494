"""The receiving end of streams: every message once and in order, whatever way its frame came.

Each frame is answered by how far its stream has come. Where the sender says that nobody waits for
the answer, it waits for something else that goes to the same node: a frame of its own costs both
ends as much as a message.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.wire.frame import DataFrame, Kind, pack_headers
from cantor.wire.reader import unpack_headers

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire.frame import Buffer, Value

STREAMS_PER_SOURCE_MAX = 1024
EARLY_FRAMES_MAX = 1024
EARLY_BYTES_MAX = 64 * 1024 * 1024
"""Of all sources together; of one no more than is left for the others. More comes again."""
FORGET_S = 600.0
TOPIC_LENGTH_MAX = 256
PATIENT_FRAMES_MAX = 4
"""So many frames of a stream come to one answer at most."""
_PACKED: dict[str, Value] = {}
"""In place of headers that are kept packed."""


@dataclass(slots=True)
class Taken:
    """Messages of one stream in order: plain ones, or one with headers."""

    source: NodeId
    topic: str
    priority: int
    headers: dict[str, Value] | None
    body: tuple[Buffer, ...]


class _Stream:
    """One stream as it arrives: the next message expected, and frames that came too early."""

    __slots__ = ("early", "expected", "heard_at", "must_tell", "patient", "priority")

    def __init__(self) -> None:
        self.expected = 0
        self.early: dict[int, tuple[Taken, int, bytes]] = {}
        self.heard_at = 0.0
        self.must_tell = False
        self.patient = 0
        self.priority = 1


class StreamReceiver:
    """The streams that end at ``node``, by source and number."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._streams: dict[NodeId, OrderedDict[int, _Stream]] = {}
        self._to_tell: list[tuple[NodeId, int, _Stream | None]] = []
        self._patient: dict[NodeId, list[tuple[NodeId, int, _Stream | None]]] = {}
        self._now = 0.0
        self._early_bytes = 0
        self._early_bytes_of: dict[NodeId, int] = {}

    def received(self, frame: DataFrame) -> list[Taken]:
        """Take a STREAM frame; the messages that are now next in order.

        Raises:
            RemoteProtocolError: its headers are odd.
        """
        number, first, topic = (frame.headers.get(name) for name in ("s", "n", "t"))
        headers = frame.headers.get("h")
        if type(number) is not int or type(first) is not int or first < 0:
            raise RemoteProtocolError("a stream without numbers")
        if not isinstance(topic, str) or len(topic) > TOPIC_LENGTH_MAX:
            raise RemoteProtocolError("a stream without a topic")
        if headers is not None and not isinstance(headers, dict):
            raise RemoteProtocolError("a message whose headers are not a map")
        acknowledged = 0 if frame.headers.get("b") else frame.headers.get("a", 1)
        if type(acknowledged) is not int:
            raise RemoteProtocolError("a stream without numbers")
        stream = self._stream(frame.source, number, acknowledged)
        if stream is None:
            self._to_tell.append((frame.source, number, None))
            return []
        stream.heard_at = self._now
        stream.priority = frame.priority
        is_next = first == stream.expected and not stream.early
        self._note(frame.source, number, stream, is_patient="d" in frame.headers and is_next)
        messages = len(frame.body) if headers is None else 1
        taken = Taken(frame.source, topic, frame.priority, headers, frame.body)
        if first > stream.expected:
            self._keep_early(stream, first, taken, messages)
            return []
        in_order = self._in_order(stream, first, taken, messages)
        while stream.early and stream.expected in stream.early:
            first = stream.expected
            taken, messages = self._forget_early(stream, first)
            in_order += self._in_order(stream, first, taken, messages)
        if stream.early:
            for early in [at for at in stream.early if at < stream.expected]:
                self._forget_early(stream, early)
        return in_order

    @property
    def has_answers(self) -> bool:
        """Whether there is something to tell the senders now."""
        return bool(self._to_tell)

    @property
    def has_patient_answers(self) -> bool:
        """Whether there is something to tell the senders soon: see ``hurry``."""
        return bool(self._patient)

    def hurry(self, node: NodeId | None = None) -> None:
        """Let what may wait wait no longer, because something else goes to that node, or to all."""
        for source in self._patient.keys() if node is None else (node,):
            self._to_tell += self._patient.get(source, ())
        if node is None:
            self._patient = {}
        else:
            self._patient.pop(node, None)

    def take_answers(self) -> list[DataFrame]:
        """What to tell the senders: how far each stream has come."""
        answers = []
        for source, number, stream in self._to_tell:
            headers: dict[str, Value] = {"s": number}
            if stream is None:
                headers["u"] = True
            else:
                stream.must_tell, stream.patient = False, 0
                headers["n"] = stream.expected
                if stream.early:
                    headers["g"] = True
            priority = min(stream.priority, 1) if stream is not None else 1
            answers.append(
                DataFrame(Kind.STREAM_ACK, self._node, source, 0, priority, headers=headers)
            )
        self._to_tell = []
        return answers

    def tick(self, now: float) -> None:
        """Let time pass: streams that were silent for ten minutes are forgotten."""
        self._now = now
        self.hurry()
        for source in list(self._streams):
            streams = self._streams[source]
            while streams and streams[oldest := next(iter(streams))].heard_at < now - FORGET_S:
                self._end(streams, oldest)
            if not streams:
                del self._streams[source]

    def _note(self, source: NodeId, number: int, stream: _Stream, *, is_patient: bool) -> None:
        """Remember that a stream is to be answered, at once or with the next that goes there."""
        stream.patient += 1
        is_patient = is_patient and stream.patient <= PATIENT_FRAMES_MAX
        if not stream.must_tell:
            stream.must_tell = True
            answers = self._patient.setdefault(source, []) if is_patient else self._to_tell
            answers.append((source, number, stream))
        elif not is_patient:
            self.hurry(source)

    def _stream(self, source: NodeId, number: int, acknowledged: int) -> _Stream | None:
        """The stream; a new one if the sender says that none of it was taken; else ``None``.

        What was acknowledged and not taken here was taken before this node began anew, and the
        sender no longer has it: a stream begun since, by frames that were under way, goes no
        further.
        """
        streams = self._streams.get(source)
        stream = streams.get(number) if streams is not None else None
        if stream is not None and streams is not None:
            if acknowledged <= stream.expected:
                streams.move_to_end(number)
                return stream
            self._end(streams, number)
        if acknowledged:
            return None
        if streams is None:
            streams = self._streams[source] = OrderedDict()
        if len(streams) >= STREAMS_PER_SOURCE_MAX:
            self._end(streams, next(iter(streams)))  # it was silent for longest
        stream = streams[number] = _Stream()
        return stream

    def _end(self, streams: OrderedDict[int, _Stream], number: int) -> None:
        stream = streams.pop(number)
        for first in list(stream.early):
            self._forget_early(stream, first)

    def _keep_early(self, stream: _Stream, first: int, taken: Taken, messages: int) -> None:
        if first in stream.early or len(stream.early) >= EARLY_FRAMES_MAX:
            return
        # Headers are kept packed: their objects take up to sixty times as much.
        packed: bytes = pack_headers(taken.headers) if taken.headers is not None else b""
        size = _size(taken, packed)
        share = self._early_bytes_of.get(taken.source, 0) + size
        if share <= EARLY_BYTES_MAX - self._early_bytes - size:
            headers = None if taken.headers is None else _PACKED
            stream.early[first] = replace(taken, headers=headers), messages, packed
            self._early_bytes += size
            self._early_bytes_of[taken.source] = share

    def _forget_early(self, stream: _Stream, first: int) -> tuple[Taken, int]:
        taken, messages, packed = stream.early.pop(first)
        size = _size(taken, packed)
        self._early_bytes -= size
        self._early_bytes_of[taken.source] -= size
        if not self._early_bytes_of[taken.source]:
            del self._early_bytes_of[taken.source]
        if taken.headers is not None:
            taken = replace(taken, headers=unpack_headers(packed))
        return taken, messages

    @staticmethod
    def _in_order(stream: _Stream, first: int, taken: Taken, messages: int) -> list[Taken]:
        skip = stream.expected - first
        if skip >= messages:
            return []
        stream.expected = first + messages
        if skip and taken.headers is None:
            taken = replace(taken, body=taken.body[skip:])
        return [taken]


def _size(taken: Taken, packed: bytes) -> int:
    return sum(memoryview(buffer).nbytes for buffer in taken.body) + len(packed) + 64
