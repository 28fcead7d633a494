"""Both ends of a stream over a network that loses, repeats and reorders, on a virtual clock."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.mesh import stream_receiver
from cantor.mesh.stream_receiver import (
    EARLY_FRAMES_MAX,
    FORGET_S,
    PATIENT_FRAMES_MAX,
    StreamReceiver,
    Taken,
)
from cantor.mesh.stream_sender import TIMEOUT_FIRST_S, StreamSender
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from cantor.wire.frame import Value

A, B, C, D = (NodeId(letter * 32) for letter in "abcd")


class Network:
    """A sender at A, a receiver at B, and what is under way between them."""

    def __init__(self, seed: int, *, loss: float = 0.0, repeat: float = 0.0) -> None:
        self.random = random.Random(seed)  # noqa: S311 (a seed, not a secret)
        self.loss, self.repeat = loss, repeat
        self.now = 0.0
        self.sender = StreamSender(A, B, 1, "t", 1)
        self.receiver = StreamReceiver(B)
        self.taken: list[Taken] = []
        self.lost = 0
        self.numbers = itertools.count(2)
        self.anew_at: set[int] = set()
        """Before which of the frames that arrive the receiver is started anew."""
        self._arrived = itertools.count()
        self._under_way: list[tuple[float, int, DataFrame]] = []
        self._order = itertools.count()

    def send(self, frame: DataFrame) -> None:
        copies = 1 + (self.random.random() < self.repeat)
        for _ in range(copies):
            if self.random.random() < self.loss:
                self.lost += 1
                continue
            at = self.now + 0.001 + self.random.random() * 0.05
            heapq.heappush(self._under_way, (at, next(self._order), frame))

    def step(self, seconds: float) -> None:
        """Let time pass, a tick of a tenth of a second at a time."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.1)
            while self._under_way and self._under_way[0][0] <= self.now:
                self._arrive(heapq.heappop(self._under_way)[2])
            self.sender.tick(self.now)
            self.receiver.tick(self.now)
            self._answer()
            while (frame := self.sender.next_frame(self.now)) is not None:
                self.send(frame)

    def _arrive(self, frame: DataFrame) -> None:
        if frame.kind == Kind.STREAM:
            if next(self._arrived) in self.anew_at:
                self.receiver = StreamReceiver(B)
            self.taken += self.receiver.received(frame)
            if self.random.random() < 0.5:  # something else goes there
                self.receiver.hurry(frame.source)
            self._answer()
        elif frame.headers["s"] != self.sender.number:
            pass
        elif frame.headers.get("u"):
            self.sender.begin_anew(next(self.numbers))
        else:
            expected = frame.headers["n"]
            assert isinstance(expected, int)
            self.sender.taken(expected, bool(frame.headers.get("g")), self.now)

    def _answer(self) -> None:
        for answer in self.receiver.take_answers():
            self.send(answer)

    def messages(self) -> list[bytes]:
        """Every plain message that was taken, in the order of its taking."""
        return [bytes(part) for taken in self.taken for part in taken.body]


@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0, 0.6), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_every_message_is_taken_once_and_in_order(
    seed: int, count: int, loss: float, repeat: float
) -> None:
    net = Network(seed, loss=loss, repeat=repeat)
    expected = []
    for number in range(count):
        body = b"%d" % number + b"." * net.random.choice([0, 10, 70_000])
        if net.random.random() < 0.3:
            net.sender.post({"number": number}, (body,))
        else:
            net.sender.write(body)
        expected.append(body)
        if net.random.random() < 0.5:
            net.step(0.1)
    net.step(30.0)
    net.loss = 0.0
    net.step(10.0)
    assert net.messages() == expected
    assert net.sender.is_done
    assert net.sender.taken_total == count


def test_many_small_messages_share_a_frame() -> None:
    sender = StreamSender(A, B, 1, "t", 1)
    for number in range(3000):
        sender.write(b"%04d" % number)
    frames = []
    while (frame := sender.next_frame(0.0)) is not None:
        frames.append(frame)
    assert [len(frame.body) for frame in frames] == [1024, 1024, 952]
    assert [frame.headers["n"] for frame in frames] == [0, 1024, 2048]


def test_when_the_way_changes_what_was_under_way_goes_again_at_once() -> None:
    net = Network(1, loss=1.0)
    for number in range(3):
        net.sender.post({}, (b"%d" % number,))
    net.step(0.1)
    net.loss = 0.0
    assert net.lost == 3
    net.sender.way_changed(net.now)
    net.step(0.2)
    assert net.messages() == [b"0", b"1", b"2"]


