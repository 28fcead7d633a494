"""Whether a clock can be right is told by most of the others."""

from __future__ import annotations

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.ledger.variables.clocks import TOLD_MAX, TOLD_S, Clocks


def told(*ahead_s: float) -> Clocks:
    clocks = Clocks()
    for number, seconds in enumerate(ahead_s):
        clocks.told(NodeId(f"{number:032x}"), 1000.0 + seconds, 1000.0, 0.0)
    return clocks


@pytest.mark.parametrize(
    "ahead_s", [(), (0.0,), (59.0,), (3600.0, 0.0), (3600.0, -3600.0, 0.0, 1.0), (0.0, 0.0, 99.0)]
)
def test_a_clock_that_most_agree_with(ahead_s: tuple[float, ...]) -> None:
    told(*ahead_s).check(0.0, "here")


@pytest.mark.parametrize(
    ("ahead_s", "message"),
    [
        ((3600.0,), "3600 s behind"),
        ((-3600.0, -3599.0, 0.0), "ahead of"),
        ((100.0, 100.0, 0.0), "100 s behind"),
    ],
)
def test_a_clock_that_most_disagree_with(ahead_s: tuple[float, ...], message: str) -> None:
    with pytest.raises(UnavailableError, match=message):
        told(*ahead_s).check(0.0, "here")


def test_what_was_said_long_ago_does_not_count() -> None:
    clocks = told(3600.0)

    assert clocks.apart(TOLD_S) == {NodeId("0" * 32): 3600.0}
    assert clocks.apart(TOLD_S + 1) == {}
    clocks.check(TOLD_S + 1, "here")


def test_a_clock_that_was_set_right_is_right_at_once() -> None:
    clocks = told(3600.0, 3601.0)

    clocks.stepped(3600.0)

    clocks.check(0.0, "here")


def test_many_that_speak_take_no_more_room() -> None:
    clocks = told(*[3600.0] * (2 * TOLD_MAX))

    assert len(clocks.apart(0.0)) == TOLD_MAX
