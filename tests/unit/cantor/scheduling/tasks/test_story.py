from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.base.ids import NodeId
from cantor.scheduling.tasks import story
from cantor.scheduling.tasks.story import Failure, Tail, read_task_id, task_id

DESK = NodeId("d" * 32)


def text_of(tail: Tail) -> str:
    return "".join(text for _, text in tail.pieces)


@given(life=st.integers(0, 10**9), number=st.integers(1, 10**12))
def test_the_id_of_a_task_can_be_read_back(life: int, number: int) -> None:
    assert read_task_id(task_id(DESK, life, number)) == (DESK, life, number)


def test_an_id_may_name_its_node_as_people_do() -> None:
    assert read_task_id("gate-camera-3-118") == ("gate-camera", 3, 118)


@given(st.text())
def test_what_is_no_id_is_none(text: str) -> None:
    found = read_task_id(text)

    assert found is None or text.startswith(f"{found[0]}-")
    for odd in ("", "-1-2", "x-1", "x-1-", "x-1-²", f"x-1-{'9' * 19}"):
        assert read_task_id(odd) is None


@given(
    written=st.lists(st.tuples(st.sampled_from([1, 2]), st.text(min_size=1, max_size=40))),
    most=st.integers(0, 100),
)
def test_a_tail_is_the_end_of_what_was_written(written: list[tuple[int, str]], most: int) -> None:
    tail = Tail()
    for descriptor, text in written:
        tail.add(descriptor, text)
    all_of_it = "".join(text for _, text in written)
    assert (text_of(tail), tail.is_cut) == (all_of_it, False)
    signs = [(descriptor, sign) for descriptor, text in written for sign in text]

    tail.cut(most)

    assert text_of(tail) == all_of_it[max(0, len(all_of_it) - most) :]
    assert tail.size == len(text_of(tail))
    assert tail.is_cut == (len(all_of_it) > most)
    kept = [(descriptor, sign) for descriptor, text in tail.pieces for sign in text]
    assert kept == signs[len(signs) - len(kept) :]


def test_a_task_that_prints_for_ever_is_remembered_in_few_pieces() -> None:
    tail = Tail()
    for number in range(200_000):
        tail.add(1, f"{number}\n")

    assert tail.size <= story.OUTPUT_CHARACTERS_MAX
    assert text_of(tail).endswith("199998\n199999\n")
    assert len(tail.pieces) < 20


def test_a_failure_fits_in_a_line() -> None:
    assert Failure("ValueError", "no\nsuch thing", "").line == "ValueError: no"
    assert Failure("KeyError", "", "").line == "KeyError"
    assert len(Failure("E", "x" * 10_000, "").line) == story.WHY_CHARACTERS_MAX
