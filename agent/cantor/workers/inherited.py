"""What the process of a worker was handed over by whoever started it: a socket, and memory."""

from __future__ import annotations

import socket
from typing import NamedTuple

from cantor.base.errors import ConfigError
from cantor.workers.slots import SlotMemory, SlotReader, SlotWriter


class Inherited(NamedTuple):
    """The socket to serve, and the slots to read and to write, if memory is shared."""

    sock: socket.socket
    reader: SlotReader | None
    writer: SlotWriter | None


def inherited(descriptor: int, memory: tuple[int, ...]) -> Inherited:
    """What stands behind these descriptors; ``memory`` is none of them, or two of each direction.

    Raises:
        ConfigError: something else, or nothing: somebody has typed the verb by hand.
    """
    try:
        sock = socket.socket(fileno=descriptor)
        if sock.family != socket.AF_UNIX or len(memory) not in (0, 4):
            raise ValueError
        reader, writer = _slots(memory) if memory else (None, None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "is started by agents and their pools, not by hand",
            where="worker",
            remedy="run a file with cantor pipeline run, or submit a task with cantor.Executor",
        ) from error
    return Inherited(sock, reader, writer)


def _slots(descriptors: tuple[int, ...]) -> tuple[SlotReader, SlotWriter]:
    to_read, to_write = SlotMemory(*descriptors[:2]), SlotMemory(*descriptors[2:])
    try:
        return SlotReader(to_read), SlotWriter(to_write)
    finally:
        to_read.close()
        to_write.close()
