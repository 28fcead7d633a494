from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from edge_hub.filters import parse_filter
from edge_hub.schemas import Node, ResourceView

NODE = Node(
    id="a" * 32,
    name="Press 4",
    tenant="default",
    project="default",
    state="online",
    labels={"site": "north", "line": "a b"},
    resources=[
        ResourceView("GPU", "quantity", 2, ""),
        ResourceView("USBCamera", "condition", True, ""),
        ResourceView("Memory", "quantity", 4 * 2**30, "B"),
        ResourceView("Arch", "condition", "arm64", ""),
        ResourceView("Version", "condition", "1.9.3", ""),
    ],
    devices=[],
    version="",
    addresses=[],
    enrolled_at=None,
    last_seen_at=None,
)


PIECES = ["a", "not", "and", "OR", "(", ")", "GPU >= 1", "site:north", 'x == "', "==", "NaN"]


@pytest.mark.parametrize(
    "text",
    ["", "press", "NORTH", "site:north", 'line:"a b"', "GPU >= 1", "GPU==2", "USBCamera == 1",
     "Memory >= 2GiB", "Arch == arm64", "Arch != x86", "TPU == 0",
     "press and GPU > 1 AND site:north", "lathe or press", "not lathe", "not (lathe or site:south)",
     "(GPU >= 4 or Memory >= 4GiB) USBCamera == true", "lathe and site:south or press",
     "press NOT(GPU > 2)", 'label.site == north', 'Version >= 1.2.0', 'Version < "2"',
     "or:x or press", "GPU >= 1.5"],
)  # fmt: skip
def test_a_filter_that_holds(text: str) -> None:
    assert parse_filter(text).matches(NODE)


@pytest.mark.parametrize(
    "text",
    ["lathe", "site:south", "GPU < 2", "TPU >= 1", "Memory > 4GiB", "Arch == x86", "x GPU == 2",
     "not press", "not (lathe or press)", "press and (lathe or site:south)", "not not lathe",
     "lathe or press and site:south", "Version >= 1.10.0", "label.site != north"],
)  # fmt: skip
def test_a_filter_that_does_not_hold(text: str) -> None:
    assert not parse_filter(text).matches(NODE)


@pytest.mark.parametrize(
    ("text", "place"),
    [("GPU = 1", 5), ("a >> b", 4), ("GPU >= x", 8), ("GPU >= 1q", 8), ("a (b or c", 3), ("a )", 3),
     ("a or", 5), ("not", 4), (" and a", 2), ("a ()", 4), ("a or and", 6), ("(" * 40, 33)],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_says_where(text: str, place: int) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_filter(text)
    assert refused.value.where == f"character {place}"


@settings(max_examples=50)
@given(st.text(max_size=40) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_no_text_crashes_the_filter(text: str) -> None:
    with suppress(ConfigError):
        parse_filter(text).matches(NODE)
