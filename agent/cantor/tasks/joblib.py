"""Cantor's workers for Joblib: after ``cantor.register_joblib()`` a backend is named ``cantor``."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from joblib.parallel import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
    register_parallel_backend,
)

from cantor.base.errors import ConfigError
from cantor.tasks.local import backend
from cantor.tasks.pickled import call_dumped, submit_pickled
from cantor.workers.children import Children
from cantor.workers.pools import Pools
from cantor.workers.units import Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer

NAME = "cantor"
_TERMS = Terms(name="joblib")


class CantorBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc,unused-ignore]
    """Batches of calls run as tasks of this machine: in the workers of ``cantor.local(…)``, or in
    those that this program's tasks use anyway. What breaks off ends what runs.
    """

    supports_retrieve_callback = True

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 (Joblib's)
        super().__init__(**options)
        self._workers: Pools | None = None
        self._open: weakref.WeakSet[Future[Any]] = weakref.WeakSet()

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:  # noqa: ANN401
        """How many batches are under way at once.

        Raises:
            FallbackToBackend: one: Joblib calls it in this process then.
            ConfigError: tasks go to other machines.
        """
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        where = backend()
        if isinstance(where, Children):  # a task has no workers of its own
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        if not isinstance(where, Pools):
            raise ConfigError(
                "Joblib's calls go by pickle, which goes to workers of this machine only",
                where="joblib", remedy="use with cantor.local(): around it, or @cantor.task",
            )  # fmt: skip
        self._workers, self.parallel = where, parallel
        return n_jobs

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """The number that is meant: of -1, as many as there are processors."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)

    def submit(
        self, func: Callable[[], object], callback: Callable[[Any], object] | None = None
    ) -> Future[Any]:
        """Run a batch."""
        future = submit_pickled(self._workers or backend(), func, _TERMS, run=_call)
        self._open.add(future)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:  # noqa: ANN401 (the batch's own)
        """What a batch that is done has returned."""
        return out.result()

    def terminate(self) -> None:
        """Nothing more comes for now; the workers stay for who comes next."""
        self._workers = None
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End what runs."""
        for future in list(self._open):
            future.cancel()
        self.terminate()
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)


def _call(paths: list[str], body: bytes, aside: list[bytes]) -> tuple[bytes, list[Buffer]]:
    """In a worker: what is called may use the backend's name, too."""
    register_joblib()
    return call_dumped(paths, body, aside)


def register_joblib() -> None:
    """Make ``joblib.parallel_config("cantor")`` and ``Parallel(backend="cantor")`` known."""
    register_parallel_backend(NAME, CantorBackend)
