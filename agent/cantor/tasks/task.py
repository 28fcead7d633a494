"""Functions as tasks: ``@cantor.task`` and what can be done with one."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from cantor.base.errors import ConfigError
from cantor.base.secret_names import check_secret_name
from cantor.scheduling.needs import together
from cantor.scheduling.shares.terms import check_name
from cantor.tasks.brought import dressed, lines
from cantor.tasks.calls import packed, shipped, submit_call, submit_calls
from cantor.tasks.durable import keep_call
from cantor.tasks.executor import results
from cantor.tasks.group import Call
from cantor.tasks.local import backend
from cantor.tasks.needs_here import check, counted, parsed
from cantor.tasks.stream import Stream
from cantor.workers.pools import Pools
from cantor.workers.units import NORMAL, PROCESS, THREAD, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from os import PathLike

    from cantor.scheduling.needs import Needs
    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend

P = ParamSpec("P")
T = TypeVar("T")
RETRIES = 2
MODES = {"process": PROCESS, "thread": THREAD}


class Task(Generic[P, T]):
    """A function that can run in a worker. Called as usual, it runs here."""

    def __init__(
        self,
        function: Callable[P, T],
        needs: str,
        terms: Terms,
        requirements: Sequence[str] | str | PathLike[str] = (),
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.needs = parsed(needs)
        self._terms = terms
        self._requirements = requirements
        self._is_checked = self.needs.expression is None
        self._mesh_terms: tuple[Needs | None, Terms] = (None, terms)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.function(*args, **kwargs)

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it in a worker; returns at once.

        Raises:
            NeedsError: its needs can never be met.
            NotShippable: the function cannot travel; the error says which name in it.
            NotSerialisable: an argument cannot.
            WrongPlatform: no node has a wheel of a requirement.
            BundleError: a requirement is not to be found, or is none.
            UnavailableError: requirements cannot be asked for: pip fails.
            PoolClosedError: nothing is taken any more.
            ConfigError: it is durable, and nothing is kept where it goes.
        """
        where = backend()
        if self._terms.is_durable:
            return keep_call(where, self.function, args, kwargs, self._terms_at(where))
        return submit_call(where, self.function, args, kwargs, self._terms_at(where))

    def map(self, *iterables: Iterable[Any], timeout: float | None = None) -> Iterator[T]:
        """Run it with each, all at once; the results in order. Raises as :meth:`submit`.

        Raises:
            TimeoutError: in iteration, if not all is there ``timeout`` seconds after this call.
        """
        until = None if timeout is None else time.monotonic() + timeout
        calls = zip(*iterables, strict=False)
        where = backend()
        if isinstance(where, Pools) and not self._terms.is_durable:
            futures = submit_calls(where, self.function, calls, self._terms_at(where))
        else:
            futures = [self.submit(*args) for args in calls]  # type: ignore[call-arg]
        return results(futures, until)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call:
        """A call for :func:`cantor.group`, which begins it together with others.

        Raises:
            NeedsError: its needs can never be met here.
            NotShippable: the function cannot travel; the error says which name in it.
            NotSerialisable: an argument cannot.
        """
        self._refuse_durable("a call of a group")
        return Call.of(self.function, args, kwargs, self.needs, self._terms_at(backend()))

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> Stream[Any]:
        """Run a generator in a worker; its items come while it runs. Raises as :meth:`submit`."""
        self._refuse_durable("a stream")
        where = backend()
        terms = replace(self._terms_at(where), is_stream=True, retries=0)
        code = shipped(self.function)
        buffers: list[Buffer] = []
        body = packed(args, kwargs, buffers)
        stream: Stream[Any] = Stream(terms, echo=True)
        stream.submitted(where, where.submit(code, body, buffers, stream.listener, terms))
        return stream

    def options(
        self,
        *,
        retries: int | None = None,
        deadline_s: float | None = None,
        priority: int | None = None,
        project: str | None = None,
        durable: bool | None = None,
    ) -> Task[P, T]:
        """The same function under other terms.

        Raises:
            ConfigError: no project can be called so.
        """
        changed = {
            "retries": retries,
            "deadline_s": deadline_s,
            "priority": priority,
            "project": check_name(project) if project else project,
            "is_durable": durable,
        }
        given = {name: value for name, value in changed.items() if value is not None}
        terms = replace(self._terms, **given)  # type: ignore[arg-type]
        return Task(self.function, str(self.needs), terms, self._requirements)

    def _refuse_durable(self, what: str) -> None:
        if self._terms.is_durable:
            raise ConfigError(
                f"{what} is not durable", where=self._terms.name,
                remedy="use options(durable=False) there, or submit",
            )  # fmt: skip

    def _terms_at(self, where: Backend) -> Terms:
        """The terms there; what the mesh has, the agent looks at."""
        return dressed(where, self._plain_terms_at(where), self._brings)

    @functools.cached_property
    def _brings(self) -> tuple[str, ...]:
        """What it brings; a file is read when it is submitted first."""
        return lines(self._requirements)

    def _plain_terms_at(self, where: Backend) -> Terms:
        besides = getattr(where, "needs", None)
        if besides is None:
            return self.terms
        if self._mesh_terms[0] is not besides:
            needs = str(together([self.needs, besides]))
            project = self._terms.project or getattr(where, "project", "")
            self._mesh_terms = besides, replace(self._terms, needs=needs, project=project)
        return self._mesh_terms[1]

    @property
    def terms(self) -> Terms:
        """The terms of each call.

        Raises:
            NeedsError: its needs can never be met here.
        """
        if not self._is_checked:
            check(self.needs, self._terms.name)
            if counted(self.needs):
                self._terms = replace(self._terms, needs=str(self.needs))
            self._is_checked = True
        return self._terms


