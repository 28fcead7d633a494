"""What the kernel knows of a TCP connection, and how much of it may wait unsent.

The layout is that of ``struct tcp_info`` in ``linux/tcp.h``; fields are only ever added at its end.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

CHUNK_BYTES_MIN = 4 * 1024
CHUNK_BYTES_MAX = 1024 * 1024
CHUNK_S = 0.005
_INFO_SIZE = 192
_RTT, _MIN_RTT, _RETRANSMITTED, _SENT = 68, 148, 100, 156
_BYTES_ACKED, _BYTES_RECEIVED, _DELIVERY_RATE, _BUSY = 120, 128, 160, 168
LINE_SEEN_S = 0.5
"""So long must a connection fill its line for the line's speed to be known."""
_LIMITED = 7
_LAST_ACK = 56
_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", 18)
_TCP_INFO = getattr(socket, "TCP_INFO", 11)


@dataclass(frozen=True, slots=True)
class TcpFigures:
    """One connection: seconds, segments, bytes both ways, and the speed of the line.

    ``bytes_per_s`` is the speed of a moment, which a burst may make many times the line's;
    ``is_idle`` says that it was seen while too little was sent to know the line's. ``busy_s`` is
    for how long something was under way.
    """

    rtt_s: float
    rtt_min_s: float
    segments_sent: int
    segments_again: int
    bytes_carried: int
    bytes_per_s: int
    is_idle: bool
    bytes_acknowledged: int = 0
    busy_s: float = 0.0


class LineSpeed:
    """The speed of a line as bytes per second over the times in which a connection filled it.

    ``bytes_per_s`` is 0 while too little was sent to know it.
    """

    def __init__(self) -> None:
        self.bytes_per_s = 0
        self._since: tuple[int, float] | None = None

    def note(self, figures: TcpFigures) -> None:
        """Take what the kernel says now."""
        seen = figures.bytes_acknowledged, figures.busy_s
        if figures.is_idle:
            self._since = None
        elif self._since is None:
            self._since = seen
        elif seen[1] - self._since[1] >= LINE_SEEN_S:
            self.bytes_per_s = round((seen[0] - self._since[0]) / (seen[1] - self._since[1]))
            self._since = seen


def tcp_figures(connection: socket.socket) -> TcpFigures | None:
    """Ask the kernel; ``None`` where it does not tell."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_SIZE)
    except OSError:
        return None
    if len(info) < _BUSY + 8:
        return None
    (rtt_us,) = struct.unpack_from("=I", info, _RTT)
    (rtt_min_us,) = struct.unpack_from("=I", info, _MIN_RTT)
    (again,) = struct.unpack_from("=I", info, _RETRANSMITTED)
    (sent,) = struct.unpack_from("=I", info, _SENT)
    (acknowledged,) = struct.unpack_from("=Q", info, _BYTES_ACKED)
    (received,) = struct.unpack_from("=Q", info, _BYTES_RECEIVED)
    (rate,) = struct.unpack_from("=Q", info, _DELIVERY_RATE)
    (busy_us,) = struct.unpack_from("=Q", info, _BUSY)
    return TcpFigures(
        rtt_s=rtt_us / 1e6,
        rtt_min_s=rtt_min_us / 1e6,
        segments_sent=sent,
        segments_again=again,
        bytes_carried=acknowledged + received,
        bytes_per_s=rate,
        is_idle=bool(info[_LIMITED] & 1),
        bytes_acknowledged=acknowledged,
        busy_s=busy_us / 1e6,
    )


def acknowledged_ago_s(connection: socket.socket) -> float | None:
    """How long ago the other side's kernel has acknowledged something; ``None``: it is not said."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LAST_ACK + 4)
    except OSError:
        return None
    if len(info) < _LAST_ACK + 4:
        return None
    (ago_ms,) = struct.unpack_from("=I", info, _LAST_ACK)
    return float(ago_ms / 1000)


def chunk_for(bytes_per_s: int) -> int:
    """Bytes that a line of this speed carries in 5 ms, within limits."""
    return int(min(max(bytes_per_s * CHUNK_S, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX))


def keep_unsent(connection: socket.socket, size: int) -> None:
    """Let the kernel hold at most about ``size`` bytes that it has not sent yet.

    What waits in the kernel can no longer be overtaken by something urgent.
    """
    try:
        connection.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, size)
    except OSError:
        return


def give_up_after(connection: socket.socket, seconds: float) -> None:
    """Let the kernel end a connection whose bytes nobody takes for so long, instead of minutes."""
    try:
        connection.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(1000 * seconds))
    except OSError:
        return
