"""Three real agents in a line: what travels over the one in the middle, honest or hostile."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import BROADCAST, NodeId
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.services import Message, Reply
from cantor.node.settings import AgentSettings
from cantor.wire import DataFrame, Kind
from cantor.wire.frame import HEADER
from cantor.wire.records import PREFIX_SIZE, Parts, pack, unpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.base.resources import Device, Resource
    from cantor.identity.contexts import PeerIdentity
    from cantor.mesh.outlet import Item
    from cantor.wire.frame import Buffer, Value

pytestmark = pytest.mark.integration
WAIT_S = 20.0
SECRET = b"the combination is 4711"
REFUSED = ("unsealed", "forged", "replayed", "unknown_seal")


class Nothing:
    """A machine without hardware."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [], []


class Line:
    """a, b and c, where a and c have no link while they are ``apart``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority.create("plant", now=datetime.now(UTC))
        self.apart = True
        self.agents: dict[str, Agent] = {}

    def make(self, name: str) -> Agent:
        """The agent of that name, not started."""
        box = IdentityFolder(self._folder / name)
        if not box.enrolled:
            box.install(self._authority.issue(box.csr_pem(), now=datetime.now(UTC)))
        seeds = tuple(self.agents["b"].addresses[:1]) if "b" in self.agents else ()
        settings = AgentSettings(
            self._folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=seeds,
            is_discovering=False,
            interfaces=("127.0.0.1",),
        )
        agent = self.agents[name] = Agent(settings, inventory=Nothing(), services={})
        if name != "b":
            other = IdentityFolder(self._folder / ("a" if name == "c" else "c")).node_id
            agent._links._is_denied = lambda peer: self._is_apart(peer, other)
        return agent

    def _is_apart(self, peer: PeerIdentity, other: NodeId) -> bool:
        return self.apart and peer.node_id == other

    def part(self) -> None:
        """Let the link between a and c end."""
        self.apart = True
        for name in ("a", "c"):
            self.agents[name]._links.drop_denied("a test wants it")

    def __getitem__(self, name: str) -> Agent:
        return self.agents[name]


class HostileRelay:
    """The node b with all its rights, whose data plane does what an attacker likes.

    ``seen`` holds every frame that it was to pass on; ``alter`` makes others of each small one.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._plane = agent._driver._plane
        self._forward = self._plane._forward
        self.seen: list[bytes] = []
        self.alter: Callable[[bytes], list[bytes]] = lambda record: [record]
        self._plane._forward = self.forward  # type: ignore[method-assign]

    def forward(
        self, key: bytes, channel: int, item: Item, heard_from: str = "", *, is_alone: bool = False
    ) -> None:
        packed, size, inflow = item
        if isinstance(packed, Parts):
            self.seen.append(bytes(PREFIX_SIZE) + b"".join(packed.buffers))
            self._forward(key, channel, item, heard_from)
            return
        self.seen.append(bytes(packed))
        for record in self.alter(bytes(packed)):
            item = (record, len(record), None)
            self._forward(key, channel, item, heard_from, is_alone=is_alone)
        if inflow is not None:
            self._plane._left(inflow, size)

    def say(self, frame: DataFrame) -> None:
        """Send any frame to the neighbour that it is for, or that it names all nodes to: c."""
        for link in self._agent._core.links:
            if link.peer == frame.destination or frame.destination == BROADCAST:
                self._plane.transmit(link.nonce, frame)
        self._agent._driver._flush()


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    for name in ("b", "a", "c"):
        await line.make(name).start()
    for agent in line.agents.values():
        await until(agent, lambda agent=agent: len(agent.alive()) == 3)  # type: ignore[misc]
    yield line
    for agent in line.agents.values():
        await agent.close()


async def until(agent: Agent, is_so: Callable[[], bool]) -> None:
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(WAIT_S):
        while not is_so():
            await changed.wait()
            changed.clear()
    end()


