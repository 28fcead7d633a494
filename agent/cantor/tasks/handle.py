"""Handles of actors: addresses of objects that live in workers, here or on a node of the mesh."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cantor.base.errors import LocalProtocolError
from cantor.tasks.calls import submit_code
from cantor.workers.backend import backend_here
from cantor.workers.children import Children
from cantor.workers.errors import PoolClosedError
from cantor.workers.living import is_on_mesh, knows_mesh, lives_no_more, living, must_live
from cantor.workers.units import CLOSE, FIND, HOLDER, KILL, Passed, Terms

if TYPE_CHECKING:
    from typing import Self

    from cantor.tasks.future import Future
    from cantor.workers.backend import Backend

named: dict[str, Handle] = {}
"""Those that were given a name in this process."""
naming = threading.Lock()


@dataclass(frozen=True, slots=True)
class Handle:
    """An actor that lives in a worker: ``handle.method(…)`` waits, ``handle.method.submit(…)`` not.

    Calls begin in the order in which each thread made them. They run one after the other, unless
    the class has ``async def`` methods: then all run on one event loop, and those that wait
    overlap. If its process dies or its node is lost, the calls that may have run raise
    WorkerDiedError, or run again as often as ``retries`` say; if restarts are left it begins anew
    with the same arguments, with the state that was kept, and goes on with those that wait.

    A handle can be an argument of tasks and of other actors.
    """

    address: str
    kind: str
    """The name of its class."""
    methods: tuple[str, ...]
    mode: int
    """How its calls run: PROCESS, or LOOP."""
    retries: int = 0
    """Of each call."""

    def __getattr__(self, name: str) -> Method:
        if name not in self.methods:
            raise AttributeError(f"actor {self.kind} has no method {name!r}")
        return self._method(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, *, kill: bool = False) -> None:
        """Wait for the calls that were made, or with ``kill`` end them; then end its process.

        Raises:
            LocalProtocolError: this is a task, and the actor was started by its program, elsewhere.
            WorkerDiedError: the node that keeps it cannot be reached.
        """
        if is_on_mesh(self.address):
            self._method(KILL if kill else CLOSE)()
            return
        here = living(self.address)
        if here is None and isinstance(backend_here(), Children):
            raise LocalProtocolError(
                "an actor is closed by the program that started it", where=self.kind
            )
        with naming:
            for name in [name for name, handle in named.items() if handle == self]:
                del named[name]
        if here is not None:
            here.pool.close(kill=kill)
            lives_no_more(self.address)

    def holder(self) -> Handle:
        """The actor on the mesh that has the name with which this was started: this or another."""
        return _handle_of(self._method(HOLDER)())

    def _method(self, name: str) -> Method:
        return Method(self.address, _terms(self.address, self.kind, name, self.mode, self.retries))


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
        if above is None or not self._is_reached_by(above):
            above = must_live(self._address, self._terms.name)
        return submit_code(above, Passed(self._address, b""), args, kwargs, self._terms)

    def _is_reached_by(self, above: Backend) -> bool:
        """A task asks what is above it; a script reaches those on the mesh it is connected to."""
        if isinstance(above, Children):
            return True
        return is_on_mesh(self._address) and knows_mesh(above)


def found_on_mesh(name: str) -> Handle:
    """The actor of that name on the mesh that this process is connected to.

    Raises:
        LookupError: there is none, or no mesh.
    """
    above = backend_here()
    if above is None or not (isinstance(above, Children) or knows_mesh(above)):
        raise LookupError(f"no actor is named {name!r} here")
    terms = Terms(name="find_actor", method=FIND, actor=NOWHERE, actor_name=name)
    try:
        return _handle_of(submit_code(above, Passed(NOWHERE, b""), (), {}, terms).result())
    except PoolClosedError as error:  # a task of a program that is on no mesh
        raise LookupError(f"no actor is named {name!r} here") from error


NOWHERE = "/"
"""The address of no actor: what is asked of the node itself."""


def _handle_of(about: list[Any]) -> Handle:
    address, kind, methods, mode, retries = about
    return Handle(address, kind, tuple(methods.split()), mode, retries)


@lru_cache(maxsize=4096)
def _terms(address: str, kind: str, method: str, mode: int, retries: int) -> Terms:
    name = f"{kind}.{method}"
    return Terms(name=name, method=method, actor=address, mode=mode, retries=retries)
