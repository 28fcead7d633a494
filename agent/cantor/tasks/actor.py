"""Actors: objects that live in a worker process of their own and take calls in order."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload
from uuid import uuid4

from cantor.base.errors import ConfigError
from cantor.scheduling.needs import together
from cantor.tasks.brought import dressed, lines
from cantor.tasks.calls import setup_call, submit_call
from cantor.tasks.handle import Handle, found_on_mesh, named, naming
from cantor.tasks.local import backend
from cantor.tasks.needs_here import check, parsed
from cantor.workers.backend import backend_here
from cantor.workers.dressing import dressing
from cantor.workers.living import Living, lives
from cantor.workers.pool import Pool
from cantor.workers.pools import CALLS_MAX
from cantor.workers.units import LOOP, PROCESS, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from cantor.workers.backend import Backend

P = ParamSpec("P")
T = TypeVar("T")


class Actor(Generic[P, T]):
    """A class whose objects can live in workers. Called as usual, it makes one here."""

    def __init__(
        self,
        kind: Callable[P, T],
        needs: str,
        terms: Terms,
        retries: int,
        requirements: Sequence[str] | str | PathLike[str] = (),
    ) -> None:
        """``retries`` are those of calls, ``terms.retries`` those of the actor: its restarts."""
        functools.update_wrapper(self, kind, updated=())
        self.kind = kind
        self.needs = parsed(needs)
        self._retries = retries
        self._requirements = requirements
        names = [name for name in dir(kind) if not name.startswith("_")]
        self._methods = tuple(name for name in names if callable(getattr(kind, name)))
        is_loop = any(inspect.iscoroutinefunction(getattr(kind, name)) for name in self._methods)
        self._terms = replace(terms, mode=LOOP if is_loop else PROCESS)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.kind(*args, **kwargs)

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Handle:
        """Make one in a worker of its own; returns at once.

        After ``cantor.connect()`` it lives on a node of the mesh that fits, else on this machine.
        If its ``__init__`` raises, or no node can ever meet its needs, each call raises that.

        Raises:
            NeedsError: there is no mesh, and this machine can never meet its needs.
            NotShippable: the class cannot travel.
            NotSerialisable: an argument cannot.
            WrongPlatform: no node has a wheel of a requirement.
            BundleError: a requirement is not to be found, or is none.
            UnavailableError: requirements cannot be asked for: pip fails.
        """
        above = backend_here()
        home = getattr(above, "home", None)
        if above is None or home is None:
            return self._start_here(args, kwargs)
        return self._start_on_mesh(above, str(home), args, kwargs)

    def start_named(self, name: str, *args: P.args, **kwargs: P.kwargs) -> Handle:
        """As :meth:`start`, and :func:`find_actor` finds it until it is closed.

        On a mesh there is one of each name, which does not end with its script.

        Raises:
            ConfigError: there is one of that name.
        """
        handle, is_new = self._named(name, args, kwargs)
        if not is_new:
            raise ConfigError(
                "there is an actor of that name", where=name, remedy="close it, or find_actor"
            )
        return handle

    def get_named(self, name: str, *args: P.args, **kwargs: P.kwargs) -> Handle:
        """The actor of that name; if there is none, it is started as by :meth:`start_named`."""
        return self._named(name, args, kwargs)[0]

    def _named(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Handle, bool]:
        """The actor of that name, and whether it was started by this."""
        above = backend_here()
        home = getattr(above, "home", None)
        if above is None or home is None:
            with naming:
                if name in named:
                    return named[name], False
                handle = named[name] = self._start_here(args, kwargs)
            return handle, True
        mine = self._start_on_mesh(above, str(home), args, kwargs, name)
        holder = mine.holder()
        return holder, holder.address == mine.address

    @functools.cached_property
    def _brings(self) -> tuple[str, ...]:
        """What it brings; a file is read when one is started first."""
        return lines(self._requirements)

    def _handle(self, address: str) -> Handle:
        return Handle(address, self._terms.name, self._methods, self._terms.mode, self._retries)

    def _start_here(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Handle:
        check(self.needs, self._terms.name)
        terms = dressed(backend(), self._terms, self._brings)
        setup = setup_call(self.kind, args, kwargs)
        pool = Pool(
            1,
            warm=1,
            setup=(dressing(terms), setup) if terms.folders else (setup,),
            starts_max=terms.retries + 1,
            places=CALLS_MAX if terms.mode == LOOP else None,
            children=backend,
        )
        handle = self._handle(uuid4().hex)
        lives(handle.address, Living(pool, setup[0]))
        return handle

    def _start_on_mesh(
        self,
        above: Backend,
        home: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str = "",
    ) -> Handle:
        handle = self._handle(f"{home}-{uuid4().hex}")
        besides = getattr(above, "needs", None)
        needs = self.needs if besides is None else together([self.needs, besides])
        project = getattr(above, "project", "")
        worn = dressed(above, self._terms, self._brings)
        terms = replace(worn, actor=handle.address, needs=str(needs), project=project)
        if name:
            methods = " ".join(self._methods)
            terms = replace(terms, actor_name=name, methods=methods, call_retries=self._retries)
        submit_call(above, self.kind, args, kwargs, terms)
        return handle


def find_actor(name: str) -> Handle:
    """The actor of that name: on the mesh after ``cantor.connect()`` and in tasks that run there,
    else in this process.

    Raises:
        LookupError: there is none.
    """
    with naming:
        if name in named:
            return named[name]
    return found_on_mesh(name)


@overload
def actor(kind: Callable[P, T], /) -> Actor[P, T]:
    """As ``@cantor.actor``."""


@overload
def actor(
    *,
    needs: str = "",
    restarts: int = 0,
    retries: int = 0,
    checkpoint_calls: int = 1,
    requirements: Sequence[str] | str | PathLike[str] = (),
) -> Callable[[Callable[P, T]], Actor[P, T]]:
    """As ``@cantor.actor(…)``."""


def actor(
    kind: Callable[P, T] | None = None,
    /,
    *,
    needs: str = "",
    restarts: int = 0,
    retries: int = 0,
    checkpoint_calls: int = 1,
    requirements: Sequence[str] | str | PathLike[str] = (),
) -> Actor[P, T] | Callable[[Callable[P, T]], Actor[P, T]]:
    """Make a class one of actors.

    ``needs`` say what it takes while it lives (``"GPU = 1"``). ``restarts`` counts how often it
    begins anew when its worker died or its node was lost, ``retries`` how often a call runs again
    that may have run then. If the class has methods ``checkpoint()`` and ``restore(state)``, a new
    life on a mesh begins with the state after the latest call that counts: it is kept after each
    ``checkpoint_calls`` calls. ``requirements`` are what it imports beside the modules of its
    project, as for :func:`cantor.task`.

    Raises:
        ConfigError: a value is out of range, or the needs do not follow the grammar.
    """

    def make(kind: Callable[P, T]) -> Actor[P, T]:
        name = getattr(kind, "__qualname__", str(kind))
        if restarts < 0 or retries < 0 or checkpoint_calls < 1:
            raise ConfigError(
                "restarts and retries are at least 0, checkpoint_calls at least 1", where=name
            )
        tells = all(callable(getattr(kind, one, None)) for one in ("checkpoint", "restore"))
        terms = Terms(
            name=name, retries=restarts, checkpoint_calls=checkpoint_calls if tells else 0
        )
        return Actor(kind, needs, terms, retries, requirements)

    return make if kind is None else make(kind)
