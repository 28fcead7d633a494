"""Who reads values of others says which types they may be; all others are records."""

from __future__ import annotations

import dataclasses
import enum
import math
import struct
from decimal import Decimal
from typing import Any, NamedTuple

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import BundleError, ConfigError, NotSerialisable, RemoteProtocolError
from cantor.bundles.known import Known
from cantor.bundles.objects import Record
from cantor.bundles.values import pack, unpack


class Colour(enum.Enum):
    RED = "r"


class Place(NamedTuple):
    x: object


@dataclasses.dataclass(frozen=True)
class Order:
    item: Any


class Matrix:
    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __eq__(self, other: object) -> bool:
        return type(other) is Matrix and other.rows == self.rows

    def __hash__(self) -> int:
        return len(self.rows)


def rows_of(matrix: Matrix) -> list[Any]:
    return matrix.rows


ALL = Known(Colour, Place, Order)
ALL.register(Matrix, "shop.Matrix", apart=rows_of, together=Matrix)
NONE = Known()
OBJECTS = st.recursive(
    st.integers() | st.just(Colour.RED) | st.text(max_size=3),
    lambda inner: (
        st.builds(Order, inner)
        | st.builds(Place, inner)
        | st.builds(Matrix, st.lists(inner, max_size=3))
        | st.dictionaries(st.just(Colour.RED) | st.builds(Order, st.integers()), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(OBJECTS)
def test_known_types_come_back(value: object) -> None:
    assert unpack(pack(value, [], types=ALL), classes=ALL) == value


@given(OBJECTS)
def test_a_reader_who_knows_no_type_passes_all_of_them_on(value: object) -> None:
    packed = pack(value, [], types=ALL)

    record = unpack(packed, classes=NONE)

    assert unpack(pack(record, []), classes=ALL) == value
    again = unpack(pack(record, []), classes=NONE)
    assert again == record
    assert not isinstance(record, Record) or hash(again) == hash(record)


def test_a_type_that_is_only_imported_is_a_record_with_its_name_and_fields() -> None:
    record = unpack(pack(Order((1, 2)), []), classes=Known(Colour))

    assert record == Record("dataclass", __name__, "Order", [{"item": (1, 2)}])


def test_an_error_is_a_record_too() -> None:
    assert unpack(pack(SystemExit(3), []), classes=NONE).name == "SystemExit"


def test_records_are_keys_also_with_parts_that_are_none() -> None:
    keys = {Order((1,)): 1, Colour.RED: 2}
    records = unpack(pack(keys, []), classes=NONE)

    assert sorted(records.values()) == [1, 2]
    assert isinstance(hash(Record("made", "", "x", [[{1}, {"a": [2]}]])), int)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324])
def test_floats_are_exact(number: float) -> None:
    back = unpack(pack({"n": number}, []), classes=NONE)["n"]

    assert struct.pack(">d", back) == struct.pack(">d", number)


@pytest.mark.parametrize("text", ["NaN", "-NaN12", "sNaN", "-Infinity", "-0", "0E-7", "1E+999999"])
def test_decimals_are_exact(text: str) -> None:
    back = unpack(pack(Decimal(text), []), classes=NONE)

    assert back.as_tuple() == Decimal(text).as_tuple()


def test_what_a_registered_type_cannot_take_apart_is_named() -> None:
    with pytest.raises(NotSerialisable, match=r"value\['m'\]: a registered shop.Matrix .*rows"):
        pack({"m": Matrix.__new__(Matrix)}, [], types=ALL)


def test_without_its_registration_a_class_cannot_travel() -> None:
    with pytest.raises(NotSerialisable, match="Matrix"):
        pack(Matrix([]), [])


def test_what_a_registered_type_does_not_take_is_one_error() -> None:
    def refuse(told: object) -> object:
        raise ConnectionError(told)

    other = Known()
    other.register(Matrix, "shop.Matrix", apart=rows_of, together=refuse)

    with pytest.raises(RemoteProtocolError, match=r"a shop.Matrix cannot be put together: \[1\]"):
        unpack(pack(Matrix([1]), [], types=other), classes=other)


def forged(what: object, module: object, name: object, parts: object) -> bytes:
    content = msgpack.packb([what, module, name, parts])
    packed: bytes = msgpack.packb(msgpack.ExtType(9, content))
    return packed


@pytest.mark.parametrize(
    "state", [{"item": 1, "__class__": 1}, {"item": 1, "__dict__": {}}, {"item": 1, 2: 3}]
)
def test_a_field_that_is_none_is_refused(state: dict[Any, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack(forged("dataclass", __name__, "Order", [state]), classes=ALL)


def test_a_dataclass_without_a_field_is_refused() -> None:
    with pytest.raises(BundleError, match="a value of Order lacks item"):
        unpack(forged("dataclass", __name__, "Order", [{}]), classes=ALL)


@pytest.mark.parametrize(
    "parts", [("x", "m", "n", []), ("made", 1, "n", []), ("made", "", [], []), ([], "", "n", 3)]
)
def test_odd_records_are_refused(parts: tuple[object, object, object, object]) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack(forged(*parts), classes=NONE)


def test_types_that_cannot_be_registered_are_refused() -> None:
    class Local:
        pass

    with pytest.raises(ConfigError, match="is no dataclass"):
        Known(Local)
    with pytest.raises(ConfigError, match="Decimal travels as it is"):
        Known().register(Decimal, "d", apart=str, together=Decimal)
    with pytest.raises(ConfigError, match=r"two types are called shop\.Matrix"):
        ALL.register(Local, "shop.Matrix", apart=str, together=str)
    with pytest.raises(ConfigError, match="a name of 0 characters"):
        Known().register(Local, "", apart=str, together=str)
