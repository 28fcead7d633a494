from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.address import Address
from cantor.transport import listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def meanings(hosts: Iterable[str]) -> Callable[..., Any]:
    """A resolver that knows these addresses for every name."""

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)) for host in hosts]

    return getaddrinfo


async def turns(count: int) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def connected_to(
    monkeypatch: pytest.MonkeyPatch, hosts: list[str], answers: dict[str, OSError | None]
) -> str:
    """Where a name leads to that stands for these hosts; those without an answer are silent."""
    begun: dict[socket.socket, str] = {}

    async def connect(connecting: socket.socket, where: tuple[str, int]) -> socket.socket:
        begun[connecting] = where[0]
        if where[0] not in answers:
            await asyncio.Event().wait()
        if (error := answers[where[0]]) is not None:
            raise error
        return connecting

    monkeypatch.setattr(listener, "_connect", connect)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", meanings(hosts))
    try:
        found = await listener.connect(Address("box.local", 1))
    finally:
        await turns(3)
        left = [end for end in begun if end.fileno() >= 0]
    name = begun[found]
    found.close()
    assert left == [found]
    return name


async def test_a_family_that_leads_nowhere_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await connected_to(monkeypatch, ["silent", "good"], {"good": None}) == "good"


async def test_of_two_that_answer_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, OSError | None] = {"one": None, "two": None}
    assert await connected_to(monkeypatch, ["one", "two"], answers) in answers


async def test_when_none_answers_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, OSError | None] = {"one": ConnectionRefusedError("refused")}
    with pytest.raises(ConnectionRefusedError):
        await connected_to(monkeypatch, ["one"], answers)


async def test_without_any_meaning_it_cannot_be_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="assign"):
        await connected_to(monkeypatch, [], {})


async def test_who_gives_up_while_the_others_end_loses_no_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[socket.socket] = []
    ending = asyncio.Event()

    async def connect(connecting: socket.socket, where: tuple[str, int]) -> socket.socket:
        begun.append(connecting)
        if where[0] == "slow":
            try:
                await asyncio.Event().wait()
            finally:
                ending.set()
                await turns(3)
        return connecting

    monkeypatch.setattr(listener, "_connect", connect)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", meanings(["slow", "good"]))
    dial = asyncio.ensure_future(listener.connect(Address("box.local", 1)))
    await ending.wait()
    dial.cancel()
    (found,) = await asyncio.gather(dial, return_exceptions=True)
    await turns(6)

    assert [end for end in begun if end.fileno() >= 0 and end is not found] == []
    if isinstance(found, socket.socket):
        found.close()
