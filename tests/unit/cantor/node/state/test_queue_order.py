"""The order of a queue, beside a list that is looked through from its begin each time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.node.state import queue_order
from cantor.node.state.queue_order import GOES, QueueOrder
from cantor.stores.queue_records import QueueTerms

if TYPE_CHECKING:
    from collections.abc import Sequence

VISIBLE_S = 10.0
TRIES = 3
TERMS = QueueTerms(messages_max=50, bytes_max=400, visible_s=VISIBLE_S, tries_max=TRIES)


@dataclass
class Plain:
    """A message as the model has it."""

    n: int
    size: int
    until: float = 0.0
    tries: int = 0
    take: int = 0
    is_taken: bool = False


class Model:
    """A queue and the model of it, to which the same is done."""

    def __init__(self, *, on_disk: bool) -> None:
        self.numbers = count(1)
        self.now = 0.0
        self.list: list[Plain] = []
        self.written: list[tuple[int, int]] = []
        self.takes: list[tuple[int, int]] = []
        self.order = QueueOrder(TERMS, lambda: next(self.numbers), self.more if on_disk else None)

    def more(self, after: int, last: int, most: int) -> Sequence[tuple[int, int]]:
        return [row for row in self.written if after < row[0] <= last][:most]

    def put(self, sizes: list[int], delay: float) -> None:
        is_full = len(self.list) + len(sizes) > 50 or self.bytes() + sum(sizes) > 400
        assert self.order.has_room(len(sizes), sum(sizes)) == (not is_full)
        if is_full:
            return
        self.order.reserve(len(sizes), sum(sizes))
        rows = [(next(self.numbers), size) for size in sizes]
        until = self.now + delay if delay else 0.0
        self.written += rows
        self.list += [Plain(n, size, until) for n, size in rows]
        self.order.came(rows, until)

    def bytes(self) -> int:
        return sum(one.size for one in self.list)

    def take(self, most: int, *, is_given: bool) -> None:
        self.due()
        visible = [one for one in self.list if not one.is_taken and one.until <= self.now]
        wanted: list[Plain] = []
        for one in sorted(visible, key=lambda one: one.n)[:most]:
            if wanted and sum(each.size for each in wanted) + one.size > 60:
                break
            wanted.append(one)
        taken = self.order.take(most, 60, self.now)
        assert [held.n for held in taken] == [one.n for one in wanted]
        if not is_given:
            self.order.untake(taken)
        for held, one in zip(taken, wanted, strict=True):
            one.take = held.take
            if is_given:
                one.tries, one.is_taken, one.until = one.tries + 1, True, self.now + VISIBLE_S
                self.takes.append((one.n, one.take))
            assert held.tries == one.tries

    def find(self, which: int) -> tuple[int, int, Plain | None]:
        n, take = self.takes[which % len(self.takes)] if self.takes else (1, 1)
        held = next((one for one in self.list if (one.n, one.take) == (n, take)), None)
        return n, take, held

    def acknowledge(self, which: int, *, disk_fails: bool) -> None:
        n, take, wanted = self.find(which)
        held = self.order.acknowledge(n, take)
        assert (held is None) == (wanted is None)
        if held is None or wanted is None:
            return
        if disk_fails:
            self.order.stay(held, self.now + VISIBLE_S)
            wanted.is_taken, wanted.until = True, self.now + VISIBLE_S
        else:
            self.order.leave(held)
            self.drop(wanted)

    def drop(self, one: Plain) -> None:
        self.list.remove(one)
        self.written.remove((one.n, one.size))

    def give_back(self, which: int, delay: float) -> None:
        n, take, wanted = self.find(which)
        held = self.order.give_back(n, take, self.now + delay if delay else 0.0)
        assert (held is None) == (wanted is None)
        if held is None or wanted is None:
            return
        assert (held.state == GOES) == (wanted.tries >= TRIES)
        if held.state == GOES:
            self.order.leave(held)
            self.drop(wanted)
        else:
            wanted.is_taken, wanted.take = False, 0
            wanted.until = self.now + delay if delay else 0.0

    def extend(self, which: int, seconds: float) -> None:
        n, take, wanted = self.find(which)
        assert self.order.extend(n, take, self.now + seconds) == (wanted is not None)
        if wanted is not None:
            wanted.is_taken, wanted.until = True, self.now + seconds

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.due()

    def due(self) -> None:
        used_up = self.order.is_due(self.now)
        for held in used_up:
            self.order.leave(held)
        wanted = [one for one in self.list if one.is_taken and one.until <= self.now]
        for one in wanted:
            one.is_taken = False
        gone = [one for one in wanted if one.tries >= TRIES]
        assert sorted(held.n for held in used_up) == sorted(one.n for one in gone)
        for one in gone:
            self.drop(one)

    def check(self) -> None:
        taken, delayed = self.order.states()
        assert (self.order.count, self.order.bytes) == (len(self.list), self.bytes())
        assert taken == sum(one.is_taken for one in self.list)
        assert delayed == sum(not one.is_taken and one.until > self.now for one in self.list)
        times = [one.until for one in self.list if one.until > self.now]
        if times:
            assert self.order.due_at is not None
            assert self.order.due_at <= min(times)


WHICH, TIME = st.integers(0, 99), st.sampled_from([0.0, 1.0, 4.0, 11.0])
STEPS = st.one_of(
    st.tuples(st.just("put"), st.lists(st.integers(1, 30), min_size=1, max_size=9), TIME),
    st.tuples(st.just("take"), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("acknowledge"), WHICH, st.booleans()),
    st.tuples(st.just("give_back"), WHICH, TIME),
    st.tuples(st.just("extend"), WHICH, st.sampled_from([1.0, 30.0])),
    st.tuples(st.just("wait"), TIME),
)
_NAMED = {"take": "is_given", "acknowledge": "disk_fails"}


@pytest.mark.parametrize("on_disk", [False, True])
@settings(max_examples=300)
@given(st.lists(STEPS, max_size=60))
def test_it_does_what_a_plain_list_does(on_disk: bool, steps: list[tuple[Any, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue_order, "AHEAD_MAX", 5)
        patch.setattr(queue_order, "MORE_COUNT", 3)
        patch.setattr(queue_order, "STALE_MAX", 2)
        model = Model(on_disk=on_disk)
        for verb, *args in steps:
            if verb in _NAMED:
                getattr(model, verb)(args[0], **{_NAMED[verb]: args[1]})
            else:
                getattr(model, verb)(*args)
            model.check()
        model.wait(1000.0)
        for _ in range(len(model.list)):
            model.take(50, is_given=True)
            model.check()


def test_after_a_restart_who_had_a_message_has_it_still() -> None:
    before = Model(on_disk=True)
    before.put([5, 5, 5, 5], 0.0)
    before.take(2, is_given=True)
    before.put([5], 30.0)
    told = before.order.untold()
    assert [(tries, until) for tries, _, until, _ in sorted(told)] == [(1, VISIBLE_S)] * 2
    assert before.order.untold() == []

    order = QueueOrder(TERMS, lambda: next(before.numbers), before.more)
    tried = [(n, 5, tries, take, until) for tries, take, until, n in told]
    delayed = before.list[-1]
    order.load(5, 25, delayed.n, [*tried, (delayed.n, 5, 0, 0, 30.0)])
    assert [held.n for held in order.take(9, 1000, 1.0)] == [one.n for one in before.list[2:4]]
    (n, take), (other, _) = before.takes
    assert order.acknowledge(n, take) is not None
    assert order.is_due(VISIBLE_S) == []
    again = order.take(9, 1000, VISIBLE_S)
    assert [(held.n, held.tries) for held in again] == [(other, 2)]
    assert order.is_due(40.0) == []
    assert delayed.n in [held.n for held in order.take(9, 1000, 40.0)]


def test_a_dead_letter_comes_in_its_place_and_once() -> None:
    model = Model(on_disk=True)
    late = next(model.numbers)
    model.put([1], 0.0)
    model.order.reserve(1, 7)
    model.order.came_late(late, 7)
    model.written.insert(0, (late, 7))
    assert [held.n for held in model.order.take(9, 1000, 0.0)] == [late, model.list[0].n]
    assert model.order.take(9, 1000, 0.0) == []


def test_messages_that_were_acknowledged_leave_nothing_behind() -> None:
    model = Model(on_disk=True)
    for _ in range(3000):
        model.put([1], 0.0)
        model.take(1, is_given=True)
        model.acknowledge(-1, disk_fails=False)
    assert len(model.order._times) < 2100
    assert not model.order._known
    assert not model.order._ahead
