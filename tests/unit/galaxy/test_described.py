"""What filter types tell of themselves, read back from whoever says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError, RemoteProtocolError
from galaxy import FRAME, IMAGE, BaseFilter, BaseSource, Param, Pin
from galaxy.described import (
    FILTERS_MAX,
    PARAMS_MAX,
    described,
    filters_from,
    listed,
    named,
    pushed_types,
    types_from,
    types_in,
)
from galaxy.filter import check_params, params_of
from galaxy.registry import BUILT_IN, Registry

if TYPE_CHECKING:
    from galaxy import Context, Frame

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=9), parts),
    max_leaves=20,
)


class Sees(BaseFilter):
    """Has one of each parameter."""

    description = "Sees"
    inputs: ClassVar = {"image": Pin(IMAGE, formats=("BGR",)), "more": Pin(FRAME, optional=True)}
    outputs: ClassVar = {"frame": Pin(FRAME)}
    needs = "GPU = 1"
    work = 0.5
    concurrent = True
    limit = Param(float, 0.5, minimum=0, maximum=1, unit="of 1", description="How sure.", live=True)
    names = Param(tuple, ("cat",), description="Which.")
    model = Param(str, description="A file.", file=True)
    word = Param(str, "sesame", secret=True)
    size = Param(int, 2, choices=(1, 2, 4))
    fast = Param(bool, True)

    def process(self, frame: Frame, ctx: Context) -> Frame:
        return frame


def about(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return json.loads(json.dumps(described("Sees", Sees))) | changed  # type: ignore[no-any-return]


def one(value: object) -> type[BaseFilter]:
    (made,) = types_from([value]).values()
    return made


def test_a_stand_in_tells_the_same_and_checks_the_same() -> None:
    made = one(about())

    assert described("Sees", made) == described("Sees", Sees)
    for given_ in ({}, {"model": "x"}, {"model": "x", "size": 3}, {"model": 1, "other": 2}):
        values, problems = check_params(Sees, given_)
        assert check_params(made, given_)[1] == problems
        if not problems:
            assert check_params(made, given_)[0] == values | {"word": ""}  # a secret is not told
    with pytest.raises(TypeError):
        made({"model": "x"})


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_our_own_types_are_read_back(name: str) -> None:
    real = Registry.default().get(name)
    made = one(json.loads(json.dumps(described(name, real))))

    assert described(name, made) == described(name, real)
    assert issubclass(made, BaseSource) == issubclass(real, BaseSource)
    assert list(params_of(made)) == list(params_of(real))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"type": "a/b"}, "name is no name"),
        ({"type": "A" * 65}, "name is no name"),
        ({"inputs": {}}, "it has no pins"),
        ({"source": True}, "a source has outputs and no inputs"),
        ({"inputs": {str(n): {} for n in range(17)}}, "inputs are no mapping of at most 16"),
        ({"inputs": {"a.b": {}}}, "pin of inputs is no name"),
        ({"inputs": {"a": {"type": "../x", "formats": []}}}, "type that is none"),
        ({"inputs": {"a": {"type": "frame", "formats": "BGR"}}}, "formats are no list"),
        ({"needs": "GPU ="}, "needs cannot be read"),
        ({"needs": "A == 1 and " * 200}, "needs is no text of at most"),
        ({"work": 1e9}, "no share of a core"),
        ({"work": "much"}, "work is no number"),
        ({"work": True}, "work is no number"),
        ({"description": "x" * 501}, "description is no text of at most 500"),
        ({"params": []}, "params are no mapping"),
        ({"params": {"properties": {f"p{n}": {} for n in range(PARAMS_MAX + 1)}}}, "at most 64"),
        ({"params": {"properties": {"open": {"type": "string"}}}}, "can be called open"),
        ({"params": {"properties": {"a": {"type": "object"}}}}, "type that is none"),
        ({"params": {"properties": {"a": {"type": "integer", "default": 2**70}}}}, "too large"),
        ({"params": {"properties": {"a": {"type": "integer", "minimum": "x"}}}}, "no number"),
        ({"params": {"properties": {"a": {"type": "integer", "default": "x"}}}}, "must be an int"),
        ({"params": {"properties": {"a": {"type": "string", "default": "\x1b[2J"}}}}, "be shown"),
        ({"params": {"properties": {"a": {"type": "string", "default": "\ud800"}}}}, "be shown"),
        ({"params": {"properties": {"a": {"type": "string", "enum": ["x"] * 65}}}}, "at most 64"),
        ({"params": {"properties": {"a": {"type": "string", "description": "x" * 501}}}}, "500"),
    ],
)
def test_what_is_out_of_bounds_is_refused(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match="class") as told:
        one(about(**changed))
    assert what in str(told.value)


def test_lists_of_types_have_bounds() -> None:
    wrong: list[object] = [None, [], {}, [about()] * 2, [about(type=f"A{n}") for n in range(17)]]
    for value in wrong:
        with pytest.raises(ConfigError):
            types_from(value)
    assert len(types_from([about(type=f"A{n}") for n in range(FILTERS_MAX)])) == FILTERS_MAX
    large = {f"p{n}": {"type": "string", "description": "x" * 500} for n in range(PARAMS_MAX)}
    with pytest.raises(ConfigError, match="more than"):
        types_from([about(type=f"A{n}", params={"properties": large}) for n in range(2)])


@pytest.mark.parametrize(
    "told",
    [b"", b"\xff", b"{", b"[" * 16000, b'{"filters": [{"work": NaN}]}', b'{"filters": 1}', b"[]",
     b'{"filters": [{"work": 1e999}]}', b'{"filters": [' + b"9" * 5000 + b"]}"],
)  # fmt: skip
def test_what_is_no_json_of_types_is_refused(told: bytes) -> None:
    with pytest.raises(ConfigError):
        types_in(told)


def test_why_they_cannot_be_opened_is_passed_on_and_can_be_shown() -> None:
    with pytest.raises(ConfigError, match=r"no module cv3\?\[0m"):
        types_in(json.dumps({"error": "no module cv3\x1b[0m" + "x" * 9000}).encode())


@given(JSON)
def test_no_value_is_worse_than_refused(value: object) -> None:
    for wrapped in (
        value,
        [value],
        [about(params={"properties": {"a": value}})],
        [about(inputs=value)],
    ):
        try:
            types_from(wrapped)
        except ConfigError:
            continue


@given(JSON)
def test_no_answer_of_an_agent_is_worse_than_refused(value: object) -> None:
    for wrapped in (value, [value], [{"push": "x", "revision": value, "filters": value}]):
        try:
            pushed_types(wrapped)
        except (ConfigError, RemoteProtocolError):
            continue


def test_a_push_is_read_back() -> None:
    types = {"Sees": Sees}
    number, made = filters_from({"revision": 3, "filters": listed(types)})

    assert number == 3
    assert list(named("eyes", made)) == ["eyes/Sees"]
    told = [{"push": "eyes", "revision": 3, "filters": listed(made)}]
    assert list(pushed_types(told)) == ["eyes/Sees"]
    for wrong in (None, {"revision": 0, "filters": listed(types)}, {"revision": True}):
        with pytest.raises(RemoteProtocolError):
            filters_from(wrong)
    with pytest.raises(ConfigError):
        types_from([{b"type": 1}])
