"""A function and all that it needs, made ready to travel.

A function of a module or a script goes as source and a name, so any Python that understands the
source runs it. What has no name of its own (lambdas, closures, functions of a notebook) goes by
cloudpickle, which only the same minor version of Python reads.
"""

from __future__ import annotations

import dis
import inspect
import io
import pickletools
import sys
import weakref
from collections import ChainMap
from dataclasses import replace
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from cantor.base.errors import NotShippable
from cantor.bundles.code import CODE_BYTES_MAX, Code, python_here
from cantor.bundles.loading import carried
from cantor.bundles.naming import attributes_of, find_culprit, what_is
from cantor.bundles.objects import REVISION
from cantor.bundles.sources import MAIN, OURS, gather, is_in_main_block, is_of_project, main_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRAPS_MAX = 100
_shipped: weakref.WeakKeyDictionary[Any, tuple[CodeType, Code]] = weakref.WeakKeyDictionary()


def ship(function: Callable[..., Any]) -> Code:
    """The function with its modules, as far as they are of the project, and its requirements.

    The source is that of the first time: a function that has a name is looked at once.

    Raises:
        NotShippable: it cannot travel; the error says which name in it, and why.
    """
    body = getattr(function, "__code__", None)
    known = _shipped.get(function) if type(function) is FunctionType else None
    if known is not None and known[0] is body:
        return known[1]
    named = _by_name(function)
    code = named or _by_pickle(function)
    if len(code.data) > CODE_BYTES_MAX:
        raise NotShippable(
            f"the function and its modules take {len(code.data)} bytes (limit {CODE_BYTES_MAX})",
            where=_called(function),
            remedy="give large data as arguments",
        )
    if named and body is not None:
        _shipped[function] = (body, code)
    return code


def _called(function: object) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}.{name}".lstrip(".")


def _by_name(function: Any) -> Code | None:  # noqa: ANN401 (anything callable)
    """The code of a function that another process finds by its name; None if none can."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if isinstance(function, BuiltinFunctionType) and module is None:
        module = getattr(getattr(function, "__self__", None), "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return None
    wraps = _wraps_until(function, module, name)
    here = carried(module)
    if here is not None and wraps is not None:
        return replace(here, module=REVISION.sub("", module), name=name, wraps=wraps, pickled=b"")
    if wraps is None or not _is_from_file(function, module):
        return None
    gathered = gather({module})
    return Code(
        module,
        name,
        python_here(),
        gathered.sources,
        tuple(sorted(gathered.requirements)),
        wraps,
    )


def _wraps_until(function: object, module: str, name: str) -> int | None:
    """How often ``__wrapped__`` leads from what has that name to the function; None if never."""
    found: Any = sys.modules.get(module)
    for step in name.split("."):
        found = getattr(found, step, None)
    for wraps in range(WRAPS_MAX):
        if found is function or (isinstance(function, MethodType) and found == function):
            return wraps
        found = getattr(found, "__wrapped__", None)
        if found is None:
            return None
    return None


def _is_from_file(function: Any, module: str) -> bool:  # noqa: ANN401
    """Whether running the module's file makes the function again: not what a prompt defined."""
    body = getattr(inspect.unwrap(function), "__code__", None)
    if module == MAIN:
        if not main_file() or body is None:
            return bool(main_file())
        return body.co_filename == main_file() and not is_in_main_block(body.co_firstlineno)
    if body is None or module.partition(".")[0] in OURS:
        return True
    file = getattr(sys.modules[module], "__file__", None)
    return file is None or not is_of_project(module) or body.co_filename == file


def _by_pickle(function: Any) -> Code:  # noqa: ANN401
    try:
        pickled = _pickled(function)
    except Exception as error:  # objects raise what they like when they are pickled
        raise _explained(function, error) from error
    here = carried(getattr(function, "__module__", None) or "")
    if here is not None:
        return replace(here, module="", name=_called(function), wraps=0, pickled=pickled)
    gathered = gather(set(_modules_in(pickled, function)))
    return Code(
        "",
        _called(function),
        python_here(),
        gathered.sources,
        tuple(sorted(gathered.requirements)),
        pickled=pickled,
    )


def _pickled(value: object) -> bytes:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
        dispatch_table: ClassVar[Any] = ChainMap(
            {io.TextIOWrapper: _refuse}, cloudpickle.Pickler.dispatch_table
        )

    file = io.BytesIO()
    Pickler(file).dump(value)
    return file.getvalue()


def _refuse(value: object) -> str:
    raise TypeError(what_is(value))  # cloudpickle would read a file and send what is in it


def _modules_in(pickled: bytes, function: object) -> Iterator[str]:
    """The modules that a pickle, or code in it, names; other strings that look so do no harm."""
    for _, argument, _ in pickletools.genops(pickled):
        names = argument.split(" ")[:1] if isinstance(argument, str) else ()
        yield from (name for name in names if name != MAIN and name in sys.modules)
    body = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
    if body is not None:
        yield from _imports_in(body)


def _imports_in(body: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(body):
        if step.opname == "IMPORT_NAME" and step.argval:
            yield step.argval
    for constant in body.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports_in(constant)


def _explained(function: Any, error: Exception) -> NotShippable:  # noqa: ANN401
    """Which name in the function it was."""

    def is_good(value: object) -> bool:
        try:
            _pickled(value)
        except Exception:  # noqa: BLE001 (objects raise what they like)
            return False
        return True

    for kind, name, value in _used_by(function):
        if not is_good(value):
            path, culprit = find_culprit(value, name, is_good, attributes_of)
            return NotShippable(
                f"{kind} {path} is {what_is(culprit)}, which cannot travel",
                where=_called(function),
                remedy="make it inside the function, or put the function into a module, which is"
                " run anew there",
            )
    return NotShippable(
        f"it cannot be pickled: {error}",
        where=_called(function),
        remedy="put the function into a module",
    )


def _used_by(function: Any) -> Iterator[tuple[str, str, object]]:  # noqa: ANN401
    """What a function brings with it: what each is, its name, its value."""
    if isinstance(function, MethodType):
        yield "the object of the method,", "self", function.__self__
    inner = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(inner, FunctionType):
        yield "the object", type(function).__qualname__, function
        return
    for name, cell in zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=True):
        try:
            yield "the variable", name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in sorted(_globals_in(inner.__code__) & inner.__globals__.keys()):
        yield "the global", name, inner.__globals__[name]
    for name, parameter in inspect.signature(inner).parameters.items():
        yield "the default of", name, parameter.default


def _globals_in(body: CodeType) -> set[str]:
    names = set(body.co_names)
    for constant in body.co_consts:
        if isinstance(constant, CodeType):
            names |= _globals_in(constant)
    return names
