"""A pool of workers that takes of the grants of its node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import NeedsError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.fake import FakeMesh, FakeNode
from cantor.node.grants.grants import Grants
from cantor.node.tasks.granting import NodeGrants
from cantor.scheduling.needs import parse
from cantor.workers.lines import Ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.workers.grants import Answer

WALL = NodeId("a" * 64)


class Bench:
    """The grants of a node with one GPU, asked from another thread."""

    def __init__(self, node: FakeNode) -> None:
        self.node = node
        self.grants = NodeGrants(node, asyncio.get_running_loop())
        self.answers: asyncio.Queue[tuple[Ask, Answer]] = asyncio.Queue()

    async def ask(self, needs: str, priority: int = 1) -> Ask:
        ask = Ask(needs, priority, "f")
        told = lambda ask, answer: self.answers.put_nowait((ask, answer))  # noqa: E731
        await asyncio.to_thread(self.grants.ask, ask, told)
        return ask

    async def take_back(self, ask: Ask) -> None:
        await asyncio.to_thread(self.grants.take_back, ask)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    node = FakeMesh().add(WALL, tmp_path)
    node.grants = Grants(node, epoch=1)
    node.offer("test", (), (Resource("GPU", "quantity", 1),))
    yield Bench(node)
    await node.grants.close()


async def test_the_pool_and_the_node_take_of_the_same_units(bench: Bench) -> None:
    held = await bench.node.reserve("run/1", 1, {WALL: parse("GPU = 1")}).held(5)
    ask = await bench.ask("GPU = 1")
    assert bench.answers.empty()

    await held.release()

    assert await bench.answers.get() == (ask, {"GPU": 1})
    await bench.take_back(ask)
    await bench.node.reserve("run/2", 1, {WALL: parse("GPU = 1")}).held(5)


async def test_an_urgent_question_comes_first_and_one_taken_back_not_at_all(bench: Bench) -> None:
    first = await bench.ask("GPU = 1")
    assert (await bench.answers.get())[0] is first
    normal, dropped, urgent = [await bench.ask("GPU = 1", one) for one in (1, 0, 0)]

    await bench.take_back(dropped)
    await bench.take_back(first)
    assert (await bench.answers.get())[0] is urgent
    await bench.take_back(urgent)
    assert (await bench.answers.get())[0] is normal
    assert bench.answers.empty()


async def test_what_the_node_can_never_give_is_refused(bench: Bench) -> None:
    await bench.ask("GPU = 2")

    _, answer = await bench.answers.get()
    assert isinstance(answer, NeedsError)