def test_without_news_it_goes_again_after_a_time_that_doubles() -> None:
    net = Network(1, loss=1.0)
    net.sender.write(b"x")
    net.step(TIMEOUT_FIRST_S * 8)
    assert 3 <= net.lost <= 5


def test_a_receiver_that_was_started_anew_takes_what_was_not_taken_before() -> None:
    net = Network(3)
    net.sender.write(b"old")
    net.step(1.0)
    net.receiver = StreamReceiver(B)
    for number in range(5):
        net.sender.post({}, (b"%d" % number,))
    net.step(2.0)
    assert net.messages() == [b"old", b"0", b"1", b"2", b"3", b"4"]
    assert net.sender.taken_total == 6


@given(st.integers(0, 10**6), st.integers(2, 30), st.sets(st.integers(1, 30), max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_receiver_started_anew_while_frames_are_under_way_still_takes_all(
    seed: int, count: int, anew_at: set[int]
) -> None:
    net = Network(seed, loss=0.1, repeat=0.2)
    net.anew_at = anew_at
    for number in range(count):
        net.sender.post({}, (b"%02d" % number + b"." * net.random.choice([0, 1_000_000]),))
    net.step(30.0)
    net.loss = 0.0
    net.step(10.0)
    assert net.sender.is_done
    first_of = [message[:2] for message in dict.fromkeys(net.messages())]
    assert first_of == [b"%02d" % number for number in range(count)]


def test_what_was_acknowledged_before_the_receiver_began_anew_does_not_hold_the_stream_up() -> None:
    sender, receiver = StreamSender(A, B, 1, "t", 1), StreamReceiver(B)
    for number in range(3):
        sender.post({}, (b"%d" % number,))
    frames = [frame for _ in range(3) if (frame := sender.next_frame(0.0)) is not None]
    sender.taken(1, has_gap=False, now=0.1)
    assert receiver.received(frames[1]) == []  # begun anew: it waits for the first, which is gone
    sender.way_changed(5.0)
    again = sender.next_frame(5.0)
    assert again is not None
    assert receiver.received(again) == []
    assert [answer.headers.get("u") for answer in receiver.take_answers()][-1] is True


def test_frames_that_come_far_too_early_are_kept_within_a_limit() -> None:
    receiver = StreamReceiver(B)
    for number in range(1, 2 * EARLY_FRAMES_MAX):
        headers: dict[str, Value] = {"s": 1, "n": number, "t": "t", "b": True}
        assert not receiver.received(DataFrame(Kind.STREAM, A, B, headers=headers, body=(b"x",)))
    (stream,) = receiver._streams[A].values()
    assert len(stream.early) == EARLY_FRAMES_MAX


def test_headers_of_frames_that_come_too_early_count_and_are_kept_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_receiver, "EARLY_BYTES_MAX", 200_000)
    receiver = StreamReceiver(B)
    many: Value = [[]] * 30_000  # 30 kB on the wire, 60 times as much as objects
    about: dict[str, Value] = {"s": 1, "t": "t", "b": True, "h": {"x": many}}
    for number in (1, 2, 3, 4):
        assert not receiver.received(DataFrame(Kind.STREAM, A, B, headers={**about, "n": number}))
        assert receiver._early_bytes <= 100_000
    (stream,) = receiver._streams[A].values()
    assert [early.headers for early, _, _ in stream.early.values()] == [{}] * 3
    taken = receiver.received(DataFrame(Kind.STREAM, A, B, headers={**about, "n": 0}))
    assert [one.headers for one in taken] == [{"x": many}] * 4  # the fourth comes again
    assert (stream.expected, receiver._early_bytes, receiver._early_bytes_of) == (4, 0, {})


def early(source: NodeId, number: int, size: int = 1000) -> DataFrame:
    headers: dict[str, Value] = {"s": 1, "n": number, "t": "t", "b": True}
    return DataFrame(Kind.STREAM, source, B, headers=headers, body=(bytes(size),))


def test_one_source_leaves_others_as_much_room_for_what_comes_too_early_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_receiver, "EARLY_BYTES_MAX", 300_000)
    receiver = StreamReceiver(B)
    for number in range(1, 1000):
        receiver.received(early(A, number))
    assert 148_000 <= receiver._early_bytes <= 150_000

    receiver.received(early(C, 1, 70_000))  # of an honest one, which is wanted

    assert len(receiver.received(early(C, 0, 1))) == 2
    assert receiver._early_bytes <= 150_000


