"""What a person calls a value, and where in a larger one it is."""

from __future__ import annotations

import dataclasses
import io
import socket
import threading
from functools import partial
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTH_MAX = 100
KEY_CHARACTERS_MAX = 40

_CALLED: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((type(threading.Lock()), type(threading.RLock())), "a lock"),
    ((threading.Condition, threading.Event, threading.Semaphore), "a lock"),
    (threading.Thread, "a thread"),
    (threading.local, "thread-local data"),
    (io.StringIO, "a file in memory"),
    (io.BytesIO, "a file in memory"),
    (io.IOBase, "an open file"),
    (socket.socket, "a socket"),
    (GeneratorType, "a generator"),
    (AsyncGeneratorType, "an asynchronous generator"),
    (CoroutineType, "a coroutine"),
    (FrameType, "a running frame"),
    (ModuleType, "a module"),
)


def what_is(value: object) -> str:
    """A few words for a value that cannot travel: "a lock", "an open file", "a shop.Order"."""
    words = _called(value)
    if words:
        return words
    kind = type(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"the function {value.__qualname__}"
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"a {name}"


def _called(value: object) -> str:
    return next((words for kinds, words in _CALLED if isinstance(value, kinds)), "")


def parts_of(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (whatever people use)
    """The values inside a value, each with how Python reaches it: ``[0]``, ``['x']``, ``.y``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"[{repr(key)[:KEY_CHARACTERS_MAX]}]", item
        yield from ((f".keys()[{place}]", key) for place, key in enumerate(value))
    elif isinstance(value, list | tuple):
        yield from ((f"[{place}]", item) for place, item in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((".pop()", item) for item in value)
    elif isinstance(value, BaseException):
        yield from ((f".args[{place}]", item) for place, item in enumerate(value.args))
    elif isinstance(value, partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield f".{field.name}", getattr(value, field.name, None)


def attributes_of(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (whatever people use)
    """What :func:`parts_of` gives, and all other attributes of a value as well."""
    yield from parts_of(value)
    if not dataclasses.is_dataclass(value) and not isinstance(value, type | FunctionType):
        yield from ((f".{name}", item) for name, item in getattr(value, "__dict__", {}).items())


def find_culprit(
    value: object,
    path: str,
    is_good: Callable[[object], bool],
    parts: Callable[[object], Iterator[tuple[str, Any]]] = parts_of,
) -> tuple[str, object]:
    """The innermost part of ``value`` that is not good, and the path to it; it costs a walk.

    ``value`` itself is not good. A part whose own parts are all good is the culprit.
    """
    for _ in range(DEPTH_MAX):
        for step, part in () if _called(value) else parts(value):
            if not is_good(part):
                value, path = part, path + step
                break
        else:
            break
    return path, value
