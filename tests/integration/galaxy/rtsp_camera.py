"""A network camera on loopback that fails when it is told to: RTSP 1.0 with JPEG over RTP.

RTP is interleaved with the session's TCP connection. Source: RFC 2326, RFC 2435.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from types import TracebackType

PACKET_BYTES = 1400
CLOCK_HZ = 90_000
TABLES_IN_BAND = 255
JPEG_PAYLOAD = 26
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 26\r\nc=IN IP4 127.0.0.1\r\na=control:track\r\n"
)


class RtspCamera:
    """Serves a grey picture that grows lighter. Use as a context; ``port`` is fixed from the start.

    ``frozen`` keeps every connection and says nothing; ``cut`` ends those that are there.
    """

    def __init__(self, width: int = 320, height: int = 240, fps: float = 50.0) -> None:
        self.width, self.height, self.fps = width, height, fps
        self.frozen = threading.Event()
        self.sessions = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self._open: list[socket.socket] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> RtspCamera:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join()

    def cut(self) -> None:
        """End every connection, as a camera that loses power."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ConnectionError):
            while request := _request(connection):
                if self.frozen.is_set():
                    self._closing.wait()
                    return
                method, headers = request
                connection.sendall(_answer(method, headers))
                if method == "PLAY":
                    self.sessions += 1
                    self._play(connection)
                    return

    def _play(self, connection: socket.socket) -> None:
        number = sequence = 0
        while not self._closing.wait(1 / self.fps):
            if self.frozen.is_set():
                continue
            image = np.full((self.height, self.width, 3), number % 256, np.uint8)
            stamp = round(number * CLOCK_HZ / self.fps)
            for payload, is_last in _payloads(image):
                header = struct.pack(
                    ">BBHII", 0x80, is_last << 7 | JPEG_PAYLOAD, sequence & 0xFFFF, stamp, 7
                )
                packet = header + payload
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                sequence += 1
            number += 1


def _request(connection: socket.socket) -> tuple[str, dict[str, str]] | None:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            return None
        data += part
    first, *lines = data.decode().strip().split("\r\n")
    fields = (line.partition(":") for line in lines)
    return first.split()[0], {name.lower(): value.strip() for name, _, value in fields}


def _answer(method: str, headers: dict[str, str]) -> bytes:
    lines = ["RTSP/1.0 200 OK", f"CSeq: {headers['cseq']}", "Session: 7"]
    body = _SDP if method == "DESCRIBE" else ""
    if method == "OPTIONS":
        lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
    elif method == "DESCRIBE":
        lines.append("Content-Type: application/sdp")
    elif method == "SETUP":
        lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _payloads(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[tuple[bytes, bool]]:
    """A picture as payloads of RTP, each with whether it is the last."""
    good, encoded = cv2.imencode(".jpg", image)
    assert good
    tables, scan = _parts(encoded.tobytes())
    height, width = image.shape[:2]
    payloads: list[tuple[bytes, bool]] = []
    for offset in range(0, len(scan), PACKET_BYTES):
        main = struct.pack(">I", offset) + bytes((1, TABLES_IN_BAND, width // 8, height // 8))
        if offset == 0:
            main += struct.pack(">BBH", 0, 0, len(tables)) + tables
        part = scan[offset : offset + PACKET_BYTES]
        payloads.append((main + part, offset + len(part) == len(scan)))
    return payloads


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The quantization tables and the entropy-coded scan of a baseline JPEG."""
    tables, at = b"", 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        segment = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDB:
            for start in range(0, len(segment), 65):
                tables += segment[start + 1 : start + 65]
        elif marker == 0xDA:
            return tables, data[at : data.rindex(b"\xff\xd9")]
