"""What nodes say to each other over real sockets, while links end under way."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.mesh.stream_receiver import StreamReceiver
from cantor.node.agent import Agent
from cantor.node.large import Assembler
from cantor.node.services import Message, Reply
from cantor.node.settings import AgentSettings
from cantor.node.streams import Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.base.resources import Device, Resource
    from cantor.mesh.stream_receiver import Taken
    from cantor.wire.frame import Buffer

pytestmark = pytest.mark.integration
WAIT_S = 20.0


class Nothing:
    """A machine without hardware."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [], []


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Agent]]:
    """Three nodes that see each other."""
    authority, agents = Authority.create("plant", now=datetime.now(UTC)), []
    seeds: tuple[str, ...] = ()
    for name in ("a", "b", "c"):
        box = IdentityFolder(tmp_path / name)
        box.install(authority.issue(box.csr_pem(), now=datetime.now(UTC)))
        settings = AgentSettings(
            tmp_path / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=seeds,
            is_discovering=False,
            interfaces=("127.0.0.1",),
        )
        agent = Agent(settings, inventory=Nothing(), services={})
        agents.append(agent)
        await agent.start()
        seeds = agents[0].addresses
    for agent in agents:
        await until_alive(agent, 3)
    yield agents
    for agent in agents:
        await agent.close()


async def until_alive(agent: Agent, count: int) -> None:
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(WAIT_S):
        while len(agent.alive()) != count:
            await changed.wait()
            changed.clear()
    end()


def end_link(agent: Agent, peer: NodeId) -> None:
    """Let the connections of a link with what is under way on them end at once."""
    for link in list(agent._links._links.values()):
        if link.peer.node_id == peer:
            for connection in (link.bulk, link.control):
                if connection is not None:
                    connection.abort("a test wants it")


async def test_a_stream_loses_and_repeats_nothing_while_links_end(three: list[Agent]) -> None:
    a, b, _ = three
    taken: list[bytes] = []
    all_taken = asyncio.Event()
    count = 20_000

    def take(source: NodeId, messages: tuple[Buffer, ...]) -> None:
        assert source == a.node_id
        taken.extend(bytes(message) for message in messages)
        if len(taken) >= count:
            all_taken.set()

    b.on_stream("numbers", take)
    stream = a.open_stream(b.node_id, "numbers", priority=2)
    for number in range(count):
        stream.write(b"%d" % number + b"." * 500)
        if number % 500 == 0:
            await stream.drain()
            await asyncio.sleep(0)
        if number % 4000 == 2000:
            end_link(a, b.node_id)
    async with asyncio.timeout(WAIT_S):
        await all_taken.wait()
        await stream.flush()

    assert taken == [b"%d" % number + b"." * 500 for number in range(count)]
    stream.close()


async def test_reliable_messages_arrive_in_order_and_whoever_sends_knows(
    three: list[Agent],
) -> None:
    a, b, c = three
    taken: list[tuple[object, bytes]] = []
    b.on_message("notes", lambda m: taken.append((m.headers["n"], b"".join(m.body))))

    sending = [
        asyncio.ensure_future(a.send_reliable(b.node_id, "notes", {"n": n}, (b"x" * n, b"y")))
        for n in range(50)
    ]
    await asyncio.sleep(0)
    end_link(a, b.node_id)
    end_link(c, b.node_id)
    async with asyncio.timeout(WAIT_S):
        await asyncio.gather(*sending)

    assert taken == [(n, b"x" * n + b"y") for n in range(50)]


async def test_a_body_larger_than_any_frame_arrives_whole_and_is_held_once_at_each_end(
    three: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right, _ = three
    size = 96 * 1024 * 1024
    arrived: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    right.on_message("film", arrived.set_result)
    a_quarter, pieces, take = asyncio.Event(), itertools.count(1), Assembler.take

    def count(whole: Assembler, piece: Taken) -> Message | None:
        if next(pieces) == 24:
            a_quarter.set()
        return take(whole, piece)

    monkeypatch.setattr(Assembler, "take", count)
    body = random.Random(1).randbytes(1024) * (size // 1024)  # noqa: S311
    digest = hashlib.sha256(body).digest()
    tracemalloc.start()
    try:
        sending = asyncio.ensure_future(
            left.send_reliable(right.node_id, "film", {"n": 1}, (b"head", body), priority=2)
        )
        async with asyncio.timeout(3 * WAIT_S):
            await a_quarter.wait()
            end_link(left, right.node_id)  # the rest goes another way
            await sending
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = await arrived
    assert message.headers == {"n": 1}
    assert bytes(message.body[0]) == b"head"
    assert hashlib.sha256(message.body[1]).digest() == digest
    assert peak < size + 32 * 1024 * 1024, f"{peak / 2**20:.0f} MiB"  # the other end's, and little


async def test_a_large_message_begins_anew_at_a_node_that_forgot_its_beginning(
    three: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right, _ = three
    streams = right._streams
    assert isinstance(streams, Streams)
    messages: list[Message] = []
    right.on_message("film", messages.append)
    pieces, take = itertools.count(1), Assembler.take

    def forget(whole: Assembler, piece: Taken) -> Message | None:
        if next(pieces) == 8:  # as if it had been started anew
            streams._receiver = StreamReceiver(right.node_id)
            streams._assembler = Assembler(right._core.counters)
        return take(whole, piece)

    monkeypatch.setattr(Assembler, "take", forget)
    body = bytes(range(256)) * 80_000
    async with asyncio.timeout(WAIT_S):
        await left.send_reliable(right.node_id, "film", {}, (body,))
        await left.send_reliable(right.node_id, "film", {"n": 2})
    assert [bytes(b"".join(message.body)) for message in messages] == [body, b""]
    assert next(pieces) > 28  # it came nearly twice


async def test_a_message_to_a_node_that_is_away_is_not_taken_in_time(three: list[Agent]) -> None:
    with pytest.raises(UnavailableError, match="not taken in"):
        await three[0].send_reliable(NodeId("0" * 32), "notes", timeout_s=0.2)


async def test_a_broadcast_reaches_every_other_node_once(three: list[Agent]) -> None:
    a, *others = three
    taken: asyncio.Queue[tuple[str, Message]] = asyncio.Queue()
    for agent in three:
        agent.on_message("news", lambda m, name=agent.name: taken.put_nowait((name, m)))  # type: ignore[misc]

    a.broadcast("news", {"n": 1})
    async with asyncio.timeout(WAIT_S):
        names = sorted([(await taken.get())[0] for _ in others])

    assert names == ["b", "c"]
    await asyncio.sleep(0)
    assert taken.empty()


async def test_a_node_streams_to_itself(three: list[Agent]) -> None:
    a = three[0]
    taken: list[bytes] = []
    a.on_stream("own", lambda _, messages: taken.extend(map(bytes, messages)))
    stream = a.open_stream(a.node_id, "own")
    stream.write(b"1")
    stream.write(b"2")
    await stream.flush(WAIT_S)
    assert taken == [b"1", b"2"]


async def test_an_answer_that_nobody_waits_for_any_more_is_not_worked_on(
    three: list[Agent],
) -> None:
    a, b, _ = three
    begun, ended = asyncio.Event(), asyncio.Event()

    async def answer(_: Message) -> Reply:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Reply()

    b.answer("slow", answer)
    asking = asyncio.ensure_future(a.request(b.node_id, "slow"))
    async with asyncio.timeout(WAIT_S):
        await begun.wait()
        asking.cancel()
        await ended.wait()
