"""What a service prints, line by line with the time, in two files of bounded size."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE_BYTES_MAX = 1024 * 1024
LINE_BYTES_MAX = 8192
TAIL_BYTES_MAX = 256 * 1024


class Log:
    """``log`` in a folder, and ``log.1`` with what came before it. A full disk costs lines."""

    def __init__(self, folder: Path, wall: Callable[[], float]) -> None:
        self._path = folder / "log"
        self._before = folder / "log.1"
        self._wall = wall
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Write what a process printed; the lines that are whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LINE_BYTES_MAX:
            lines.append(self._rest[:LINE_BYTES_MAX])
            self._rest = self._rest[LINE_BYTES_MAX:]
        texts = [line[:LINE_BYTES_MAX].decode("utf-8", "replace") for line in lines]
        self._write(texts)
        return texts

    def end(self) -> list[str]:
        """The process prints no more; what was left of a line."""
        texts = [self._rest.decode("utf-8", "replace")] if self._rest else []
        self._rest = b""
        self._write(texts)
        return texts

    def note(self, text: str) -> None:
        """Write a line of the node itself."""
        self._write([f"--- {text}"])

    def tail(self, lines: int) -> list[str]:
        """The last lines, at most ``TAIL_BYTES_MAX`` bytes of them."""
        found: list[str] = []
        left = TAIL_BYTES_MAX
        for path in (self._path, self._before):
            for line in reversed(_end_of(path, left)):
                left -= len(line) + 1
                if left < 0 or len(found) >= lines:
                    return found[::-1]
                found.append(line)
        return found[::-1]

    def _write(self, texts: list[str]) -> None:
        if not texts:
            return
        now = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")
        data = "".join(f"{now} {text}\n" for text in texts).encode("utf-8", "replace")
        try:
            with self._path.open("ab") as file:
                file.write(data)
                size = file.tell()
            if size >= FILE_BYTES_MAX:
                self._path.replace(self._before)
        except OSError:
            return  # the service goes on without its log


def _end_of(path: Path, bytes_max: int) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - bytes_max))
            lines = file.read(bytes_max).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[1:] if size > bytes_max else lines
