"""Objects that travel by the import name of their class.

They are enumerations, dataclasses, named tuples and errors. None of their code runs when they are
put together again: no ``__new__``, no ``__init__``, no ``__post_init__``. A class is only looked
for where it already is, unless who unpacks says otherwise: see ``known``.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import re
import sys
from typing import TYPE_CHECKING, Any

from cantor.base.errors import BundleError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    Classes = Callable[[str, str], Any]

REVISION = re.compile(r"@[0-9a-f]{12}(?=\.|$)")
"""What the modules of a bundle have behind their first name in a worker: see ``loading``."""
_TUPLE, _ENUM, _DATACLASS, _ERROR = "tuple", "enum", "dataclass", "error"
MADE = "made"
"""What a reader's own function makes; its class has no import name, but one that was registered."""

_KEPT_OUTSIDE: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (ImportError, ("name", "path")),
    (OSError, ("filename", "filename2")),
)
"""What built-in errors keep neither in their arguments nor among their attributes."""

Taken = tuple[str, str, str, "list[Any]"]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """An object whose class the reader does not know: packed again, it is that object again.

    ``what`` it is (``dataclass``, ``enum``, ``tuple``, ``error``, or ``made`` by a registered
    function), ``module`` and ``name`` of its class, and ``parts``: of a dataclass a dict with its
    fields, of an enumeration the name of the member, of others their items.
    """

    what: str
    module: str
    name: str
    parts: list[Any]

    def __hash__(self) -> int:
        return hash((self.what, self.module, self.name, _hashable(self.parts)))


def _hashable(value: Any) -> Any:  # noqa: ANN401 (any value)
    if type(value) is list:
        return tuple(map(_hashable, value))
    if type(value) is dict:
        return frozenset((name, _hashable(item)) for name, item in value.items())
    try:
        hash(value)
    except TypeError:
        return type(value).__name__
    return value


def is_object(kind: type) -> bool:
    """Whether values of this class travel by its import name."""
    is_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    is_such = issubclass(kind, enum.Enum | BaseException) or dataclasses.is_dataclass(kind)
    return (is_tuple or is_such) and kind is not Record and "<locals>" not in kind.__qualname__


def import_name(kind: type) -> tuple[str, str]:
    """The module and the qualified name by which other nodes know a class."""
    return REVISION.sub("", kind.__module__), kind.__qualname__


def take_apart(value: object) -> Taken | None:
    """What the value is, module and name of its class, its parts; None if it is no such object."""
    kind = type(value)
    if isinstance(value, Record):
        return value.what, value.module, value.name, value.parts
    parts: list[Any]
    if isinstance(value, enum.Enum):
        what, parts = _ENUM, [value.value if isinstance(value, enum.Flag) else value.name]
    elif isinstance(value, tuple) and hasattr(kind, "_fields"):
        what, parts = _TUPLE, list(value)
    elif isinstance(value, BaseException):
        what, parts = _ERROR, [list(value.args), _state_of(value)]
    elif dataclasses.is_dataclass(kind):
        what, parts = _DATACLASS, [_fields_of(value)]
    else:
        return None
    module, name = import_name(kind)
    return (what, module, name, parts) if "<locals>" not in name else None


def _fields_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 (a dataclass)
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {**getattr(value, "__dict__", {}), **fields}


def _state_of(error: BaseException) -> dict[str, Any]:
    state = dict(error.__dict__)
    for kind, names in _KEPT_OUTSIDE:
        if isinstance(error, kind):
            told = ((name, getattr(error, name)) for name in names)
            state.update((name, value) for name, value in told if value is not None)
    return state


def put_together(what: str, module: str, name: str, parts: list[Any], classes: Classes) -> object:
    """What :func:`take_apart` took apart; a record of it if ``classes`` finds None.

    Raises:
        BundleError: the class is not here, or is another thing here.
        RemoteProtocolError: a registered function does not take the parts.
        LookupError, TypeError, ValueError, AttributeError: the parts are not those of such a thing.
    """
    kind = classes(module, name)
    if kind is None:
        return _record(what, module, name, parts)
    if what == MADE:
        return _made(kind, name, *parts)
    base = {
        _ENUM: enum.Enum,
        _TUPLE: tuple,
        _DATACLASS: object,
        _ERROR: BaseException,
    }[what]
    is_such = isinstance(kind, type) and issubclass(kind, base)
    if not is_such or (what == _DATACLASS and not dataclasses.is_dataclass(kind)):
        raise BundleError(
            f"{module}.{name} is no {what} here", remedy="run the same version on both sides"
        )
    if issubclass(kind, enum.Enum):
        (told,) = parts
        return kind(told) if issubclass(kind, enum.Flag) else kind[told]
    if issubclass(kind, tuple):
        return tuple.__new__(kind, parts)
    if issubclass(kind, BaseException):
        return _error(kind, *parts)
    return _dataclass(kind, *parts)


def _record(what: Any, module: Any, name: Any, parts: Any) -> Record:  # noqa: ANN401 (hostile)
    is_named = type(module) is str and type(name) is str
    is_such = what in (MADE, _TUPLE, _ENUM, _DATACLASS, _ERROR)
    if not is_named or not is_such or type(parts) is not list:
        message = "an object without a kind, a name or parts"
        raise ValueError(message)
    return Record(what, module, name, parts)


def _made(make: Callable[[Any], Any], name: str, told: Any) -> Any:  # noqa: ANN401 (any value)
    try:
        return make(told)
    except Exception as error:
        raise RemoteProtocolError(
            f"a {name} cannot be put together: {str(error)[:200] or type(error).__name__}",
            remedy="register the same type where it is written and where it is read",
        ) from error


def _dataclass(kind: type, state: dict[str, Any]) -> object:
    made: object = object.__new__(kind)
    missing = [field.name for field in dataclasses.fields(kind) if field.name not in state]
    if missing:
        raise BundleError(
            f"a value of {kind.__qualname__} lacks {missing[0]}",
            remedy="run the same version on both sides",
        )
    for name, value in state.items():
        if name.startswith("__"):
            message = f"an attribute {name} that belongs to Python"
            raise ValueError(message)
        object.__setattr__(made, name, value)
    return made


def _error(kind: type[BaseException], args: list[Any], state: dict[str, Any]) -> BaseException:
    built_in: Any = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    made: BaseException = built_in.__new__(kind, *args)
    built_in.__init__(made, *args)  # an OSError keeps its number there
    for name, value in state.items():
        BaseException.__setattr__(made, name, value)
    return made


def classes_here(module: str, name: str) -> Any:  # noqa: ANN401 (what has that name)
    """The class of that name, if its module is already imported here.

    Raises:
        BundleError: it is not here.
    """
    found: Any = builtins if module == "builtins" else sys.modules.get(module)
    if found is None:
        raise BundleError(
            f"a value is a {module}.{name}, and {module} is not imported here",
            remedy=f"import {module} before you ask for the value",
        )
    return attribute(found, name)


def attribute(module: object, name: str) -> Any:  # noqa: ANN401 (whatever has that name)
    """What a qualified name leads to from a module.

    Raises:
        BundleError: nothing.
    """
    found: Any = module
    for step in name.split("."):
        try:
            found = vars(found)[step]
        except (KeyError, TypeError):
            raise BundleError(
                f"{getattr(module, '__name__', module)} has no {name}",
                remedy="run the same version on both sides",
            ) from None
    return found
