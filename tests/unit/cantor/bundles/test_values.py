"""Values as bytes and back; what cannot travel is named; hostile bytes give one error."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import socket
import threading
from collections import Counter, OrderedDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cantor.base.errors import BundleError, NotSerialisable, RemoteProtocolError
from cantor.bundles.values import BUFFER_BYTES_MIN, BUFFERS_USED_MAX, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator


def iter_of_nothing() -> Iterator[None]:
    yield from ()


class Colour(enum.Enum):
    RED = (1, 0, 0)
    BLUE = (0, 0, 1)


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Order:
    item: str
    parts: Any = None


@dataclasses.dataclass(slots=True)
class Slotted:
    item: str

    def __post_init__(self) -> None:
        self.item += "!"


class RefusalError(Exception):
    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


Point = namedtuple("Point", "x y")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(max_size=200)
    | st.complex_numbers(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.just(ZoneInfo("Europe/Berlin")))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
    | st.ip_addresses()
    | st.sampled_from(Colour)
    | st.builds(Access, st.integers(0, 3))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(SCALARS, inner, max_size=5)
        | st.frozensets(SCALARS, max_size=5)
        | st.sets(SCALARS, max_size=5)
        | st.builds(Order, st.text(max_size=5), inner)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=20,
)


def there_and_back(value: object) -> Any:  # noqa: ANN401 (what went in)
    buffers: list[Any] = []
    return unpack(pack(value, buffers), buffers)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    back = there_and_back(value)

    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(
        value, set | frozenset | dict | list | tuple | Order
    )


@pytest.mark.parametrize(
    "value",
    [
        2**200,
        -(2**63) - 1,
        OrderedDict(b=1, a=2),
        Counter("aab"),
        deque([1, 2], 3),
        range(1, 9, 2),
        slice(1, None),
        ...,
        NotImplemented,
        Path("/tmp/x"),  # noqa: S108
        PurePosixPath("a/b"),
        PureWindowsPath("c:/x"),
        datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=-5))),
        time(1, 2, tzinfo=UTC),
        date(1, 1, 1),
        ip_address("::1"),
        Decimal("1.50"),
        Fraction(1, 3),
        UUID(int=7),
        Access.READ | Access.WRITE,
        Point(1, (2,)),
        {(1, 2): {3: "x"}},
    ],
    ids=repr,
)
def test_types_of_the_standard_library_travel(value: object) -> None:
    back = there_and_back(value)

    assert back == value
    assert type(back) is type(value)


def test_a_dataclass_is_made_without_running_its_code() -> None:
    assert there_and_back(Slotted("a")) == dataclasses.replace(Slotted("a"), item="a")


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "none", "a", None, "b"),
        KeyError("a"),
        ImportError("x", name="y", path="z"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        ExceptionGroup("several", [ValueError(1), OSError(5, "disk")]),
        SystemExit(3),
        StopIteration(7),
        RefusalError("no", remedy="try later"),
        NotSerialisable("a lock", where="args[0]", remedy="leave it"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_with_what_they_say(error: BaseException) -> None:
    error.add_note("seen on box-1")

    back = there_and_back(error)

    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))
    assert getattr(back, "errno", None) == getattr(error, "errno", None)
    assert back.__notes__ == ["seen on box-1"]


def has_titles(dtype: numpy.dtype[Any]) -> bool:
    fields = (dtype.fields or {}).values()
    return any(len(field) > 2 or has_titles(field[0].base) for field in fields)


@given(
    arrays.arrays(
        arrays.scalar_dtypes() | arrays.array_dtypes(),
        arrays.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_an_array_comes_back_as_it_was(array: numpy.ndarray[Any, Any], turned: bool) -> None:
    assume(not has_titles(array.dtype))
    value = array.T[::-1] if turned and array.ndim else array

    back = there_and_back(value)

    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert back.tobytes() == value.tobytes()


def test_a_large_array_is_not_copied() -> None:
    array = numpy.zeros((100, 100), order="F")
    buffers: list[Any] = []

    back = unpack(pack({"frame": array}, buffers), buffers)["frame"]

    assert numpy.shares_memory(back, array)
    assert back.flags.f_contiguous


def test_an_array_in_read_only_memory_is_read_only() -> None:
    buffers: list[Any] = []
    packed = pack(numpy.zeros(BUFFER_BYTES_MIN), buffers)

    assert not unpack(packed, [bytes(buffers[0])]).flags.writeable
    assert unpack(packed, [bytearray(buffers[0])]).flags.writeable


def test_a_small_array_is_packed_with_the_rest_and_can_be_written() -> None:
    buffers: list[Any] = []

    back = unpack(pack(numpy.arange(3), buffers))

    assert buffers == []
    back[0] = 7


def test_large_bytes_are_not_copied_on_the_way_out() -> None:
    data = b"x" * BUFFER_BYTES_MIN
    buffers: list[Any] = []

    packed = pack(((data,), {"more": [data]}), buffers)

    assert [buffer is data for buffer in buffers] == [True, True]
    assert unpack(packed, buffers) == ((data,), {"more": [data]})


def test_more_large_parts_than_a_frame_has_buffers_are_packed_with_the_rest() -> None:
    value = [numpy.zeros(BUFFER_BYTES_MIN, "u1") for _ in range(BUFFERS_USED_MAX + 5)]
    buffers: list[Any] = []

    packed = pack(value, buffers)

    assert len(buffers) == BUFFERS_USED_MAX
    assert len(unpack(packed, buffers)) == len(value)


def test_a_numpy_scalar_stays_one() -> None:
    back = there_and_back([numpy.float32(1.5), numpy.datetime64("2020-01-01"), numpy.bool_(True)])

    assert [type(item) for item in back] == [numpy.float32, numpy.datetime64, numpy.bool_]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (((Order("a", {"x": [threading.Lock()]}),), {}), "args[0].parts['x'][0]: a lock"),
        (((1, socket.socket), {}), "args[1]: the function socket"),
        (((), {"gen": iter_of_nothing()}), "kwargs['gen']: a generator"),
        (((lambda: 1,), {}), "args[0]: the function <lambda>"),
        (((numpy.array([object()]),), {}), "args[0]: an array of object"),
        (((ValueError(threading.Event()),), {}), "args[0].args[0]: a lock"),
        ((({threading.Thread()},), {}), "args[0].pop(): a thread"),
        ((({threading.local(): 1},), {}), "args[0].keys()[0]: thread-local data"),
        (((Path,), {}), "args[0]: the function Path"),
    ],
)
def test_what_cannot_travel_is_named_with_its_place(value: object, told: str) -> None:
    buffers: list[Any] = [b"before"]

    with pytest.raises(NotSerialisable) as raised:
        pack(value, buffers, names=("args", "kwargs"))

    assert str(raised.value).startswith(told)
    assert buffers == [b"before"]


def test_a_value_inside_itself_is_refused() -> None:
    value: list[Any] = []
    value.append((value,))

    with pytest.raises(NotSerialisable, match="nested too deep, or inside itself"):
        pack(value, [])


def test_a_tensor_on_a_device_says_what_to_do() -> None:
    class Tensor:
        def __dlpack__(self) -> object:
            raise AssertionError

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    with pytest.raises(NotSerialisable, match="move it to the CPU first"):
        pack(Tensor(), [])


def test_a_tensor_of_another_library_arrives_as_an_array() -> None:
    class Tensor:
        data = numpy.arange(6.0).reshape(2, 3)

        def __dlpack__(self, **options: object) -> object:
            return self.data.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    assert numpy.array_equal(there_and_back(Tensor()), Tensor.data)


def test_a_class_that_is_not_imported_here_is_not_looked_for() -> None:
    away = type("Away", (ValueError,), {"__module__": "a_module_that_is_not_here"})

    with pytest.raises(BundleError, match="is not imported here — import a_module_that_is_not"):
        unpack(pack(away(), []))


def test_a_class_that_is_another_thing_here_is_refused() -> None:
    def another(module: str, name: str) -> type:
        return int

    with pytest.raises(BundleError, match=r"Order is no dataclass here"):
        unpack(pack(Order("a"), []), classes=another)


@given(st.binary(max_size=300), st.lists(st.binary(max_size=10), max_size=2))
def test_any_bytes_give_a_value_or_one_error(data: bytes, buffers: list[bytes]) -> None:
    with contextlib.suppress(RemoteProtocolError, BundleError):
        unpack(data, buffers)


@given(VALUES, st.data())
def test_damaged_bytes_give_a_value_or_one_error(value: object, data: st.DataObject) -> None:
    packed = bytearray(pack(value, []))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RemoteProtocolError, BundleError):
        unpack(bytes(packed))


@given(
    st.integers(1, 12), st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=5), st.lists)
)
def test_any_parts_of_any_kind_give_a_value_or_one_error(code: int, parts: object) -> None:
    with contextlib.suppress(RemoteProtocolError, BundleError):
        unpack(msgpack.packb(msgpack.ExtType(code, msgpack.packb(parts))))


@pytest.mark.parametrize("key", ["x" * 5000, "America", "../../etc/passwd", "\0"])
def test_a_time_zone_that_is_none_is_one_error(key: str) -> None:
    packed = msgpack.packb(msgpack.ExtType(8, msgpack.packb(["zone", [key]])))

    with pytest.raises(RemoteProtocolError):
        unpack(packed)


def test_deep_nesting_gives_one_error() -> None:
    packed = msgpack.packb(None)
    for _ in range(200):
        packed = msgpack.packb(msgpack.ExtType(1, b"\x91" + packed))

    with pytest.raises(RemoteProtocolError, match="nested too deep"):
        unpack(packed)


@pytest.mark.parametrize("element", ["|O", "O8", [["a", "|O", []]], "V8,O", [["a", "<f8", [-1]]]])
def test_an_element_type_outside_the_list_is_refused(element: object) -> None:
    parts = msgpack.packb([element, [1], False, "", bytes(8)])

    with pytest.raises(RemoteProtocolError):
        unpack(msgpack.packb(msgpack.ExtType(6, parts)))
