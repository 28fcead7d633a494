from __future__ import annotations

import socket

from cantor.mesh.links import STANDSTILL_MAX_S
from cantor.transport.connection import GIVE_UP_S
from cantor.transport.tcp import give_up_after


def test_the_kernel_gives_up_after_the_core_and_not_after_minutes() -> None:
    assert STANDSTILL_MAX_S < GIVE_UP_S < 20.0
    with socket.socket() as connection:
        give_up_after(connection, GIVE_UP_S)
        told_ms = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert told_ms == 1000 * GIVE_UP_S
