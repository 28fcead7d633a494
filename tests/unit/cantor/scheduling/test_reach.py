"""Needs that no node can ever meet are told from those that must only wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.resources import Resource
from cantor.scheduling.needs import parse
from cantor.scheduling.reach import Place, can_ever, missing

GIB = 2**30
WALL = Place("wall", (Resource("GPU", "quantity", 2), Resource("Memory", "quantity", 8 * GIB, "B")))
ROOF = Place(
    "roof", (Resource("USBCamera", "condition", value=True),), {"site": "north"}
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GPU = 2",
        "GPU == 0 and Memory = 1GiB",
        "not GPU >= 2 and Memory <= 1GiB",
        "GPU == 1 or Rocket = 1",
        "USBCamera == 1 and Memory == 0",
        "GPU in [0, 1]",
        "GPU = 1 and GPU = 1 and GPU != 2",
    ],
)
def test_what_may_be_met_one_day_is_not_missing(text: str) -> None:
    assert missing(parse(text), [WALL, ROOF]) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Rocket = 1", "no node has Rocket (Rocket = 1)"),
        ("GPU = 3", "no node has GPU = 3 (the most is 2 on wall)"),
        ("GPU >= 3", "no node meets GPU >= 3 (GPU is 2 on wall)"),
        ("Memory = 9GiB", "(the most is 8.0 GiB on wall)"),
        ("USBCamera = 1", "USBCamera is a condition and cannot be taken"),
        ('label.site == "south"', 'label.site is "north" on roof'),
        ("GPU = 2 and GPU = 1", "wall: GPU = 2 and GPU = 1 cannot be taken all together"),
        ("GPU = 1 and USBCamera == 1", "no node has all of it at once: wall: USBCamera == 1 fails"),
        ("Rocket = 1 or Plane == 1", "no node has Rocket (Rocket = 1); no node has Plane"),
        ("not GPU <= 2", "not GPU <= 2 fails"),
        ("label.site in [1, 2]", "no node meets label.site in [1, 2]"),
    ],
)
def test_what_is_missing_is_said_with_the_nearest_that_there_is(text: str, why: str) -> None:
    assert why in missing(parse(text), [WALL, ROOF])


def test_without_nodes_nothing_can_be_met() -> None:
    assert missing(parse("GPU = 1"), []) == "no node is known"


@given(
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from(
        ["GPU = 2", "GPU >= 2", "not GPU >= 2", "GPU == 1 or GPU = 3", "GPU != 2 and GPU = 1"]
    ),
)
def test_what_is_met_now_can_ever_be_met(total: int, taken: int, text: str) -> None:
    now = [Resource("GPU", "quantity", max(0, total - taken))]
    if parse(text).satisfied_by(now):
        assert can_ever(parse(text), [Resource("GPU", "quantity", total)])