def collect(agent: Agent, topic: str) -> asyncio.Queue[Message]:
    """What arrives under a topic, however it was sent."""
    queue: asyncio.Queue[Message] = asyncio.Queue()

    def streamed(source: NodeId, messages: tuple[Buffer, ...]) -> None:
        for message in messages:
            queue.put_nowait(Message(source, {}, (message,)))

    agent.on_message(topic, queue.put_nowait)
    agent.on_stream(topic, streamed)
    return queue


async def take(queue: asyncio.Queue[Message], count: int) -> list[tuple[NodeId, bytes]]:
    async with asyncio.timeout(WAIT_S):
        taken = [await queue.get() for _ in range(count)]
    return [(message.source, b"".join(bytes(part) for part in message.body)) for message in taken]


async def settled(*agents: Agent) -> None:
    """Let everything that has left arrive: what comes after it on the same links has."""
    for agent in agents:
        for link in agent._core.links:
            await agent.request(link.peer, "mesh.ping", timeout_s=WAIT_S)


def refused(agent: Agent) -> dict[str, int]:
    counters = agent._core.counters
    return {why: counters[why] for why in REFUSED if counters[why]}


async def test_all_that_nodes_say_passes_a_relay_which_cannot_read_it(line: Line) -> None:
    a, b, c = line["a"], line["b"], line["c"]
    relay = HostileRelay(b)
    c.answer("ask", lambda message: Reply({"said": "yes"}, message.body))
    got, streamed, news = collect(c, "notes"), collect(c, "numbers"), collect(c, "news")
    large = SECRET * 50_000

    reply = await a.request(c.node_id, "ask", {}, (SECRET,), timeout_s=WAIT_S)
    assert (reply.source, reply.headers, bytes(reply.body[0])) == (
        c.node_id,
        {"said": "yes"},
        SECRET,
    )
    a.send(c.node_id, "notes", {}, (SECRET,))
    await a.send_reliable(c.node_id, "notes", {}, (large,), timeout_s=WAIT_S)
    assert await take(got, 2) == [(a.node_id, SECRET), (a.node_id, large)]
    stream = a.open_stream(c.node_id, "numbers")
    for number in range(1000):
        stream.write(SECRET + b"%d" % number)
    assert await take(streamed, 1000) == [(a.node_id, SECRET + b"%d" % n) for n in range(1000)]
    await stream.flush(WAIT_S)
    a.broadcast("news", {}, (b"for all",))
    assert await take(news, 1) == [(a.node_id, b"for all")]

    assert len(relay.seen) > 5
    assert not any(SECRET[:12] in record for record in relay.seen)
    assert {record[PREFIX_SIZE + 1] for record in relay.seen} == {Kind.SEALED, Kind.SEAL_HELLO}
    assert refused(a) == refused(b) == refused(c) == {}


async def test_a_relay_speaks_in_nobody_elses_name(line: Line) -> None:
    a, b, c = line["a"], line["b"], line["c"]
    relay = HostileRelay(b)
    got, streamed = collect(c, "notes"), collect(c, "numbers")
    await a.send_reliable(c.node_id, "notes", {}, (b"true",), timeout_s=WAIT_S)
    stranger = NodeId("5" * 32)
    notes: dict[str, Value] = {"t": "notes", "h": {}}
    number: dict[str, Value] = {"s": 9, "n": 0, "t": "numbers", "b": True}

    for turn in range(5):
        for source in (a.node_id, stranger):
            for target in (c.node_id, BROADCAST):
                relay.say(DataFrame(Kind.DATA, source, target, turn, headers=notes, body=(b"f",)))
            relay.say(DataFrame(Kind.STREAM, source, c.node_id, headers=number, body=(b"f",)))
            relay.say(DataFrame(Kind.STREAM_ACK, source, c.node_id, headers={"s": 1, "n": 1}))
            relay.say(DataFrame(Kind.SEALED, source, c.node_id, body=(b"f" * 40,)))
            relay.say(DataFrame(Kind.SEAL_HELLO, source, c.node_id, body=(b"f", b"f", b"f")))
            relay.say(DataFrame(Kind.SIGNED, source, BROADCAST, 1, hlc=2**62, body=(b"f",) * 3))
    await settled(b)
    await a.send_reliable(c.node_id, "notes", {}, (b"true as well",), timeout_s=WAIT_S)

    assert await take(got, 2) == [(a.node_id, b"true"), (a.node_id, b"true as well")]
    assert got.empty()
    assert streamed.empty()
    counts = refused(c)
    assert counts == {"unsealed": 40, "unknown_seal": 10, "forged": 20}


