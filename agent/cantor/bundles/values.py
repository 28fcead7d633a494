"""Values as bytes: msgpack, with raw buffers beside it for large data. No pickle.

What can travel: None, bool, int of any size, float, str, bytes, list, tuple, dict, set, frozenset,
the types of ``plain``, numpy arrays and scalars, tensors (``arrays``), and enumerations,
dataclasses, named tuples and errors by the import name of their class (``objects``), and any class
that both sides have registered (``known``). ``bytearray``
and ``memoryview`` arrive as bytes, a tensor of another library than PyTorch as an array. Equal
parts that were one object arrive as several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import BundleError, NotSerialisable, RemoteProtocolError
from cantor.bundles import arrays, objects, plain
from cantor.bundles.naming import DEPTH_MAX, find_culprit, what_is
from cantor.bundles.objects import classes_here
from cantor.wire.frame import BUFFERS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.bundles.known import Known
    from cantor.bundles.objects import Classes
    from cantor.wire.frame import Buffer

BUFFER_BYTES_MIN = 4096
"""Data of fewer bytes is packed with the rest."""
PACKED_BYTES_MAX = 256 * 1024 * 1024
BUFFERS_USED_MAX = BUFFERS_MAX - 24
"""What has more large parts packs the others with the rest; a frame's other buffers have room."""
_SIDE_MAX = 256
"""Large bytes are looked for in containers of up to this many items, three deep."""

_TUPLE, _SET, _FROZENSET, _INT, _BYTES, _ARRAY, _SCALAR, _PLAIN, _OBJECT = range(1, 10)
_TOLD = ("a tensor", "an array", "a time zone", "a registered")
"""How errors begin that say more than what kind of value it is."""
_FAILURES = (
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
    MemoryError,
    LookupError,
    AttributeError,
    ArithmeticError,
    OSError,  # a time zone is looked for in files
)


def pack(
    value: object,
    buffers: list[Buffer],
    *,
    names: Sequence[str] = (),
    types: Known | None = None,
) -> bytes:
    """``value`` as msgpack; large data is not copied but appended to ``buffers``.

    ``names`` are what a person calls the items of ``value``, for errors: ``("args", "kwargs")``.
    ``types`` are those of which some are registered.

    Raises:
        NotSerialisable: a part of it cannot travel; the error names the part and what to do.
    """
    before = len(buffers)
    try:
        encoder = _idle.pop()
    except IndexError:
        encoder = _Encoder()
    try:
        packed = encoder.pack_with(buffers, value, types)
    except _FAILURES as error:
        del buffers[before:]
        raise _explained(value, names, error, types) from error
    _idle.append(encoder)
    if len(packed) > PACKED_BYTES_MAX:
        del buffers[before:]
        raise NotSerialisable(
            f"the value takes {len(packed)} bytes without its arrays (limit {PACKED_BYTES_MAX})",
            remedy="send large data as numpy arrays or bytes",
        )
    return packed


def unpack(data: Buffer, buffers: Sequence[Buffer] = (), *, classes: Classes = classes_here) -> Any:  # noqa: ANN401
    """What :func:`pack` packed.

    Arrays share memory with ``buffers``, and can be written if those can.
    ``classes`` finds a class by module and name; by default only in modules that are imported here.
    Values of strangers are read with a ``Known``, which lets them be no other types than it knows.

    Raises:
        RemoteProtocolError: the bytes are not such a value.
        BundleError: a class or a library that it needs is not here.
    """
    try:
        return _Decoder(buffers, classes).unpack(data)
    except (RemoteProtocolError, BundleError):
        raise
    except (*_FAILURES, msgpack.UnpackException) as error:
        raise RemoteProtocolError(
            f"not a packed value: {str(error)[:200] or type(error).__name__}",
            remedy="run the same version of Cantor on both sides",
        ) from error


def as_argument(packed: bytes) -> bytes:
    """What :func:`pack` makes of ``[[value], {}]``: a call with that argument, which it packed."""
    return b"\x92\x91" + packed + b"\x80"


class _Aside:
    """Bytes that are among the buffers."""

    def __init__(self, index: int) -> None:
        self.index = index


def _has_large(value: Any, levels: int) -> bool:  # noqa: ANN401
    """Whether :func:`_set_aside` would find something; most values are small."""
    kind = type(value)
    if kind is bytes:
        return len(value) >= BUFFER_BYTES_MIN
    if not levels or kind not in (tuple, list, dict) or len(value) > _SIDE_MAX:
        return False
    for item in value.values() if kind is dict else value:  # noqa: SIM110 (any() takes longer)
        if _has_large(item, levels - 1):
            return True
    return False


def _set_aside(value: Any, buffers: list[Buffer], levels: int) -> Any:  # noqa: ANN401
    """The same value with large bytes replaced by where they are among the buffers."""
    kind = type(value)
    if kind is bytes and len(value) >= BUFFER_BYTES_MIN and len(buffers) < BUFFERS_USED_MAX:
        buffers.append(value)
        return _Aside(len(buffers) - 1)
    if not levels or kind not in (tuple, list, dict) or len(value) > _SIDE_MAX:
        return value
    items = value.values() if kind is dict else value
    changed = [_set_aside(item, buffers, levels - 1) for item in items]
    if all(new is old for new, old in zip(changed, items, strict=True)):
        return value
    return dict(zip(value, changed, strict=True)) if kind is dict else kind(changed)


