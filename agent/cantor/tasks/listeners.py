"""What becomes of units, told to the futures and streams of their callers."""

from __future__ import annotations

import sys
from concurrent.futures import InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cantor.bundles.values import unpack
from cantor.workers.errors import PreemptedError, TaskTimeoutError, WorkerDiedError
from cantor.workers.failures import unpack_failure
from cantor.workers.units import ODD, End

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.base.errors import CantorError
    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer
    from cantor.workers.units import Death, Terms


class FutureListener:
    """Resolves a future. With ``echo``, what the task prints is printed here too."""

    __slots__ = ("_echo", "_future", "_terms")

    def __init__(self, future: Future[Any], terms: Terms, *, echo: bool = True) -> None:
        self._future = future
        self._terms = terms
        self._echo = echo

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It has a result."""
        try:
            value = self._value(body, buffers)
        except Exception as error:  # noqa: BLE001 (a pickle may raise anything)
            self._fail(error)
            return
        with suppress(InvalidStateError):  # cancelled meanwhile
            self._future.set_result(value)

    def failed(self, failure: Sequence[object]) -> None:
        """Its function raised."""
        self._fail(unpack_failure(failure, where=self._terms.name))

    def ended(self, end: End, death: Death | None) -> None:
        """It ended without a result."""
        if end is End.CANCELLED:
            self._future._ended_elsewhere()
        else:
            self._fail(error_of(self._terms, end, death))

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """Only streams have items."""

    def progressed(self, fraction: float, text: str) -> None:
        """It said how far it is."""
        self._future._progressed(fraction, text)

    def wrote(self, descriptor: int, text: str) -> None:
        """It printed."""
        self._future._wrote(text)
        if self._echo:
            echo(descriptor, text)

    def _value(self, body: bytes, buffers: Sequence[Buffer]) -> Any:  # noqa: ANN401 (its own)
        return unpack(body, buffers)

    def _fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):  # cancelled meanwhile
            self._future.set_exception(error)


def echo(descriptor: int, text: str) -> None:
    """Print here what was printed there."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    if stream is not None:
        with suppress(ValueError, OSError):  # closed
            stream.write(text)


def error_of(terms: Terms, end: End, death: Death | None) -> CantorError:
    """The error of a unit that ended without a word of its worker."""
    if end is End.PREEMPTED and death is not None:
        return PreemptedError(
            f"it was ended: {death.stderr}",
            where=terms.name,
            remedy="allow it more retries, or give its project a larger share",
        )
    if end is End.EXPIRED or death is None:
        return TaskTimeoutError(
            f"not done within {terms.deadline_s or 0.0:g} s",
            where=terms.name,
            remedy="give it a later deadline_s, or workers that are less busy",
        )
    what, remedy = f"its worker {death}", "see what it wrote last; it may run on other input"
    if death.at_start:
        what, remedy = f"no worker can start here: the last {death}", "run cantor doctor"
    if death.signal == _KILLED:
        remedy = "the system may lack memory: take it in the task's needs (Memory = …)"
    if ODD in death.stderr:
        remedy = "its code wrote to a descriptor that is not its own, or used parts of Cantor's"
    if death.stderr.strip():
        what += f"; it wrote last:\n{death.stderr.strip()}\n"
    return WorkerDiedError(
        what, where=terms.name, remedy=remedy, signal=death.signal, code=death.code,
        stderr=death.stderr,
    )  # fmt: skip


_KILLED = 9