async def test_what_a_relay_alters_repeats_or_reassigns_is_refused_and_made_up_for(
    line: Line,
) -> None:
    a, b, c = line["a"], line["b"], line["c"]
    relay, count = HostileRelay(b), 12
    got = collect(c, "notes")
    await a.send_reliable(c.node_id, "notes", {}, (b"first",), timeout_s=WAIT_S)
    await take(got, 1)
    turns = iter(range(10**6))

    def attack(record: bytes) -> list[bytes]:
        turn = next(turns)
        begin = PREFIX_SIZE + HEADER.size
        altered = bytearray(record)
        altered[begin + 7 * turn % (len(record) - begin)] ^= 1
        reassigned = pack(dataclasses.replace(unpack(record), source=b.node_id))
        assert isinstance(reassigned, bytes)
        bad = [bytes(altered), reassigned]
        return bad if turn % 3 == 0 else [*bad, record, record]

    relay.alter = attack
    for number in range(count):
        await a.send_reliable(c.node_id, "notes", {}, (b"%d" % number,), timeout_s=WAIT_S)
    relay.alter = lambda record: [record]
    for record in relay.seen:
        frame = unpack(record)
        if frame.destination == c.node_id:
            relay.say(frame)
    await settled(b)

    assert await take(got, count) == [(a.node_id, b"%d" % number) for number in range(count)]
    assert got.empty()
    counts = refused(c)
    assert counts["replayed"] >= count
    assert counts["forged"] >= count / 2
    assert counts["unknown_seal"] >= count  # in the name of the relay itself, which has no session


async def test_a_broadcast_of_another_node_is_neither_altered_nor_repeated(line: Line) -> None:
    a, b, c = line["a"], line["b"], line["c"]
    relay = HostileRelay(b)
    at_c, at_b = collect(c, "news"), asyncio.Event()
    kept: list[DataFrame] = []
    verified = b._driver._seals.verified

    def keep(frame: DataFrame) -> DataFrame | None:
        kept.append(frame)
        at_b.set()
        return verified(frame)

    b._driver._seals.verified = keep
    a.broadcast("news", {}, (b"1",))
    async with asyncio.timeout(WAIT_S):
        await at_b.wait()
    assert await take(at_c, 1) == [(a.node_id, b"1")]
    (frame,) = kept
    content, signature, certificate = frame.body
    relay.say(dataclasses.replace(frame, message_id=frame.message_id + 1))
    relay.say(dataclasses.replace(frame, message_id=frame.message_id + 2, hlc=frame.hlc + 1))
    relay.say(dataclasses.replace(frame, source=b.node_id, hlc=frame.hlc + 2))
    altered = bytes(content).replace(b"1", b"2")
    relay.say(dataclasses.replace(frame, hlc=frame.hlc + 3, body=(altered, signature, certificate)))
    relay.say(frame)
    await settled(b)

    assert at_c.empty()
    assert refused(c) == {"replayed": 1, "forged": 2}
    assert c._core.counters["duplicate"] == 2


