"""One declaration gives the check and the schema, and they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.declarations import Declaration, Flag, Listing, Named, Number, Table, Text

if TYPE_CHECKING:
    from firmware_bridge.strict_file import Problem

TABLE = Table(
    keys={
        "name": Text(pattern="[a-z]{1,3}", says="small letters"),
        "size": Number(default=1, whole=True, minimum=1, maximum=9),
        "share": Number(default=0.5, minimum=0, maximum=1),
        "on": Flag(default=False),
        "kind": Text(default="a", choices=("a", "b")),
        "list": Listing(item=Flag(), default=(), maximum=2),
        "named": Named(item=Number(), name=Text(pattern="[a-z]", says="a letter"), default=None),
    }
)


def problems_of(declared: Declaration, value: object) -> list[Problem]:
    problems: list[Problem] = []
    declared.read(value, (), problems)
    return problems


def test_what_is_not_given_has_its_default() -> None:
    problems: list[Problem] = []

    content = TABLE.read({"name": "abc"}, (), problems)

    assert problems == []
    assert (content["size"], content["kind"], content["list"], content["named"]) == (
        1,
        "a",
        (),
        None,
    )


@pytest.mark.parametrize(
    "value", [None, [], {"name": "abcd"}, {"name": "a", "size": True}, {"name": "a", "x": 1}, {}]
)
def test_what_does_not_fit_is_a_problem(value: object) -> None:
    assert problems_of(TABLE, value)


def test_a_value_that_is_no_number_is_refused() -> None:
    assert problems_of(Number(), float("nan"))
    assert problems_of(Number(), True)


KEYS = st.sampled_from([*TABLE.keys, "other"])
SCALARS = st.one_of(st.booleans(), st.integers(-2, 12), st.floats(-1, 2), st.sampled_from("abcX"))
VALUES = st.one_of(
    SCALARS, st.lists(st.booleans(), max_size=3), st.dictionaries(st.just("a"), SCALARS)
)


@given(st.dictionaries(KEYS, VALUES))
def test_check_and_schema_agree(content: dict[str, object]) -> None:
    whole = content.get("size")
    if isinstance(whole, float) and whole.is_integer():
        return  # JSON Schema takes 1.0 for an integer, people who write it are told
    assert jsonschema_rs.is_valid(TABLE.schema(), content) is not bool(problems_of(TABLE, content))
