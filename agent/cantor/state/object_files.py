"""The bytes of objects between this program and its agent: files of the agent, by path or by piece.

A program of the agent's user writes and maps the agent's own files, so that readers on one machine
share memory. One that cannot see them, as code that is closed in, sends and gets pieces.
"""

from __future__ import annotations

import io
import mmap
import os
import secrets
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import msgpack

from cantor.base.errors import CantorError, RemoteProtocolError, reason_of
from cantor.base.ids import NodeId
from cantor.node.state.objects.askers import BUSY
from cantor.state.asking import ask
from cantor.stores.errors import StoreError
from cantor.wire.frame import BUFFERS_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.node.state.wording import Answer, Args
    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer, Value

KIND = "object"
PIECE_BYTES = 4 << 20
PIECES_AHEAD = 4
WAIT_S = 1.0
"""How far a long transfer is, is asked so often."""
ALIGNED_TO = 64
"""Parts of a value lie so in the file, that arrays in it can be used where they are."""


class Progress(Protocol):
    """Hears how far a transfer is."""

    def __call__(self, done: int, total: int, /) -> object: ...


def asked(operation: str, args: Args, parts: Sequence[Buffer] = (), node: str = "") -> Future[Any]:
    """The answer of a node, the own one if ``node`` is empty."""
    return ask(KIND, operation, node, args, parts, read=lambda answer: answer)


def asked_long(operation: str, args: Args, total: int, progress: Progress | None) -> Answer:
    """The answer of the own node to what takes long, asked until it is there."""
    args = {**args, "t": secrets.token_hex(16), "wait": WAIT_S}
    while True:
        answer: Answer = asked(operation, args).result()
        if BUSY not in answer.headers:
            return answer
        if progress is not None:
            told = answer.headers.get("of", total)
            progress(_whole(answer.headers[BUSY]), _whole(told) or total)


class Draft:
    """A file of the agent that becomes an object. Written from the first byte to the last."""

    def __init__(self, size: int = 0) -> None:
        """Begin one; ``size`` is what is known to come.

        Raises:
            StoreError: the disk has no room.
            UnavailableError: this program is connected to no node.
        """
        answer: Answer = asked("draft", {"z": size}).result()
        self._id = _text(answer.headers.get("d"))
        self._path = _text(answer.headers.get("path"))
        self._descriptor = _opened(self._path, os.O_WRONLY)
        self._ahead: deque[Future[Any]] = deque()
        self.size = 0

    def write(self, data: Buffer) -> None:
        """Write bytes behind those before.

        Raises:
            StoreError: the disk refuses.
        """
        view = memoryview(data).cast("B")
        while view:
            if self._descriptor is not None:
                try:
                    written = os.pwrite(self._descriptor, view, self.size)
                except OSError as error:
                    raise StoreError(
                        f"the disk refuses: {reason_of(error)}", where="an object",
                        remedy="free some: nothing was put",
                    ) from error  # fmt: skip
            else:
                written = self._send(view[:PIECE_BYTES])
            view = view[written:]
            self.size += written

    def commit(self, args: Args, progress: Progress | None = None) -> Answer:
        """Make it an object; it is on the disk of its owner when this returns."""
        self._flush()
        self._close()
        return asked_long("commit", {**args, "d": self._id}, self.size, progress)

    def drop(self) -> None:
        """Give it up."""
        self._close()
        with suppress(CantorError):
            asked("drop", {"d": self._id})

    def _send(self, piece: memoryview) -> int:
        while len(self._ahead) >= PIECES_AHEAD:
            self._ahead.popleft().result()
        self._ahead.append(asked("write", {"d": self._id, "at": self.size}, (bytes(piece),)))
        return piece.nbytes

    def _flush(self) -> None:
        while self._ahead:
            self._ahead.popleft().result()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Lease:
    """An object that lies on this machine and is read. Close it; what is mapped stays."""

    def __init__(self, args: Args, progress: Progress | None = None) -> None:
        """Let the agent have it.

        Raises:
            NotFoundError: there is no such object.
            UnavailableError: its owner cannot be reached.
            StoreError: a disk has damaged it, or has no room.
        """
        answer = asked_long("open", args, 0, progress)
        self.owner = NodeId(_text(answer.headers.get("o")))
        self.row: list[Any] = _row(answer.headers.get("row"))
        self.size = int(self.row[3])
        self._id = _text(answer.headers.get("h"))
        self._path = _text(answer.headers.get("path"))

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(CantorError):
            asked("close", {"h": self._id})

    def mapped(self) -> memoryview:
        """All of it, not to be written to; shared with other readers where that is possible."""
        if not self.size:
            return memoryview(b"")
        descriptor = _opened(self._path, os.O_RDONLY)
        if descriptor is not None:
            try:
                if os.fstat(descriptor).st_size == self.size:
                    return memoryview(mmap.mmap(descriptor, self.size, access=mmap.ACCESS_READ))
            finally:
                os.close(descriptor)
        whole = mmap.mmap(-1, self.size)  # pages, and not of the heap
        for at in range(0, self.size, PIECE_BYTES):
            piece = self.piece(at, PIECE_BYTES)
            whole[at : at + len(piece)] = piece
        return memoryview(whole).toreadonly()

    def piece(self, at: int, count: int) -> bytes:
        """So many bytes from a place; fewer at the end."""
        answer: Answer = asked("read_file", {"h": self._id, "at": at, "count": count}).result()
        if len(answer.parts) != 1:
            raise RemoteProtocolError("an object without its bytes")
        return bytes(answer.parts[0])


class Reader(io.RawIOBase):
    """An object as a file: seekable, for reading."""

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (any buffer)
        piece = self._view[self._at : self._at + memoryview(buffer).nbytes]
        memoryview(buffer).cast("B")[: piece.nbytes] = piece
        self._at += piece.nbytes
        return piece.nbytes

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._view.nbytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def pack_layout(parts: Sequence[Buffer]) -> bytes:
    """The sizes of the parts of a value, which lie one behind the other."""
    packed: bytes = msgpack.packb([memoryview(part).nbytes for part in parts])
    return packed


def gap_behind(size: int) -> int:
    """How many bytes are left out behind a part that ends there."""
    return -size % ALIGNED_TO


def parts_in(view: memoryview, layout: bytes) -> list[memoryview]:
    """The parts of a value.

    Raises:
        RemoteProtocolError: they are not those of one.
    """
    try:
        sizes = msgpack.unpackb(layout)
    except (ValueError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"an object without its layout: {error}") from error
    if not isinstance(sizes, list) or not 0 < len(sizes) <= BUFFERS_MAX:
        raise RemoteProtocolError("an object without its layout")
    parts, at = [], 0
    for size in sizes:
        if type(size) is not int or not 0 <= size <= view.nbytes - at:
            raise RemoteProtocolError("an object with parts that are not in it")
        parts.append(view[at : at + size])
        at = min(view.nbytes, at + size + gap_behind(at + size))
    return parts


def _opened(path: str, flags: int) -> int | None:
    """A descriptor of a file of the agent, if this program may have one."""
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None


def _row(told: Value) -> list[Any]:
    if type(told) is not list or len(told) != 9 or type(told[3]) is not int:
        raise RemoteProtocolError("not an object")
    return told


def _text(told: Value) -> str:
    if type(told) is not str:
        raise RemoteProtocolError("an answer about an object that is none")
    return told


def _whole(told: Value) -> int:
    return told if type(told) is int else 0
