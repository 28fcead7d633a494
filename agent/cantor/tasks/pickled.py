"""Calls whose function, arguments and result go by pickle, as Joblib and Dask expect of executors.

Only to workers of this machine that belong to this program: who unpickles runs what it is told to.
Large arrays go beside the pickle, through shared memory; a worker gets them read-only.
"""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING, Any

import cloudpickle

from cantor.tasks.calls import packed, shipped
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.units import Terms

ASIDE_BYTES_MIN = 1024 * 1024
"""Smaller buffers stay in the pickle, and what is made of them can be written."""
_PROTOCOL = 5


def dump(value: object) -> tuple[bytes, list[Buffer]]:
    """A value as a pickle and the large buffers beside it.

    Raises:
        Exception: whatever its own code raises when it is pickled.
    """
    aside: list[Buffer] = []

    def stays(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < ASIDE_BYTES_MIN:
            return True
        aside.append(raw)
        return False

    return cloudpickle.dumps(value, protocol=_PROTOCOL, buffer_callback=stays), aside


def load(body: Buffer, aside: Sequence[Buffer]) -> Any:  # noqa: ANN401 (whatever was dumped)
    """What :func:`dump` made, from a worker or a program of the same user."""
    return pickle.loads(body, buffers=aside)  # noqa: S301 (see above)


def submit_pickled(
    where: Backend,
    function: Callable[[], Any],
    terms: Terms,
    *,
    run: Callable[..., Any] | None = None,
) -> Future[Any]:
    """Call it there; ``run`` is what calls it in the worker, :func:`call_dumped` or more.

    Raises:
        Exception: whatever pickling it raises.
    """
    future: Future[Any] = Future()
    buffers: list[Buffer] = []
    body = packed((sys.path, *dump(function)), {}, buffers)
    listener = _Listener(future, terms)
    code = shipped(run or call_dumped)
    future._submitted(where, where.submit(code, body, buffers, listener, terms))
    return future


class _Listener(FutureListener):
    """Resolves a future with what was dumped in the worker."""

    __slots__ = ()

    def _value(self, body: bytes, buffers: Sequence[Buffer]) -> Any:  # noqa: ANN401
        return load(*super()._value(body, buffers))


def call_dumped(
    paths: Sequence[str], body: Buffer, aside: Sequence[Buffer]
) -> tuple[bytes, list[Buffer]]:
    """In a worker: call what was dumped; modules are found where its program finds them."""
    sys.path.extend(path for path in paths if path not in sys.path)
    function: Callable[[], object] = load(body, aside)
    return dump(function())
