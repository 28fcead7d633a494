"""Actors: objects that live in a worker process of their own and take calls in order."""

from __future__ import annotations

import functools
import inspect
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload
from uuid import uuid4

from cantor.base.errors import ConfigError, LocalProtocolError
from cantor.tasks.calls import setup_call, submit_code
from cantor.tasks.local import backend
from cantor.workers.backend import backend_here
from cantor.workers.children import Children
from cantor.workers.living import Living, lives, lives_no_more, living, must_live
from cantor.workers.pool import Pool
from cantor.workers.units import LOOP, PROCESS, Passed, Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from cantor.tasks.future import Future

P = ParamSpec("P")
T = TypeVar("T")

CALLS_MAX = 1000
"""So many calls of an actor with ``async def`` methods run at once; more wait."""
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
        return _live(self.kind, self._restarts, args, kwargs)

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


@dataclass(frozen=True, slots=True)
class Handle:
    """An actor that lives in a worker: ``handle.method(…)`` waits, ``handle.method.submit(…)`` not.

    Calls begin in the order in which each thread made them. They run one after the other, unless
    the class has ``async def`` methods: then all run on one event loop, and those that wait
    overlap. If its process dies, the calls that ran raise WorkerDiedError; if restarts are left it
    begins anew with the same arguments, without what it knew, and goes on with those that wait.

    A handle can be an argument of tasks and of other actors.
    """

    address: str
    kind: str
    """The name of its class."""
    methods: tuple[str, ...]
    mode: int
    """How its calls run: PROCESS, or LOOP."""

    def __getattr__(self, name: str) -> Method:
        if name not in self.methods:
            raise AttributeError(f"actor {self.kind} has no method {name!r}")
        return Method(self.address, _terms(self.address, self.kind, name, self.mode))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, *, kill: bool = False) -> None:
        """Wait for the calls that were made, or with ``kill`` end them; then end its process.

        Raises:
            LocalProtocolError: this is a task, and the actor was not started in it.
        """
        here = living(self.address)
        if here is None and isinstance(backend_here(), Children):
            raise LocalProtocolError(
                "an actor is closed by the program that started it", where=self.kind
            )
        with _lock:
            for name in [name for name, handle in _named.items() if handle == self]:
                del _named[name]
        if here is not None:
            here.pool.close(kill=kill)
            lives_no_more(self.address)


class Method:
    """A method of an actor that lives in a worker."""

    __slots__ = ("_address", "_terms")

    def __init__(self, address: str, terms: Terms) -> None:
        self._address = address
        self._terms = terms

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (the method's own)
        """Call it and wait for what it returns."""
        return self.submit(*args, **kwargs).result()

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 (the method's own)
        """Call it; returns at once.

        Raises:
            NotSerialisable: an argument cannot travel.
            PoolClosedError: the actor was closed, or lives in another program.
        """
        here = living(self._address)
        if here is not None:
            return submit_code(here, here.code, args, kwargs, self._terms)
        above = backend_here()
        if not isinstance(above, Children):  # this is no task, which could ask its program
            above = must_live(self._address, self._terms.name)
        return submit_code(above, Passed(self._address, b""), args, kwargs, self._terms)


def _live(
    kind: Callable[..., object], restarts: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Handle:
    """A new actor."""
    names = [name for name in dir(kind) if not name.startswith("_")]
    methods = tuple(name for name in names if callable(getattr(kind, name)))
    overlaps = any(inspect.iscoroutinefunction(getattr(kind, name)) for name in methods)
    setup = setup_call(kind, args, kwargs)
    pool = Pool(
        1,
        warm=1,
        setup=setup,
        starts_max=restarts + 1,
        places=CALLS_MAX if overlaps else None,
        children=backend,
    )
    name = getattr(kind, "__qualname__", str(kind))
    handle = Handle(uuid4().hex, name, methods, LOOP if overlaps else PROCESS)
    lives(handle.address, Living(pool, setup[0]))
    return handle


@lru_cache(maxsize=4096)
def _terms(address: str, kind: str, method: str, mode: int) -> Terms:
    return Terms(name=f"{kind}.{method}", method=method, actor=address, mode=mode)


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
