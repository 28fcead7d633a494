"""What a node shows of its grants comes back whole from the wire, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.node.grants.showing import SHOWN_MAX, Shown, Waiter, shown_from_value
from cantor.scheduling.grants.records import Key, Lease

if TYPE_CHECKING:
    from cantor.wire.frame import Value

WALL = NodeId("a" * 32)
GRANTED = Lease(Key("run/1", 2), WALL, 7, {"GPU": 1, "Memory": 0.5}, {"GPU": ("gpu-0",)}, 15.0, 9.0)
WAITS = Waiter("run/2", WALL, "demo", "GPU = 1", 10.0)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def test_it_comes_back_and_counts_what_is_taken() -> None:
    shown = Shown((GRANTED, GRANTED), (WAITS,), {"Licence": 3})

    assert shown_from_value(shown.as_value()) == shown
    assert shown.taken == {"GPU": 2, "Memory": 1.0}
    many = Shown(waiting=(WAITS,) * (SHOWN_MAX + 1))
    assert len(shown_from_value(many.as_value()).waiting) == SHOWN_MAX


@pytest.mark.parametrize(
    "wrong", [{"needs": "GPU ="}, {"since": -1}, {"since": "now"}, {"task": 3}, {"task": "x" * 999}]
)
def test_a_waiter_that_cannot_be_is_refused(wrong: dict[str, Value]) -> None:
    with pytest.raises(RemoteProtocolError):
        shown_from_value({"held": [], "waiting": [{**WAITS.as_value(), **wrong}]})


@given(st.dictionaries(st.sampled_from(["held", "waiting", "elsewhere"]), ODD))
def test_nonsense_is_refused_or_nothing(value: dict[str, Value]) -> None:
    try:
        shown = shown_from_value(value)
    except RemoteProtocolError:
        return
    assert all(units > 0 for units in shown.elsewhere.values())
