"""An executor of the standard library's kind over worker processes of Cantor."""

from __future__ import annotations

import atexit
import concurrent.futures
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cantor.tasks.calls import setup_call, submit_call, submit_calls
from cantor.tasks.needs_here import grants
from cantor.tasks.pickled import submit_pickled
from cantor.workers.pool import Pool
from cantor.workers.units import Terms
from cantor.workers.wear import Wear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cantor.tasks.future import Future

P = ParamSpec("P")
T = TypeVar("T")


class Executor(concurrent.futures.Executor):
    """A ``concurrent.futures.Executor``: also for ``loop.run_in_executor``, Dask and Joblib.

    ``max_workers`` processes at most, one for each processor by default; they start when there is
    work. ``initializer(*initargs)`` is called in each before all else; if that raises, so does what
    waits. Each is replaced after ``max_tasks_per_child`` calls. Lambdas and closures travel too.
    Arguments and results travel by value, without pickle; with ``pickle`` calls and results go by
    it, as with the standard library's: what Dask, and classes of one's own, need.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_tasks_per_child: int | None = None,
        pickle: bool = False,
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        setup = () if initializer is None else (setup_call(initializer, initargs, {}),)
        self._pool = Pool(
            max_workers, grants=grants, wear=Wear(units_max=max_tasks_per_child), setup=setup
        )
        self._pickles = pickle
        self._terms: dict[str, Terms] = {}
        self._forgotten = weakref.finalize(self, partial(self._pool.close, wait=False))
        self._forgotten.atexit = False
        _open.add(self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call ``fn(*args, **kwargs)`` in a worker.

        Raises:
            PoolClosedError: the executor was shut down (a RuntimeError).
            NotShippable: the function cannot travel.
            NotSerialisable: an argument cannot.
        """
        if self._pickles:
            return submit_pickled(self._pool, partial(fn, *args, **kwargs), self._terms_of(fn))
        return submit_call(self._pool, fn, args, kwargs, self._terms_of(fn))

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """``fn`` of each, in order; all are submitted at once. ``chunksize`` has no effect: small
        calls are sent in groups anyway.

        Raises:
            TimeoutError: in iteration, if not all is there ``timeout`` seconds after this call.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        until = None if timeout is None else time.monotonic() + timeout
        calls = zip(*iterables, strict=False)
        if self._pickles:
            return results([self.submit(fn, *args) for args in calls], until)
        return results(submit_calls(self._pool, fn, calls, self._terms_of(fn)), until)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more, and end the workers when all is done."""
        self._forgotten.detach()
        self._pool.close(wait=wait, cancel_waiting=cancel_futures)

    def _terms_of(self, function: Callable[..., Any]) -> Terms:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        terms = self._terms.get(name)
        if terms is None:
            terms = self._terms[name] = Terms(name=name)
        return terms


def results(futures: list[Future[T]], until: float | None = None) -> Iterator[T]:
    """What they return, in order; those that nobody waits for any more are cancelled."""
    futures.reverse()
    try:
        while futures:
            left = None if until is None else until - time.monotonic()
            value = futures[-1].result(left)
            futures.pop()
            yield value
    finally:
        for future in futures:
            future.cancel()


_open: weakref.WeakSet[Executor] = weakref.WeakSet()


@atexit.register
def _finish() -> None:
    """What was submitted is done before the interpreter ends, as with the standard library."""
    for executor in list(_open):
        executor.shutdown()
