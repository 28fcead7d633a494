"""What ``cantor service logs --follow`` prints of a log that goes on, and whose beginning goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.cli.service import fresh


@given(
    count=st.integers(0, 60),
    steps=st.lists(st.tuples(st.integers(0, 12), st.integers(12, 40)), max_size=12),
)
def test_each_line_is_printed_once_and_in_order(count: int, steps: list[tuple[int, int]]) -> None:
    log = [f"12:00:{number} ready" for number in range(count)]
    known = log[-20:]
    printed = list(known)
    begun = len(log) - len(known)

    for more, window in steps:  # it never prints more than a look shows
        log += [f"12:00:{len(log) + number} ready" for number in range(more)]
        shown = log[-window:]
        printed += fresh(known, shown)
        known = shown

    assert printed == log[begun:]


def test_a_log_that_begins_anew_is_shown_whole() -> None:
    assert fresh(["a", "b"], ["x", "y"]) == ["x", "y"]
    assert fresh([], ["x"]) == ["x"]
    assert fresh(["a"], []) == []
    assert fresh(["a", "b"], ["a", "b"]) == []
