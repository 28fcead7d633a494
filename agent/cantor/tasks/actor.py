"""Actors: objects that live in a worker process of their own and answer calls in order."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from cantor.base.errors import ConfigError
from cantor.tasks.calls import setup_call, submit_call
from cantor.workers.pool import Pool
from cantor.workers.units import Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from cantor.tasks.future import Future

P = ParamSpec("P")
T = TypeVar("T")

_named: dict[str, Handle] = {}
_lock = threading.Lock()


class Actor(Generic[P, T]):
    """A class whose objects can live in workers. Called as usual, it makes one here."""

    def __init__(self, kind: Callable[P, T], restarts: int) -> None:
        functools.update_wrapper(self, kind, updated=())
        self.kind = kind
        self._restarts = restarts

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.kind(*args, **kwargs)

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Handle:
        """Make one in a worker of its own; returns at once.

        If its ``__init__`` raises, each call raises that.

        Raises:
            NotShippable: the class cannot travel.
            NotSerialisable: an argument cannot.
        """
        return Handle(self.kind, self._restarts, args, kwargs)

    def start_named(self, name: str, *args: P.args, **kwargs: P.kwargs) -> Handle:
        """As :meth:`start`, and :func:`find_actor` finds it in this process until it is closed.

        Raises:
            ConfigError: there is one of that name.
        """
        with _lock:
            if name in _named:
                raise ConfigError(
                    "there is an actor of that name", where=name, remedy="close it, or find_actor"
                )
            handle = _named[name] = self.start(*args, **kwargs)
        return handle


class Handle:
    """An actor that lives in a worker: ``handle.method(…)`` waits, ``handle.method.submit(…)`` not.

    Calls run one after the other, in the order in which each thread made them. If its process dies,
    the call that ran raises WorkerDiedError; if restarts are left it begins anew with the same
    arguments, without what it knew, and goes on with the calls that wait.
    """

    def __init__(
        self,
        kind: Callable[..., object],
        restarts: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._kind = kind
        setup = setup_call(kind, args, kwargs)
        self._pool = Pool(1, warm=1, setup=setup, starts_max=restarts + 1)

    def __getattr__(self, name: str) -> Method:
        function = getattr(self._kind, name, None)
        if name.startswith("_") or not callable(function):
            raise AttributeError(f"actor {self._kind.__name__} has no method {name!r}")
        method = Method(self._pool, self._kind, name)
        self.__dict__[name] = method  # the next call finds it without this
        return method

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, *, kill: bool = False) -> None:
        """Wait for the calls that were made, or with ``kill`` end them; then end its process."""
        with _lock:
            for name in [name for name, handle in _named.items() if handle is self]:
                del _named[name]
        self._pool.close(kill=kill)


class Method:
    """A method of an actor that lives in a worker."""

    def __init__(self, pool: Pool, kind: Callable[..., object], name: str) -> None:
        self._pool = pool
        self._kind = kind
        self._terms = Terms(name=f"{getattr(kind, '__qualname__', kind)}.{name}", method=name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (the method's own)
        """Call it and wait for what it returns."""
        return self.submit(*args, **kwargs).result()

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 (the method's own)
        """Call it; returns at once.

        Raises:
            NotSerialisable: an argument cannot travel.
            PoolClosedError: the actor was closed.
        """
        return submit_call(self._pool, self._kind, args, kwargs, self._terms)


def find_actor(name: str) -> Handle:
    """The actor of that name in this process.

    Raises:
        LookupError: there is none.
    """
    with _lock:
        if name not in _named:
            raise LookupError(f"no actor is named {name!r} here")
        return _named[name]


@overload
def actor(kind: Callable[P, T], /) -> Actor[P, T]:
    """As ``@cantor.actor``."""


@overload
def actor(*, restarts: int = 0) -> Callable[[Callable[P, T]], Actor[P, T]]:
    """As ``@cantor.actor(…)``."""


def actor(
    kind: Callable[P, T] | None = None, /, *, restarts: int = 0
) -> Actor[P, T] | Callable[[Callable[P, T]], Actor[P, T]]:
    """Make a class one of actors; ``restarts`` counts how often one begins anew when it died."""

    def make(kind: Callable[P, T]) -> Actor[P, T]:
        return Actor(kind, restarts)

    return make if kind is None else make(kind)
