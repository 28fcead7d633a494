"""Frames over a connected socket between an agent and its worker, blocking and with few copies."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import BROADCAST
from cantor.wire import FRAME_BYTES_MAX, DataFrame, Kind, encode, parse_frame
from cantor.wire.frame import HEADER, LENGTH

if TYPE_CHECKING:
    import socket

    from cantor.wire.frame import Buffer, Value
    from cantor.workers.slots import Room, SlotReader, SlotWriter


SLOT = "slot"
"""The header of a frame whose body is in shared memory: where there."""


class Pipe:
    """One end; any thread may send, one receives. Large bodies go through slots, where given."""

    def __init__(
        self,
        sock: socket.socket,
        writer: SlotWriter | None = None,
        reader: SlotReader | None = None,
    ) -> None:
        self._socket = sock
        self._sending = threading.Lock()
        self._writer = writer
        self._reader = reader

    @property
    def room(self) -> Room | None:
        """Where a body is made that passes on without a copy."""
        return self._writer.room if self._writer is not None else None

    def send(self, headers: dict[str, Value], body: tuple[Buffer, ...] = ()) -> None:
        """Write one frame; waits while the other side is slow.

        Raises:
            LocalProtocolError: its headers are too large.
            OSError: the other side is gone.
        """
        place = self._writer.hand_over(body) if self._writer is not None else None
        if place is not None:
            headers, body = {**headers, SLOT: place}, ()
        try:
            buffers = encode(DataFrame(Kind.DATA, BROADCAST, BROADCAST, headers=headers, body=body))
        except LocalProtocolError:
            if self._writer is not None and place is not None:
                self._writer.take_back(place)
            raise
        with self._sending:
            for buffer in buffers:
                self._socket.sendall(buffer)

    def receive(self) -> DataFrame | None:
        """The next frame, or None when the other side has closed.

        Raises:
            RemoteProtocolError: the bytes are no frame, or its body is in no slot.
            OSError: the other side is gone.
        """
        prefix = self._read(LENGTH.size)
        if prefix is None:
            return None
        (length,) = LENGTH.unpack(prefix)
        if not HEADER.size <= length <= FRAME_BYTES_MAX:
            raise RemoteProtocolError(f"a frame of {length} bytes (limit {FRAME_BYTES_MAX})")
        data = self._read(length)
        return None if data is None else with_body(parse_frame(data), self._reader)

    def _read(self, size: int) -> bytearray | None:
        data = bytearray(size)
        view = memoryview(data)
        while view.nbytes:
            count = self._socket.recv_into(view)
            if count == 0:
                return None
            view = view[count:]
        return data


def with_body(frame: DataFrame, reader: SlotReader | None) -> DataFrame:
    """The frame with the body that it says is in shared memory, if it says so.

    Raises:
        RemoteProtocolError: there is no such place.
    """
    if SLOT not in frame.headers:
        return frame
    place = frame.headers.pop(SLOT)
    if reader is None:
        raise RemoteProtocolError("a body in shared memory, and there is none")
    return replace(frame, body=reader.body(place))
