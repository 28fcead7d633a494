"""Arrays and tensors. Many bytes travel beside the packed value, without a copy."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from cantor.base.errors import BundleError

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer

DIMENSIONS_MAX = 32
FIELDS_MAX = 256
_SIMPLE = re.compile(r"[<>|=][biufcSUmMV]\d{1,9}(\[\d{0,9}[a-zA-Z]{1,2}\])?")
_CPU = 1
_TORCH = "torch"

Taken = tuple[Any, "list[int]", bool, str, "memoryview | bytes"]
"""The element type, the shape, whether columns come first, the library, the elements."""


def take_apart(value: Any) -> Taken | None:  # noqa: ANN401 (arrays of any library)
    """An array as its element type, shape and bytes (without a copy if they lie together).

    Tensors of other libraries come by DLPack. None if the value is no array, or numpy is not here.

    Raises:
        TypeError: it holds Python objects, or is not in this machine's memory.
    """
    numpy = sys.modules.get("numpy")
    library = ""
    if numpy is None or not isinstance(value, numpy.ndarray):
        library = _library_of(value)
        if not library:
            return None
        value, numpy = _from_tensor(value), sys.modules["numpy"]
    if type(value) is not numpy.ndarray:
        message = f"an array of the kind {type(value).__qualname__}: convert it with numpy.asarray"
        raise TypeError(message)
    element = _written(value.dtype)
    by_columns = value.flags.f_contiguous and not value.flags.c_contiguous
    lying = value.T if by_columns else numpy.ascontiguousarray(value).reshape(value.shape)
    raw = lying.reshape(-1).view(numpy.uint8).data if lying.nbytes else b""
    return element, list(value.shape), by_columns, library, raw


def scalar_apart(value: Any) -> tuple[Any, bytes] | None:  # noqa: ANN401 (any numpy scalar)
    """A numpy scalar as its type and its bytes; None if it is none.

    Raises:
        TypeError: it holds Python objects.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.generic):
        return None
    return _written(value.dtype), value.tobytes()


def put_together(
    element: Any,  # noqa: ANN401 (as _written makes it)
    shape: list[int],
    by_columns: bool,
    library: str,
    raw: Buffer,
) -> Any:  # noqa: ANN401 (an array of the library)
    """The array that :func:`take_apart` took apart; it shares memory with ``raw``.

    Raises:
        BundleError: the library is not here.
        TypeError, ValueError: it is no such array.
    """
    numpy = _numpy()
    if len(shape) > DIMENSIONS_MAX or any(type(size) is not int or size < 0 for size in shape):
        message = "an array of an impossible shape"
        raise ValueError(message)
    found = numpy.frombuffer(raw, numpy.uint8) if len(raw) else numpy.empty(0, numpy.uint8)
    kind = _read(element)
    if kind.itemsize == 0:
        found = numpy.empty(shape, kind)
    else:
        found = found.view(kind).reshape(shape[::-1] if by_columns else shape)
    found = found.T if by_columns else found
    return _to_tensor(found) if library == _TORCH else found


def scalar_together(element: Any, raw: bytes) -> Any:  # noqa: ANN401 (as above)
    """The scalar that :func:`scalar_apart` took apart.

    Raises:
        BundleError: numpy is not here.
        TypeError, ValueError: it is no scalar.
    """
    kind = _read(element)
    (found,) = _numpy().frombuffer(raw, kind) if kind.itemsize else _numpy().zeros(1, kind)
    return found


def _written(dtype: Any) -> Any:  # noqa: ANN401 (text, or a list of fields)
    """How an element type is told; only types without Python objects are."""
    if dtype.names is None and dtype.subdtype is None and dtype.kind in "biufcSUmM":
        return dtype.str
    if dtype.names is not None and not dtype.hasobject and _numpy().dtype(dtype.descr) == dtype:
        return [_field_written(*field) for field in dtype.descr]
    message = f"an array of {dtype}: only numbers, dates, text and structures of them can travel"
    raise TypeError(message)


def _field_written(name: Any, kind: Any, shape: tuple[int, ...] = ()) -> list[Any]:  # noqa: ANN401
    if not isinstance(name, str):
        message = "an array whose fields have titles"
        raise TypeError(message)
    if isinstance(kind, list):
        kind = [_field_written(*field) for field in kind]
    return [name, kind, list(shape)]


def _read(element: Any) -> Any:  # noqa: ANN401 (a numpy dtype)
    return _numpy().dtype(_checked(element))


def _checked(element: Any) -> Any:  # noqa: ANN401 (what numpy.dtype takes)
    """The same in numpy's words, after a check: what numpy reads can name Python objects too."""
    if isinstance(element, str) and _SIMPLE.fullmatch(element):
        return element
    if not isinstance(element, list) or not 0 < len(element) <= FIELDS_MAX:
        message = "an element type that is not allowed"
        raise ValueError(message)
    fields = []
    for name, kind, shape in element:
        if not isinstance(name, str) or not all(type(size) is int for size in shape):
            message = "a field that is not allowed"
            raise ValueError(message)
        fields.append((name, _checked(kind), tuple(shape)))
    return fields


def _library_of(value: object) -> str:
    """The library of a tensor that is not numpy's; "" if it is no tensor."""
    top = type(value).__module__.partition(".")[0]
    if hasattr(type(value), "__dlpack__") and hasattr(type(value), "__dlpack_device__"):
        return _TORCH if top == _TORCH else "other"
    return "other" if top == "onnxruntime" and hasattr(value, "numpy") else ""


def _from_tensor(value: Any) -> Any:  # noqa: ANN401 (an array)
    numpy = _numpy()
    if not hasattr(value, "__dlpack__"):
        return value.numpy()
    device, _ = value.__dlpack_device__()
    if device != _CPU:
        message = f"a tensor on a device ({type(value).__qualname__}): move it to the CPU first"
        raise TypeError(message)
    try:
        return numpy.from_dlpack(value.detach() if hasattr(value, "detach") else value)
    except (BufferError, RuntimeError, ValueError) as error:
        message = f"a tensor that cannot be read as an array: {error}"
        raise TypeError(message) from error


def _to_tensor(array: Any) -> Any:  # noqa: ANN401 (a tensor of PyTorch)
    try:
        import torch  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise BundleError(
            "a value is a tensor of PyTorch, which is not here", remedy="send it as a numpy array"
        ) from error
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _numpy() -> Any:  # noqa: ANN401 (the module)
    try:
        import numpy
    except ImportError as error:
        raise BundleError(
            "a value is an array, and numpy is not here",
            remedy="run it where numpy is, or name numpy among the requirements",
        ) from error
    return numpy
