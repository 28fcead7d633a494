from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

import pytest

from cantor.base.address import Address
from cantor.transport import listener as module
from cantor.transport.listener import Listener, connect

if TYPE_CHECKING:
    import socket

pytestmark = pytest.mark.integration
WAIT_S = 10.0


async def accepted(queue: asyncio.Queue[socket.socket]) -> socket.socket:
    async with asyncio.timeout(WAIT_S):
        return await queue.get()


async def test_connections_are_accepted_until_it_closes() -> None:
    queue: asyncio.Queue[socket.socket] = asyncio.Queue()
    listener = Listener(queue.put_nowait)
    port = await listener.listen(Address("127.0.0.1", 0))

    ours = [await connect(Address("127.0.0.1", port)) for _ in range(3)]
    theirs = [await accepted(queue) for _ in range(3)]
    listener.close()

    assert {one.getpeername() for one in theirs} == {one.getsockname() for one in ours}
    with pytest.raises(ConnectionRefusedError):
        await connect(Address("127.0.0.1", port))
    for one in (*ours, *theirs):
        one.close()


async def test_a_port_that_is_taken_is_refused_and_nothing_stays_open() -> None:
    first = Listener(lambda _: None)
    port = await first.listen(Address("127.0.0.1", 0))

    second = Listener(lambda _: None)
    with pytest.raises(OSError, match="in use") as refused:
        await second.listen(Address("127.0.0.1", port))

    assert refused.value.errno == errno.EADDRINUSE
    assert second._sockets == []
    first.close()


async def test_a_process_out_of_files_accepts_again_when_it_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OUT_OF_FILES_S", 0.01)
    queue: asyncio.Queue[socket.socket] = asyncio.Queue()
    listener = Listener(queue.put_nowait)
    port = await listener.listen(Address("127.0.0.1", 0))
    (listening,) = listener._sockets
    refusals = 0

    class Poor:
        """The listening socket while there is no file left."""

        def __getattr__(self, name: str) -> object:
            return getattr(listening, name)

        def accept(self) -> object:
            nonlocal refusals
            refusals += 1
            if refusals > 3:
                return listening.accept()
            raise OSError(errno.EMFILE, "Too many open files")

    poor = Poor()
    loop = asyncio.get_running_loop()
    loop.remove_reader(listening.fileno())
    listener._sockets[:] = [poor]  # type: ignore[list-item]
    loop.add_reader(listening.fileno(), listener._accept, poor)  # type: ignore[arg-type]

    ours = await connect(Address("127.0.0.1", port))
    theirs = await accepted(queue)

    assert refusals > 3
    assert theirs.getpeername() == ours.getsockname()
    listener.close()
    ours.close()
    theirs.close()
