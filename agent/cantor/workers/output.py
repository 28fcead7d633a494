"""What a task prints, brought to its caller line by line."""

from __future__ import annotations

import codecs
import io
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


WRITE_BYTES_MAX = 1024 * 1024
"""More is told in several parts."""


class _Raw(io.RawIOBase):
    def __init__(self, descriptor: int, tell: Callable[[int, str], None]) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor  # what other programs write there reaches the pool as well

    def write(self, data: Any, /) -> int:  # noqa: ANN401 (any buffer)
        part = bytes(memoryview(data).cast("B")[:WRITE_BYTES_MAX])
        text = self._decode(part)
        if text:
            self._tell(self._descriptor, text)
        return len(part)


def told_stream(descriptor: int, tell: Callable[[int, str], None]) -> io.TextIOWrapper:
    """A text stream like ``sys.stdout``; ``tell`` gets descriptor and text, by lines."""
    raw = io.BufferedWriter(_Raw(descriptor, tell))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="replace", line_buffering=True)


class Divided(io.TextIOBase):
    """A text stream that keeps the lines of units apart that run at the same time.

    What is written outside of all units, or in threads that a unit has started itself, goes to
    ``others``.
    """

    def __init__(
        self, descriptor: int, tell: Callable[[int, str], None], others: io.TextIOWrapper
    ) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._others = others
        self._own: ContextVar[list[io.TextIOWrapper] | None]
        self._own = ContextVar(f"cantor:output:{descriptor}", default=None)

    def begin(self) -> None:
        """What is written in this context from now on is of one unit."""
        self._own.set([])

    @property
    def encoding(self) -> str:  # type: ignore[override] # (a property here)
        """As of any told stream."""
        return self._others.encoding

    @property
    def buffer(self) -> Any:  # noqa: ANN401 (as the standard library has it)
        """The stream of bytes below."""
        return self._here().buffer

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str, /) -> int:
        return self._here().write(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        self._here().writelines(lines)

    def flush(self) -> None:
        here = self._here()
        if not here.closed:  # when all end, the others may be closed first
            here.flush()

    def _here(self) -> io.TextIOWrapper:
        own = self._own.get()
        if own is None:
            return self._others
        if not own:
            own.append(told_stream(self._descriptor, self._tell))
        return own[0]
