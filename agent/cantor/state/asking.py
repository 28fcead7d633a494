"""Asking a node about what it keeps: the way of tasks, so in scripts and in tasks alike."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from cantor.node.state.wording import ASK_S, pack_question, unpack_answer
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener
from cantor.workers.backend import backend_here
from cantor.workers.living import no_mesh
from cantor.workers.pools import Pools
from cantor.workers.units import Passed, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.node.state.wording import Answer, Args
    from cantor.wire.frame import Buffer

T = TypeVar("T")
_NO_CODE = Passed("", b"")


@lru_cache(maxsize=64)
def _terms(kind: str, operation: str) -> Terms:
    """The same object each time: terms are remembered as they travel."""
    return Terms(name=f"{kind} {operation}", asks=kind)


class _Listener(FutureListener):
    """Resolves a future with what ``read`` makes of the answer."""

    __slots__ = ("_read",)

    def __init__(self, future: Future[Any], terms: Terms, read: Callable[[Answer], Any]) -> None:
        super().__init__(future, terms)
        self._read = read

    def _value(self, body: bytes, buffers: Sequence[Buffer]) -> Any:  # noqa: ANN401 (its own)
        return self._read(unpack_answer(body, tuple(buffers)))


def ask(
    kind: str,
    operation: str,
    node: str,
    args: Args,
    value: Sequence[Buffer] = (),
    *,
    read: Callable[[Answer], T],
    timeout_s: float = ASK_S,
) -> Future[T]:
    """What ``read`` makes of the answer of a node, the own one if ``node`` is empty.

    Raises:
        UnavailableError: this program is connected to no node.
        ConfigError: the question is too long.
    """
    terms = _terms(kind, operation)
    backend = backend_here()
    if backend is None or isinstance(backend, Pools):
        raise no_mesh(terms.name)
    body = pack_question(operation, node, args, timeout_s)
    future: Future[T] = Future()
    unit = backend.submit(_NO_CODE, body, value, _Listener(future, terms, read), terms)
    future._submitted(backend, unit)
    return future
