from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cantor.ledger.test_ledger import compare, ledger

from cantor.base.ids import NodeId
from cantor.ledger.days import (
    DAY_S,
    LIFE_DAYS,
    REFRESH_DAYS,
    STEP_DAYS,
    day_of,
    day_to_say,
    has_lapsed,
    is_due,
)
from cantor.ledger.facts import Batch, Fact, pack_facts, unpack_facts

if TYPE_CHECKING:
    from cantor.ledger.ledger import Ledger
    from cantor.wire.frame import Value

A, B, C = NodeId("a" * 32), NodeId("b" * 32), NodeId("c" * 32)
TODAY = 20_000


def on(day: float) -> int:
    """A stamp of that day."""
    return int(day * DAY_S * 1000) << 16


def told(ours: Ledger, batch: Batch) -> dict[str, object]:
    """What a ledger holds of an owner after it has heard of a batch."""
    ours.merge(batch, on(TODAY))
    return {fact.name: fact.value for fact in ours.facts_of(batch.owner)}


def test_marks_travel_in_signed_batches_and_an_older_version_reads_what_is_before_them() -> None:
    batch, facts = ledger(B).publish({"x": 1, "y": 2}, on(TODAY), lasting=("y",))
    assert [fact.lasting for fact in facts] == [False, True]
    assert unpack_facts(batch) == facts
    rows = msgpack.unpackb(batch.data)["facts"]
    assert [row[:4] for row in rows] == [["x", 1, on(TODAY), 1], ["y", 1, on(TODAY), 2]]

    data = pack_facts([Fact(B, "x", 1, 1, on(TODAY))])  # as the version before signs
    assert len(msgpack.unpackb(data)["facts"][0]) == 4
    assert unpack_facts(batch._replace(data=data))[0].lasting is None


def test_a_fact_holds_for_seventy_days_unless_it_lasts_or_is_of_an_older_version() -> None:
    fact = Fact(B, "x", 1, 1, on(TODAY + 0.5), lasting=False)
    assert day_of(fact.hlc) == TODAY
    assert not has_lapsed(fact, TODAY + LIFE_DAYS)
    assert has_lapsed(fact, TODAY + LIFE_DAYS + 1)
    assert not has_lapsed(fact._replace(lasting=True), 10 * TODAY)
    assert not has_lapsed(fact._replace(lasting=None), 10 * TODAY)
    assert not is_due(fact, TODAY + REFRESH_DAYS)
    assert is_due(fact, TODAY + REFRESH_DAYS + 1)
    assert not is_due(fact._replace(value=None), 10 * TODAY)
    assert REFRESH_DAYS < STEP_DAYS < LIFE_DAYS - 1


def test_what_lapsed_is_given_up_and_never_taken_again_but_what_lasts_stays() -> None:
    gone = ledger(B)
    old, _ = gone.publish({"x": 1}, on(1))
    both, _ = gone.publish({"x": 2, "y": 2}, on(2), lasting=("y",))
    ours, late = ledger(A), ledger(C)
    for batch in (old, both):
        ours.merge(batch, on(3))
        late.merge(batch, on(3))

    assert ours.collect(2 + LIFE_DAYS) == []
    assert [(fact.name, fact.value) for fact in ours.collect(3 + LIFE_DAYS)] == [("x", None)]
    assert told(ours, old) == told(ours, both) == {"y": 2}
    late.collect(3 + LIFE_DAYS)
    assert compare(late, ours)[1] == 0
    assert ours.get(B, "x") is None


def test_an_owner_of_whom_nothing_is_left_takes_no_room() -> None:
    ours, gone = ledger(A), ledger(B)
    ours.merge(gone.publish({"x": 1}, on(1))[0], on(2))
    ours.merge(gone.publish({"x": None}, on(2))[0], on(2))
    ours.collect(TODAY)
    assert list(ours.all_facts()) == []
    assert ours.digests.root() == ledger(C).digests.root()


def test_an_owner_that_comes_back_is_heard() -> None:
    ours, back = ledger(A), ledger(B)
    ours.merge(back.publish({"x": 1}, on(1))[0], on(2))
    ours.collect(TODAY)
    assert told(ours, back.publish({"x": 3}, on(TODAY))[0]) == {"x": 3}


def test_what_lasted_once_lasts_withdrawn_too_and_over_a_lost_memory() -> None:
    first = ledger(A, epoch=3)
    old, _ = first.publish({"x": 1}, on(1), lasting=("x",))
    _, (withdrawn,) = first.publish({"x": None}, on(2))
    assert withdrawn.lasting

    _, (again,) = ledger(A).merge(old, on(3))
    assert (again.value, again.lasting) == (None, True)


