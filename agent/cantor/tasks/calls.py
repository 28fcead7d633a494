"""Calls made ready for a backend: the function shipped, its arguments packed."""

from __future__ import annotations

from dataclasses import replace
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from cantor.base.object_ref import ObjectRef
from cantor.bundles.loading import is_loading
from cantor.bundles.shipping import ship
from cantor.bundles.values import pack
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.workers.errors import TaskError
from cantor.workers.messages import NO_ARGUMENTS
from cantor.workers.units import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.bundles.code import Code
    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.pool import Pool
    from cantor.workers.pools import Pools
    from cantor.workers.units import Shipped, Terms

T = TypeVar("T")
OBJECTS_MAX = 16
"""So many of its arguments are looked after for a call."""
_HOLDING = (list, tuple, dict)


def submit_call(
    backend: Backend,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    terms: Terms,
    *,
    echo: bool = True,
) -> Future[T]:
    """Call it there; the future of what it returns.

    Raises:
        NotShippable: the function cannot travel.
        NotSerialisable: an argument cannot.
        TaskError: a module submits while it is loaded in a worker.
    """
    return submit_code(backend, shipped(function), args, kwargs, terms, echo=echo)


def submit_code(
    backend: Backend,
    code: Shipped,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    terms: Terms,
    *,
    echo: bool = True,
) -> Future[Any]:
    """Call what is code already. Raises as :func:`submit_call`."""
    buffers: list[Buffer] = []
    body = packed(args, kwargs, buffers)
    future: Future[Any] = Future()
    terms = reading(terms, args, kwargs)
    listener = FutureListener(future, terms, echo=echo)
    unit = backend.submit(code, body, buffers, listener, terms)
    future._submitted(backend, unit)
    return future


def submit_calls(
    pool: Pool | Pools,
    function: Callable[..., T],
    calls: Iterable[tuple[Any, ...]],
    terms: Terms,
    *,
    echo: bool = True,
) -> list[Future[T]]:
    """Call it with each of these arguments.

    Raises: as :func:`submit_call`; then none of them was submitted.
    """
    code = shipped(function)
    futures: list[Future[T]] = []
    ready = []
    for args in calls:
        buffers: list[Buffer] = []
        body = packed(args, {}, buffers)
        future: Future[T] = Future()
        futures.append(future)
        ready.append((code, body, buffers, FutureListener(future, terms, echo=echo)))
    for future, unit in zip(futures, pool.submit_all(ready, terms), strict=True):
        future._submitted(pool, unit)
    return futures


def shipped(function: Callable[..., Any]) -> Code:
    """The function as code.

    Raises:
        NotShippable: it cannot travel.
        TaskError: a module submits while it is loaded in a worker.
    """
    if is_loading():
        raise TaskError(
            "a task is submitted while its module is loaded in a worker",
            remedy='put what submits under if __name__ == "__main__":',
        )
    if type(function) is FunctionType:  # these the bundles remember
        return ship(function)
    try:
        code = _shipped.get(function)
    except TypeError:  # it cannot be remembered
        return ship(function)
    if code is None:
        code = ship(function)
        if code.module:
            _shipped[function] = code
    return code


_shipped: WeakKeyDictionary[Any, Code] = WeakKeyDictionary()
"""Classes and built-in functions, which have a name and do not change."""


def packed(args: tuple[Any, ...], kwargs: dict[str, Any], buffers: list[Buffer]) -> bytes:
    """Arguments as a worker reads them.

    Raises:
        NotSerialisable: one cannot travel; the error names it.
    """
    if not args and not kwargs:
        return NO_ARGUMENTS
    return pack([list(args), kwargs], buffers, names=("args", "kwargs"))


def reading(terms: Terms, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Terms:
    """The terms of a call, with the objects that are among its arguments or right inside one."""
    found: dict[str, None] = {}
    for value in (*args, *kwargs.values()):
        kind = type(value)
        if kind is ObjectRef:
            found[str(value)] = None
        elif kind in _HOLDING and len(value) <= OBJECTS_MAX:
            inside = value.values() if kind is dict else value
            found.update((str(one), None) for one in inside if type(one) is ObjectRef)
    return replace(terms, objects=" ".join([*found][:OBJECTS_MAX])) if found else terms


def setup_call(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Code, bytes, list[Buffer], FutureListener]:
    """A call for each worker of a pool before all others; nobody waits for its result.

    Raises: as :func:`submit_call`.
    """
    buffers: list[Buffer] = []
    code = shipped(function)
    return code, packed(args, kwargs, buffers), buffers, FutureListener(Future(), PLAIN)