class _Encoder:
    """Packs one value at a time. Not to be used again once it failed."""

    def __init__(self) -> None:
        self._buffers: list[Buffer] = []
        self._depth = 0
        self._types: Known | None = None
        self._packers: list[Any] = []  # one for each depth: making one costs more than packing

    def pack_with(self, buffers: list[Buffer], value: object, types: Known | None = None) -> bytes:
        """As msgpack; large data is appended to ``buffers``."""
        self._buffers = buffers
        self._types = types
        packed = self.pack(_set_aside(value, buffers, 3) if _has_large(value, 3) else value)
        self._buffers, self._types = [], None
        return packed

    def pack(self, value: object) -> bytes:
        """As msgpack; what msgpack does not know goes through :meth:`_other`."""
        depth = self._depth
        if depth == len(self._packers):
            if depth > DEPTH_MAX:
                message = "recursion limit exceeded"
                raise ValueError(message)
            self._packers.append(
                msgpack.Packer(
                    default=self._other, strict_types=True, unicode_errors="surrogatepass"
                )
            )
        self._depth = depth + 1
        packed: bytes = self._packers[depth].pack(value)
        self._depth = depth
        return packed

    def _other(self, value: Any) -> msgpack.ExtType:  # noqa: ANN401
        kind = type(value)
        if kind is tuple:
            return msgpack.ExtType(_TUPLE, self.pack(list(value)))
        if kind is int:
            size = value.bit_length() // 8 + 1
            return msgpack.ExtType(_INT, value.to_bytes(size, "big", signed=True))
        if kind is _Aside:
            return msgpack.ExtType(_BYTES, msgpack.packb(value.index))
        if kind is set or kind is frozenset:
            return msgpack.ExtType(_SET if kind is set else _FROZENSET, self.pack(list(value)))
        registered = None if self._types is None else self._types.take_apart(value)
        if registered is not None:
            return msgpack.ExtType(_OBJECT, self.pack(list(registered)))
        for code, take_apart in (
            (_PLAIN, plain.take_apart),
            (_ARRAY, self._array),
            (_SCALAR, arrays.scalar_apart),
            (_OBJECT, objects.take_apart),
        ):
            taken = take_apart(value)
            if taken is not None:
                return msgpack.ExtType(code, self.pack(list(taken)))
        raise TypeError(what_is(value))

    def _array(self, value: object) -> list[Any] | None:
        taken = arrays.take_apart(value)
        if taken is None:
            return None
        *about, raw = taken
        if len(raw) < BUFFER_BYTES_MIN or len(self._buffers) >= BUFFERS_USED_MAX:
            return [*about, bytes(raw)]
        self._buffers.append(raw)
        return [*about, len(self._buffers) - 1]


_idle: list[_Encoder] = []


class _Decoder:
    def __init__(self, buffers: Sequence[Buffer], classes: Classes) -> None:
        self._buffers = buffers
        self._classes = classes
        self._depth = 0

    def unpack(self, data: Buffer) -> Any:  # noqa: ANN401
        if self._depth > DEPTH_MAX or len(data) > PACKED_BYTES_MAX:
            message = "nested too deep, or too large"
            raise ValueError(message)
        self._depth += 1
        value = msgpack.unpackb(
            data,
            ext_hook=self._make,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
        self._depth -= 1
        return value

    def _make(self, code: int, told: bytes) -> Any:  # noqa: ANN401
        return _MAKERS[code](self, told)

    def _list(self, data: bytes) -> list[Any]:
        told = self.unpack(data)
        if type(told) is not list:
            message = "parts that are not a list"
            raise TypeError(message)
        return told

    def _buffer(self, index: Any) -> Buffer:  # noqa: ANN401
        if type(index) is not int or not 0 <= index < len(self._buffers):
            message = "a buffer that did not come"
            raise LookupError(message)
        return self._buffers[index]

    def _array(self, data: bytes) -> Any:  # noqa: ANN401
        element, shape, by_columns, library, raw = self._list(data)
        elements = bytearray(raw) if type(raw) is bytes else self._buffer(raw)
        return arrays.put_together(element, shape, by_columns, library, elements)

    def _object(self, data: bytes) -> object:
        what, module, name, parts = self._list(data)
        return objects.put_together(what, module, name, parts, self._classes)


_MAKERS: dict[int, Callable[[_Decoder, bytes], Any]] = {
    _TUPLE: lambda decoder, told: tuple(decoder._list(told)),
    _SET: lambda decoder, told: set(decoder._list(told)),
    _FROZENSET: lambda decoder, told: frozenset(decoder._list(told)),
    _INT: lambda _, told: int.from_bytes(told, "big", signed=True),
    _BYTES: lambda decoder, told: bytes(decoder._buffer(decoder.unpack(told))),
    _ARRAY: lambda decoder, told: decoder._array(told),
    _SCALAR: lambda decoder, told: arrays.scalar_together(*decoder._list(told)),
    _PLAIN: lambda decoder, told: plain.put_together(*decoder._list(told)),
    _OBJECT: lambda decoder, told: decoder._object(told),
}
"""Made once: a table in each decoder cost more than most values."""


def _explained(
    value: object, names: Sequence[str], error: Exception, types: Known | None
) -> NotSerialisable:
    """The error that says which part it was."""

    def is_good(part: object) -> bool:
        try:
            _Encoder().pack_with([], part, types)
        except _FAILURES:
            return False
        return True

    path, culprit = "value", value
    if names and isinstance(value, tuple | list):
        bad = ((name, item) for name, item in zip(names, value, strict=True) if not is_good(item))
        path, culprit = next(bad, (path, value))
    words = str(error) if isinstance(error, TypeError | ValueError) else ""
    if isinstance(error, RecursionError) or "recursion limit" in words:
        words = "nested too deep, or inside itself"
    else:
        path, culprit = find_culprit(culprit, path, is_good)
        words = words if words.startswith(_TOLD) else what_is(culprit)
    return NotSerialisable(
        words,
        where=path,
        remedy="plain data, arrays, dataclasses and errors can: send what it is made from, and make"
        " it there",
    )
