from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.scheduling.shares.terms import Terms, check_name, terms_from_value

if TYPE_CHECKING:
    from cantor.wire.frame import Value


def test_terms_are_read_back_as_they_were_said() -> None:
    terms = Terms(3, -2, {"GPU": 4, "Memory": 2.5})
    assert terms_from_value(terms.as_value()) == terms
    assert terms_from_value({}) == Terms(1, 0, {})


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"share": 0},
        {"share": 1001},
        {"share": 1.5},
        {"share": True},
        {"priority": 101},
        {"limits": {"GPU": -1}},
        {"limits": {"GPU": math.nan}},
        {"limits": {"GPU": True}},
        {"limits": {"two words": 1}},
        {"limits": {f"R{n}": 1 for n in range(17)}},
        {"limits": 3},
    ],
)
def test_terms_out_of_range_are_refused(value: Value) -> None:
    with pytest.raises(ConfigError):
        terms_from_value(value)


def test_a_project_has_a_short_plain_name() -> None:
    assert check_name("vision-2") == "vision-2"
    for odd in ("", "Vision", "a/b", "x" * 65, "-a"):
        with pytest.raises(ConfigError, match="no project can be called"):
            check_name(odd)
