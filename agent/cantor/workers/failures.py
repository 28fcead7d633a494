"""An error that a function raised in a worker, packed there and raised again at its caller."""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, RemoteProtocolError
from cantor.bundles.values import pack, unpack
from cantor.workers.errors import OutOfMemoryError, RemoteError, RemoteTraceback

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILURE_CHARACTERS_MAX = 64 * 1024
"""Of each text of a failure; of a traceback the last."""


def pack_failure(error: BaseException, *, skip: int = 0) -> list[Any]:
    """``[packed error | nil, type, text, traceback]``; ``skip`` frames of ours are left out."""
    trace = error.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace is not None and trace.tb_next is not None else trace
    lines = "".join(traceback.format_exception(type(error), error, trace))
    packed: bytes | None = None
    with contextlib.suppress(CantorError):
        packed = pack(error, [])
    name = type(error).__qualname__
    if type(error).__module__ != "builtins":
        name = f"{type(error).__module__}.{name}"
    return [packed, name[:FAILURE_CHARACTERS_MAX], _text(error), lines[-FAILURE_CHARACTERS_MAX:]]


def unpack_failure(failure: Sequence[Any], *, where: str = "") -> BaseException:
    """The error to raise, with the remote traceback as its cause.

    An error whose class is not imported here is a :class:`RemoteError`; one of memory that needs
    bound is an :class:`OutOfMemoryError`.

    Raises:
        RemoteProtocolError: that is no failure.
    """
    if len(failure) != 4:
        raise RemoteProtocolError("not a failure of a task")
    packed, name, text, lines = failure
    error: BaseException | None = None
    if name == OUT_OF_MEMORY:
        error = OutOfMemoryError(
            str(text), where=where, remedy="take more in its needs (Memory = …), or use less"
        )
    elif packed is not None:
        with contextlib.suppress(CantorError):
            error = unpack(packed)
    if not isinstance(error, BaseException):
        error = RemoteError(f"{name}: {text}", where=where)
    error.__cause__ = RemoteTraceback(str(lines))
    return error


OUT_OF_MEMORY = "cantor.out_of_memory"


def out_of_memory(limit_bytes: int, error: BaseException) -> list[Any]:
    """The failure of a unit that wanted more memory than it may take."""
    text = f"the task wanted more than the {limit_bytes / 2**20:.0f} MiB that its needs take"
    return [None, OUT_OF_MEMORY, text, pack_failure(error)[3]]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:4096]
    except Exception:  # noqa: BLE001 (a person's class may do anything)
        return "its text cannot be told"