@overload
def task(function: Callable[P, T], /) -> Task[P, T]:
    """As ``@cantor.task``."""


@overload
def task(
    *,
    needs: str = "",
    mode: str = "process",
    retries: int = RETRIES,
    deadline_s: float | None = None,
    priority: int = NORMAL,
    at_most_once: bool = False,
    project: str = "",
    durable: bool = False,
    requirements: Sequence[str] | str | PathLike[str] = (),
    secrets: Sequence[str] = (),
) -> Callable[[Callable[P, T]], Task[P, T]]:
    """As ``@cantor.task(…)``."""


def task(
    function: Callable[P, T] | None = None,
    /,
    *,
    needs: str = "",
    mode: str = "process",
    retries: int = RETRIES,
    deadline_s: float | None = None,
    priority: int = NORMAL,
    at_most_once: bool = False,
    project: str = "",
    durable: bool = False,
    requirements: Sequence[str] | str | PathLike[str] = (),
    secrets: Sequence[str] = (),
) -> Task[P, T] | Callable[[Callable[P, T]], Task[P, T]]:
    """Make a function a task.

    ``needs`` says what it takes while it runs (``"GPU = 1 and Memory = 2GiB"``) and waits for until
    it is free; memory bounds the worker, too. ``mode`` is "process", which it has for itself, or
    "thread": beside others in one process, for what waits more than it computes.
    ``retries`` counts new attempts after its worker died; an error that it raises is its result.
    With ``at_most_once`` it never begins twice. ``deadline_s`` is from the submit to the result;
    what runs then is ended. Of what waits, lower ``priority`` goes first: 0 urgent, 1, 2.
    ``project`` says whose share of the mesh it uses; without, that of ``connect``, or of the task
    that submits it, or the project ``default``.
    A ``durable`` one and its result are on a disk before they are acknowledged; its future has a
    ``task_id``, by which :func:`cantor.find_task` finds it again.
    ``requirements`` is what it imports beside the modules of its project (``["numpy>=2"]``), or a
    file with one a line: they go with it as wheels for the node that runs it, found when it is
    submitted first. What a task submits itself has the wheels of that task.
    ``secrets`` are the names of those of its project that it may have: :func:`cantor.secret`.

    Raises:
        ConfigError: a value is out of range, or the needs do not follow the grammar.
    """

    def make(function: Callable[P, T]) -> Task[P, T]:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        if mode not in MODES:
            raise ConfigError(f"mode is {mode!r}", where=name, remedy="write process or thread")
        if priority not in (0, 1, 2) or retries < 0 or (deadline_s is not None and deadline_s <= 0):
            raise ConfigError(
                "priority is 0, 1 or 2, retries at least 0, deadline_s more than 0", where=name
            )
        terms = Terms(
            name=name,
            priority=priority,
            retries=retries,
            at_most_once=at_most_once,
            deadline_s=deadline_s,
            mode=MODES[mode],
            project=check_name(project) if project else "",
            is_durable=durable,
            secrets=" ".join(check_secret_name(one, name) for one in secrets),
        )
        return Task(function, needs, terms, requirements)

    return make if function is None else make(function)
