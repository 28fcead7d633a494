"""One Cantor node of the benchmark: answers, relays, or measures against the node named ``b``.

ours.py prepare FOLDER NAME,NAME...      identities of one mesh
ours.py serve FOLDER NAME PORT [SEED]    answers and takes, until its input ends
ours.py measure FOLDER NAME PORT SEED    measures, and prints one line of JSON
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.loop import run_loop
from cantor.node.services import Message, Reply
from cantor.node.settings import AgentSettings

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.base.resources import Device, Resource
    from cantor.wire.frame import Buffer

ROUND_TRIPS = 4000
WARM_UP = 500
SMALL, LARGE = 64, 1024 * 1024
MESSAGES = 300_000
LARGE_FRAMES = 600
WAIT_S = 60.0


class Nothing:
    """A machine without hardware."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [], []


class Counter:
    """Counts what arrives, and tells when and after how long it was all."""

    def __init__(self) -> None:
        self.messages = 0
        self.begun_s = 0.0
        self.ended_s = 0.0

    def take(self, count: int) -> None:
        if not self.messages:
            self.begun_s = time.perf_counter()
        self.messages += count
        self.ended_s = time.perf_counter()


NOWHERE = "127.9.9.9"
"""What a node tells others that they cannot dial: nothing listens there."""


async def start(
    folder: Path, name: str, port: str, seeds: tuple[str, ...], *, is_leaf: bool = False
) -> Agent:
    """An agent on loopback that finds others by seeds alone."""
    settings = AgentSettings(
        folder / name,
        name=name,
        listen=(f"127.0.0.1:{port}",),
        seeds=seeds,
        is_discovering=False,
        interfaces=(NOWHERE if is_leaf else "127.0.0.1",),
    )
    agent = Agent(settings, inventory=Nothing(), services={})
    await agent.start()
    return agent


async def serve(
    folder: Path, name: str, port: str, seeds: tuple[str, ...], *, is_leaf: bool
) -> None:
    """Answer and take until the parent closes our input."""
    agent = await start(folder, name, port, seeds, is_leaf=is_leaf)
    streamed, framed = Counter(), Counter()
    agent.answer("echo", lambda message: Reply({}, message.body))
    agent.on_stream("small", lambda _, messages: streamed.take(len(messages)))
    agent.on_message("large", lambda _: framed.take(1))

    def told(counter: Counter) -> Reply:
        reply = Reply({"n": counter.messages, "s": counter.ended_s - counter.begun_s})
        counter.messages = 0
        return reply

    agent.answer("streamed", lambda _: told(streamed))
    agent.answer("framed", lambda _: told(framed))
    await asyncio.to_thread(sys.stdin.read)
    await agent.close()


async def measure(
    folder: Path, name: str, port: str, seeds: tuple[str, ...], *, is_leaf: bool
) -> None:
    """Measure against ``b`` and print the figures."""
    agent = await start(folder, name, port, seeds, is_leaf=is_leaf)
    target = await node_named(agent, "b")
    figures: dict[str, float] = {}
    kinds = (("small", SMALL, 1), ("large", LARGE, 2))
    for label, size, priority in kinds[:1] if is_leaf else kinds:
        found = await round_trips(agent, target, size, priority)
        figures[f"{label}_p50_us"] = statistics.median(found)
        figures[f"{label}_p99_us"] = statistics.quantiles(found, n=100)[-1]
    if not is_leaf:
        figures["small_per_s"] = await small_messages(agent, target)
        figures["large_bytes_per_s"] = await large_frames(agent, target)
    print(json.dumps(figures), flush=True)
    await agent.close()


async def round_trips(agent: Agent, target: NodeId, size: int, priority: int) -> list[float]:
    """Microseconds of each request, after some that are not counted."""
    body: tuple[Buffer, ...] = (b"x" * size,)
    count, warm_up = (ROUND_TRIPS, WARM_UP) if size == SMALL else (200, 20)
    found = []
    for number in range(warm_up + count):
        began = time.perf_counter()
        await agent.request(target, "echo", {}, body, priority=priority, timeout_s=WAIT_S)
        if number >= warm_up:
            found.append((time.perf_counter() - began) * 1e6)
    return found


async def small_messages(agent: Agent, target: NodeId) -> float:
    """Messages of a reliable stream per second, from the first to the last that was taken."""
    stream, message = agent.open_stream(target, "small"), b"x" * SMALL
    for number in range(MESSAGES):
        stream.write(message)
        if number % 1000 == 0:
            await stream.drain()
            await asyncio.sleep(0)
    await stream.flush(WAIT_S)
    answer = await agent.request(target, "streamed", timeout_s=WAIT_S)
    return rate(answer, MESSAGES)


async def large_frames(agent: Agent, target: NodeId) -> float:
    """Bytes per second in frames of 1 MB."""
    body: tuple[Buffer, ...] = (b"x" * LARGE,)
    for _ in range(LARGE_FRAMES):
        while True:
            if agent.send(target, "large", {}, body, priority=2):
                break
            await asyncio.sleep(0.001)
    received, seconds = 0, 0.0
    while received < LARGE_FRAMES:
        await asyncio.sleep(0.05)  # the counting must not disturb what is counted
        answer = await agent.request(target, "framed", timeout_s=WAIT_S)
        got = answer.headers["n"]
        assert isinstance(got, int)
        took = answer.headers["s"]
        assert isinstance(took, float)
        received += got
        seconds += took
    return LARGE * LARGE_FRAMES / seconds


def rate(answer: Message, expected: int) -> float:
    """Per second, when everything that was sent has arrived."""
    count, seconds = answer.headers["n"], answer.headers["s"]
    assert isinstance(count, int)
    assert isinstance(seconds, float)
    if count != expected:
        message = f"{count} of {expected} messages were taken"
        raise RuntimeError(message)
    return count / seconds


async def node_named(agent: Agent, name: str) -> NodeId:
    """Wait for a node to be reached."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(WAIT_S):
        while True:
            for view in agent.nodes():
                if view.name == name and view.is_alive:
                    end()
                    return view.id
            await changed.wait()
            changed.clear()


async def prepare(folder: Path, names: list[str]) -> None:
    """Make a mesh and the identities of its nodes."""
    authority = Authority.create("bench", now=datetime.now(UTC))
    for name in names:
        box = IdentityFolder(folder / name)
        box.install(authority.issue(box.csr_pem(), now=datetime.now(UTC)))


def main(arguments: list[str]) -> None:
    """Run the verb."""
    verb, folder, name = arguments[0], Path(arguments[1]), arguments[2]
    if verb == "prepare":
        run_loop(prepare(folder, name.split(",")))
    else:
        action = serve if verb in {"serve", "leaf"} else measure
        is_leaf = verb in {"leaf", "relayed"}
        run_loop(action(folder, name, arguments[3], tuple(arguments[4:]), is_leaf=is_leaf))


if __name__ == "__main__":
    main(sys.argv[1:])
