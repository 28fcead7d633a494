"""Orders: which of several holds, what is read back, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.services.orders import (
    PAST_MAX,
    PUSHES_MAX,
    Key,
    first_order,
    key_of,
    order_from,
    pushed_by,
    revision_from,
    seen_in,
)

A, B = NodeId("a" * 32), NodeId("b" * 32)
KEY = Key("default", "counter")
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
FIRST = first_order(KEY, A, ONE, "GPU = 1", 5.0, project="yard", note="the first")


def test_each_order_has_the_next_number_and_remembers_the_last_revisions() -> None:
    order = FIRST
    for turn in range(12):
        order = order.pushed(B, f"{turn:064x}", "", 6.0 + turn)

    assert order.number == 13
    assert len(order.past) == PAST_MAX
    assert [one.stamp.number for one in order.past] == list(range(12, 4, -1))
    assert (order.project, order.revision.stamp) == ("yard", (13, B))


def test_of_two_at_once_one_wins_whatever_the_order() -> None:
    of_a, of_b = FIRST.pushed(A, TWO, "", 6.0), FIRST.pushed(B, THREE, "", 6.0)

    assert max((of_a, of_b), key=lambda one: one.rank) is of_b


def test_a_push_wins_over_a_return_by_itself() -> None:
    pushed = FIRST.pushed(A, TWO, "", 6.0)
    back = pushed.returned(B, FIRST.revision, 7.0, "it crashed", b"proof")
    again = pushed.pushed(A, THREE, "", 7.0)

    assert max((back, again), key=lambda one: one.rank) is again


def test_a_return_goes_past_what_failed() -> None:
    second = FIRST.pushed(A, TWO, "", 6.0)
    back = second.returned(B, FIRST.revision, 7.0, "it crashed", b"proof")

    assert (back.revision.bundle, back.revision.needs) == (ONE, "GPU = 1")
    assert back.revision.note == "return to 1: it crashed"
    assert [one.is_bad for one in back.past] == [True, False]
    assert back.previous is None  # what ran before it is the same code, or failed
    assert back.pushed(A, THREE, "", 8.0).previous == back.revision


def test_stop_and_start_keep_the_revision() -> None:
    stopped = FIRST.with_wanted(B, "stopped", 6.0)

    assert (stopped.number, stopped.by, stopped.revision) == (2, B, FIRST.revision)
    assert stopped.with_wanted(A, "running", 7.0).revision_of(1) == FIRST.revision


def test_what_is_signed_is_read_back() -> None:
    order = replace(
        FIRST.pushed(A, TWO, "", 6.0, note="new"), canaries=(A, B), hold_s=3.0, proof=b"x", why="y"
    )

    assert order_from(order.content(), A) == order


@pytest.mark.parametrize(("key", "value"), [
    ("number", 0), ("number", True), ("number", 2**60), ("wanted", "burning"), ("name", "../x"),
    ("name", "a" * 60), ("past", None), ("past", [1]), ("past", [{}] * 99), ("canaries", ["x"]),
    ("canaries", "x"), ("at", float("nan")), ("at", -1.0), ("hold_s", "1"), ("proof", "x"),
    ("why", "x" * 999), ("revision", None), ("tenant", 1),
])  # fmt: skip
def test_an_order_of_another_shape_is_refused(key: str, value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        order_from({**FIRST.content(), key: value}, A)  # type: ignore[dict-item] # the point


@pytest.mark.parametrize(("key", "value"), [
    ("bundle", "xyz"), ("bundle", "../" + "1" * 61), ("needs", "GPU =="), ("needs", "a" * 2000),
    ("by", "nobody"), ("number", -1), ("at", "now"), ("note", None),
])  # fmt: skip
def test_a_revision_of_another_shape_is_refused(key: str, value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        revision_from({**FIRST.revision.as_value(), key: value})  # type: ignore[dict-item]


@given(
    st.dictionaries(
        st.sampled_from(sorted(FIRST.content())),
        st.none() | st.integers() | st.text() | st.lists(st.none() | st.text()) | st.binary(),
    )
)
def test_whatever_is_in_an_order_it_is_read_or_refused(changes: dict[str, object]) -> None:
    try:
        order_from({**FIRST.content(), **changes}, A)  # type: ignore[dict-item]
    except RemoteProtocolError:
        return


@pytest.mark.parametrize("name", [
    "service/", "service/x", "service//counter", "service/default/Counter", "services/default/x",
    "service/default/", "service/default/a/b",
])  # fmt: skip
def test_other_facts_are_about_no_service(name: str) -> None:
    assert key_of(name) is None
    assert key_of(KEY.fact) == KEY


def test_whose_code_it_is_stays_through_returns() -> None:
    second = FIRST.pushed(B, TWO, "", 6.0)
    back = second.returned(B, FIRST.revision, 7.0, "")
    again = back.pushed(A, THREE, "", 8.0).returned(A, back.revision, 9.0, "", b"proof")

    assert [pushed_by(one.revision) for one in (second, back, again)] == [B, A, A]
    assert [one.is_push for one in (FIRST, second, back, again)] == [True, True, False, False]
    assert order_from(again.content(), A) == again


def test_only_who_pushes_is_seen_pushing_and_only_while_the_code_is_known() -> None:
    seen = seen_in(FIRST, ())
    second = FIRST.pushed(B, TWO, "", 6.0)
    seen = seen_in(second, seen)
    assert seen == ((ONE, A), (TWO, B))
    assert seen_in(second.with_wanted(A, "stopped", 7.0), seen) == seen
    assert seen_in(second.returned(A, FIRST.revision, 7.0, ""), seen) == seen
    claimed = replace(second, number=3, by=A)
    assert seen_in(claimed, ()) == ()

    order = second
    for turn in range(PAST_MAX + 1):
        order = order.pushed(B, f"{turn:064x}", "", 8.0)
        seen = seen_in(order, seen)
    assert ONE not in dict(seen)


def test_what_is_seen_is_bounded() -> None:
    seen = tuple((ONE, NodeId(f"{number:032x}")) for number in range(2 * PUSHES_MAX))

    assert seen_in(FIRST, seen) == (*seen[-PUSHES_MAX + 1 :], (ONE, A))