@given(st.lists(st.tuples(st.sampled_from([A, C, D]), st.integers(0, 9), st.integers(0, 40_000))))
def test_what_is_kept_early_never_exceeds_its_bounds(
    frames: list[tuple[NodeId, int, int]],
) -> None:
    receiver = StreamReceiver(B)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_receiver, "EARLY_BYTES_MAX", 100_000)
        for source, number, size in frames:
            receiver.received(early(source, number, size))
            kept = receiver._early_bytes_of
            assert receiver._early_bytes == sum(kept.values()) <= 100_000
            assert all(0 < of <= 50_000 for of in kept.values())
    receiver.tick(FORGET_S + 1.0)
    assert (receiver._early_bytes, receiver._early_bytes_of) == (0, {})


def told(receiver: StreamReceiver) -> list[tuple[NodeId, Value]]:
    """Whom a receiver answers now, and how far it has come."""
    return [(answer.destination, answer.headers["n"]) for answer in receiver.take_answers()]


def some(count: int, source: NodeId = A) -> list[DataFrame]:
    """Frames of one plain message each."""
    sender, frames = StreamSender(source, B, 1, "t", 1), []
    for number in range(count):
        sender.write(b"%d" % number)
        frame = sender.next_frame(0.0)
        assert frame is not None
        frames.append(frame)
    return frames


def test_the_answer_to_plain_messages_waits_for_what_else_goes_to_their_source() -> None:
    receiver = StreamReceiver(B)
    for source in (A, C):
        for frame in some(2, source):
            receiver.received(frame)
    assert (told(receiver), receiver.has_patient_answers) == ([], True)
    receiver.hurry(D)
    assert told(receiver) == []
    receiver.hurry(C)
    assert told(receiver) == [(C, 2)]
    receiver.tick(0.1)
    assert (told(receiver), receiver.has_patient_answers) == ([(A, 2)], False)


def test_who_may_wait_for_the_answer_or_has_to_send_again_gets_it_at_once() -> None:
    sender = StreamSender(A, B, 1, "t", 1)
    sender.post({}, (b"0",))
    waited_for = sender.next_frame(0.0)
    assert waited_for is not None
    first, second, third = some(3)
    former = dataclasses.replace(first, headers={k: first.headers[k] for k in "sntb"})
    for frames in ([waited_for], [former], [second], [first, first], [second, first], [third]):
        receiver = StreamReceiver(B)
        for frame in frames:
            receiver.received(frame)
        assert receiver.has_answers
        assert not receiver.has_patient_answers


def test_one_answer_stands_for_a_few_frames_at_most() -> None:
    receiver = StreamReceiver(B)
    frames = some(2 * PATIENT_FRAMES_MAX + 2)
    for frame in frames:
        receiver.received(frame)
        if receiver.has_answers:
            assert told(receiver) == [(A, receiver._streams[A][1].expected)]
    assert not receiver.has_patient_answers
    assert receiver._streams[A][1].patient == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"s": 1, "n": -1, "t": "t"},
        {"s": 1, "n": 0},
        {"s": "1", "n": 0, "t": "t"},
        {"s": 1, "n": 0, "t": "t", "h": [1]},
        {"s": 1, "n": 0, "t": "t" * 300},
    ],
)
def test_odd_headers_are_refused(headers: dict[str, object]) -> None:
    frame = DataFrame(Kind.STREAM, A, B, headers=headers)  # type: ignore[arg-type]
    with pytest.raises(RemoteProtocolError):
        StreamReceiver(B).received(frame)


def test_what_a_liar_acknowledges_is_ignored() -> None:
    sender = StreamSender(A, B, 1, "t", 1)
    sender.write(b"x")
    sender.next_frame(0.0)
    sender.taken(7, has_gap=False, now=0.1)
    assert not sender.is_done


def test_whoever_writes_too_much_is_told_to_wait() -> None:
    sender = StreamSender(A, B, 1, "t", 1)
    while not sender.is_full:
        sender.write(bytes(100_000))
    sent = 0
    while sender.next_frame(0.0) is not None:
        sent += 1
    assert sent
    assert not sender.has_work
