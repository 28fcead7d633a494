"""The way to the ports of a program that is closed in with a network of its own.

Whoever keeps the program asks its launcher, which is in that network but runs nothing of others,
for a connection to a port, and gets it as a descriptor. Only sockets of the closed network go
through, and only outwards: one of the machine's own, given inside, could be connected anew to
anywhere.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import suppress

CONNECT_S = 2.0
"""A program that listens takes a connection at once; a full queue may take so long."""
NUMBERS = 1 << 16
"""Of questions: so many are told apart."""
_QUESTION = struct.Struct("!HH")
"""Its number, and the port."""
_ANSWER = struct.Struct("!H")
"""The number of the question; a connection comes with it if there is one."""
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)
_REQUEST = struct.Struct("16sh22x")
_PLACES = ("127.0.0.1", "::1")


def raise_loopback() -> None:
    """Bring up the only device of a new network.

    Raises:
        OSError: the kernel refuses.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        told = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _REQUEST.pack(b"lo", 0))
        flags = _REQUEST.unpack(told)[1] | _IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _REQUEST.pack(b"lo", flags))


def answer(asked: socket.socket) -> bool:
    """The launcher's side: answer one question; False if nobody asks any more."""
    try:
        data = asked.recv(_QUESTION.size)
        if len(data) != _QUESTION.size:
            return False
        number, port = _QUESTION.unpack(data)
        found = _connected(port)
        if found is None:
            asked.send(_ANSWER.pack(number))
        else:
            with found:
                socket.send_fds(asked, [_ANSWER.pack(number)], [found.fileno()])
    except OSError:
        return False
    return True


def ask(asking: socket.socket, port: int, number: int) -> socket.socket:
    """The other side: a connection to a port of the closed program. It blocks.

    ``number`` is that of the question, below ``NUMBERS``: late answers to those before are left.

    Raises:
        OSError: nothing listens there, or the program has ended.
    """
    asking.send(_QUESTION.pack(number, port))
    while True:
        data, descriptors, _, _ = socket.recv_fds(asking, _ANSWER.size, 1)
        if len(data) != _ANSWER.size:
            raise ConnectionResetError("the program has ended")
        found = socket.socket(fileno=descriptors[0]) if descriptors else None
        if _ANSWER.unpack(data) == (number,):
            break
        if found is not None:
            found.close()
    if found is None:
        raise ConnectionRefusedError(f"nothing listens on port {port}")
    return found


def _connected(port: int) -> socket.socket | None:
    for place in _PLACES:
        with suppress(OSError):
            return socket.create_connection((place, port), CONNECT_S)
    return None
