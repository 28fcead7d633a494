"""Frames over a connected socket between an agent and its worker, blocking and with few copies."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import BROADCAST
from cantor.wire import FRAME_BYTES_MAX, DataFrame, Kind, encode, parse_frame
from cantor.wire.frame import HEADER, LENGTH

if TYPE_CHECKING:
    import socket

    from cantor.wire.frame import Buffer, Value


class Pipe:
    """One end; any thread may send, one receives."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sending = threading.Lock()

    def send(self, headers: dict[str, Value], body: tuple[Buffer, ...] = ()) -> None:
        """Write one frame; waits while the other side is slow.

        Raises:
            OSError: the other side is gone.
        """
        buffers = encode(DataFrame(Kind.DATA, BROADCAST, BROADCAST, headers=headers, body=body))
        with self._sending:
            for buffer in buffers:
                self._socket.sendall(buffer)

    def receive(self) -> DataFrame | None:
        """The next frame, or None when the other side has closed.

        Raises:
            RemoteProtocolError: the bytes are no frame.
            OSError: the other side is gone.
        """
        prefix = self._read(LENGTH.size)
        if prefix is None:
            return None
        (length,) = LENGTH.unpack(prefix)
        if not HEADER.size <= length <= FRAME_BYTES_MAX:
            raise RemoteProtocolError(f"a frame of {length} bytes (limit {FRAME_BYTES_MAX})")
        data = self._read(length)
        return None if data is None else parse_frame(data)

    def _read(self, size: int) -> bytearray | None:
        data = bytearray(size)
        view = memoryview(data)
        while view.nbytes:
            count = self._socket.recv_into(view)
            if count == 0:
                return None
            view = view[count:]
        return data
