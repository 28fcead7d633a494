"""What a task prints, brought to its caller line by line."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


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
        text = self._decode(bytes(data))
        if text:
            self._tell(self._descriptor, text)
        return memoryview(data).nbytes


def told_stream(descriptor: int, tell: Callable[[int, str], None]) -> io.TextIOWrapper:
    """A text stream like ``sys.stdout``; ``tell`` gets descriptor and text, by lines."""
    raw = io.BufferedWriter(_Raw(descriptor, tell))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="replace", line_buffering=True)
