from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.scheduling.shares.uses import Told, Use, add, told_from_value

if TYPE_CHECKING:
    from cantor.wire.frame import Value

amounts = st.dictionaries(st.sampled_from(("GPU", "Memory")), st.integers(1, 2**40))


@given(st.dictionaries(st.text(min_size=1), st.builds(Use, amounts, amounts, amounts)))
def test_what_is_told_is_read_back(uses: dict[str, Use]) -> None:
    told = Told(7, uses)
    assert told_from_value(told.as_value()) == told


@pytest.mark.parametrize(
    "value",
    [None, 3, {}, {"epoch": 1, "projects": []}, {"epoch": 1, "projects": {"a": {"held": 3}}},
     {"epoch": 1, "projects": {"a": {"held": {"GPU": -1}, "spent": {"GPU": math.inf}}}},
     {"epoch": 1, "projects": {"a": {"held": {"GPU": True, "R": 2.0**80}}}},
     {"epoch": 1, "projects": {"a": {"held": {f"R{n}": 1 for n in range(65)}}}}],
)  # fmt: skip
def test_what_has_not_the_right_shape_is_left_out(value: Value) -> None:
    assert all(use == Use() for use in told_from_value(value).uses.values())


def test_what_is_counted_out_again_is_gone() -> None:
    counted: dict[str, int | float] = {}
    for amount in (0.1, 0.2, 0.3):
        add(counted, {"GPU": amount})
    for amount in (0.3, 0.1, 0.2):
        add(counted, {"GPU": amount}, -1)
    assert counted == {}