def test_a_node_that_leaves_keeps_what_lasts() -> None:
    leaving = ledger(A)
    leaving.publish({"x": 1, "y": 1}, 1, lasting=("y",))
    leaving.depart(2)
    assert leaving.own() == {"y": 1}


def test_own_facts_stay_and_own_withdrawn_ones_lapse_as_elsewhere() -> None:
    ours, other = ledger(A), ledger(B)
    other.merge(ours.publish({"x": 1, "y": 1}, on(1))[0], on(2))
    other.merge(ours.publish({"y": None}, on(2))[0], on(2))
    ours.collect(TODAY)
    assert [fact.name for fact in ours.facts_of(A)] == ["x"]
    other.merge(ours.publish({"x": 1}, on(TODAY))[0], on(TODAY))
    other.collect(TODAY)
    assert compare(ours, other)[1] == 0
    assert ours.digests.root() == other.digests.root()


VALUES: list[Value] = [None, 1]
said = st.tuples(st.integers(0, 2), st.sampled_from("xyz"), st.sampled_from(VALUES), st.booleans())


@given(
    days=st.lists(said, min_size=1, max_size=12),
    heard=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 11)), max_size=40),
    ends=st.tuples(st.integers(0, 300), st.integers(0, 300)),
)
def test_two_nodes_that_know_the_day_agree_whatever_they_heard_before(
    days: list[tuple[int, str, Value, bool]],
    heard: list[tuple[int, int]],
    ends: tuple[int, int],
) -> None:
    """However old news come, in whatever order: one comparison is enough, the next sends none."""
    owners = [ledger(NodeId(f"{n:032x}")) for n in range(3)]
    batches = [
        owners[owner].publish({name: value}, on(20 * n), lasting=name if lasting else ())[0]
        for n, (owner, name, value, lasting) in enumerate(days)
    ]
    sides = ledger(A), ledger(B)
    for at, (side, number) in enumerate(heard):
        if at == len(heard) // 2:
            for here, day in zip(sides, ends, strict=True):
                here.collect(day)
        sides[side].merge(batches[number % len(batches)], on(1000))
    for here in sides:
        here.collect(max(ends))
    compare(*sides)
    assert sides[0].digests.root() == sides[1].digests.root()
    assert compare(*sides)[1] == 0
    assert not any(has_lapsed(fact, max(ends)) for fact in sides[0].all_facts())


def test_an_issuer_says_the_day_that_most_others_bear_out() -> None:
    facts = [Fact(node, "node", 1, 1, on(TODAY), lasting=False) for node in (A, B, C)]
    wall_s = (TODAY + 0.5) * DAY_S
    assert day_to_say(facts, A, {A, B, C}, wall_s) == TODAY
    assert day_to_say(facts, A, {A}, wall_s) is None
    assert day_to_say(facts[:2], A, {A, B, C}, wall_s) is None


@pytest.mark.parametrize("jump", [-400, -2, 2, 50, 3650])
def test_an_issuer_whose_clock_was_set_says_no_day(jump: int) -> None:
    facts = [Fact(node, "node", 1, 1, on(TODAY), lasting=False) for node in (B, C)]
    facts.append(Fact(A, "node", 1, 1, on(TODAY + jump), lasting=False))
    assert day_to_say(facts, A, {A, B, C}, (TODAY + jump) * DAY_S) is None


def test_no_day_ends_what_a_living_node_says() -> None:
    facts = [
        Fact(B, "links", 1, 1, on(TODAY), lasting=False),
        Fact(B, "node", 1, 1, on(TODAY - 100), lasting=False),
        Fact(B, "gone", None, 1, on(1), lasting=False),
        Fact(B, "kept", 1, 1, on(2), lasting=True),
        Fact(C, "node", 1, 1, on(3), lasting=False),
    ]
    assert day_to_say(facts, A, {A, B}, TODAY * DAY_S) == TODAY - 100 + STEP_DAYS


def test_no_day_is_said_while_a_node_of_an_older_version_lives() -> None:
    facts = [Fact(node, "node", 1, 1, on(TODAY), lasting=False) for node in (A, B)]
    facts.append(Fact(B, "links", 1, 1, on(TODAY)))
    assert day_to_say(facts, A, {A, B}, TODAY * DAY_S) is None