async def test_a_frame_of_a_kind_that_has_no_place_there_is_no_message_and_no_stream(
    line: Line,
) -> None:
    a, b, c = line["a"], line["b"], line["c"]
    relay = HostileRelay(b)
    got, streamed = collect(c, "notes"), collect(c, "numbers")
    note: dict[str, Value] = {"t": "notes", "h": {}}
    number: dict[str, Value] = {"s": 9, "n": 0, "t": "numbers", "b": True}
    await a.send_reliable(c.node_id, "notes", {}, (b"true",), timeout_s=WAIT_S)
    sealed = a._driver._seals

    relay.say(DataFrame(99, b.node_id, c.node_id, 7, headers=note, body=(b"f",)))
    b._driver.send(DataFrame(Kind.STREAM, b.node_id, BROADCAST, 8, headers=number, body=(b"f",)))
    for kind in (Kind.FACTS, Kind.HEARTBEAT, Kind.SIGNED):
        a._driver.send(sealed.seal(DataFrame(kind, a.node_id, c.node_id, 9, headers=note)))
    await settled(a, b)
    await a.send_reliable(c.node_id, "notes", {}, (b"last",), timeout_s=WAIT_S)

    assert await take(got, 2) == [(a.node_id, b"true"), (a.node_id, b"last")]
    assert streamed.empty()
    assert c._core.counters["unknown_kind"] == 4  # what is sealed twice is dropped before that
    assert a._core.counters["unknown_kind"] == 1


async def test_a_stream_goes_on_from_a_direct_link_to_a_relay_and_back(line: Line) -> None:
    a, c = line["a"], line["c"]
    streamed = collect(c, "numbers")
    stream = a.open_stream(c.node_id, "numbers", priority=2)
    count = 20_000

    def is_direct() -> bool:
        return any(link.peer == c.node_id for link in a._core.links)

    expected = [(a.node_id, b"%d" % n + b"." * 300) for n in range(count)]
    taken: list[tuple[NodeId, bytes]] = []
    for number in range(count):
        stream.write(expected[number][1])
        if number % 200 == 0:
            await stream.drain()
            await asyncio.sleep(0)
        if number % 5000 == 2500:
            if line.apart:
                line.apart = False
                await until(a, is_direct)
            else:
                line.part()
        if number % 5000 == 4999:
            taken += await take(streamed, number + 1 - len(taken))
    await stream.flush(WAIT_S)

    assert taken == expected
    assert streamed.empty()


async def test_streams_go_on_when_either_end_starts_again(line: Line) -> None:
    a, c = line["a"], line["c"]
    await a.send_reliable(c.node_id, "notes", {}, (b"1",), timeout_s=WAIT_S)
    before = c.node_id
    await c.close()
    await until(a, lambda: before not in a.alive())  # else its last breath may take the message
    sending = asyncio.ensure_future(a.send_reliable(before, "notes", {}, (b"2",), timeout_s=WAIT_S))
    await asyncio.sleep(0)
    c = line.make("c")
    got = collect(c, "notes")
    await c.start()
    await sending
    assert await take(got, 1) == [(a.node_id, b"2")]
    assert c.node_id == before

    await a.close()
    a = line.make("a")
    await a.start()
    await until(a, lambda: c.node_id in a.alive())
    await until(c, lambda: a.node_id in c.alive())
    await a.send_reliable(c.node_id, "notes", {}, (b"3",), timeout_s=WAIT_S)
    assert await take(got, 1) == [(a.node_id, b"3")]
    a.answer("ask", lambda _: Reply({"said": "yes"}))
    reply = await c.request(a.node_id, "ask", timeout_s=WAIT_S)
    assert reply.headers == {"said": "yes"}


async def test_without_a_handshake_nothing_is_said_in_clear(line: Line) -> None:
    a, b, c = line["a"], line["b"], line["c"]
    relay = HostileRelay(b)
    relay.alter = lambda _: []
    with pytest.raises(UnavailableError):
        await a.request(c.node_id, "ask", {}, (SECRET,), timeout_s=0.2)
    assert not any(SECRET in record for record in relay.seen)
    assert {record[PREFIX_SIZE + 1] for record in relay.seen} == {Kind.SEAL_HELLO}
