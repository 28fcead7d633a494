"""Metrics of nodes, read from any node of the tenant."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.metering.handing import desk_here
from cantor.metering.names import Series
from cantor.metering.process import VARIABLE, Counter, Process
from cantor.node.fake import FakeMesh
from cantor.node.metrics import following, service
from cantor.node.metrics.pages import FOLLOW, PAGE, PAST, READ
from cantor.node.metrics.service import JOIN, Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)


class JumpingClock:
    """Time moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Pair:
    """Two nodes with metrics."""

    def __init__(self, folder: Path) -> None:
        self.clock = JumpingClock()
        self.mesh = FakeMesh()
        self.nodes: dict[str, FakeNode] = {}
        self.metrics: dict[str, Metrics] = {}
        for name, node_id in (("ash", ASH), ("birch", BIRCH)):
            (folder / name).mkdir()
            node = self.mesh.add(node_id, folder / name, name=name, clock=self.clock)
            self.nodes[name] = node
            self.metrics[name] = Metrics(node)

    async def read(self, on: str, **asked: Any) -> Any:  # noqa: ANN401 (as the node answers)
        answer: Any = self.metrics[on].calls()[READ](asked)
        return {row["name"]: row for row in (await answer)["nodes"]}

    async def past(self, on: str, **asked: Any) -> Any:  # noqa: ANN401 (as the node answers)
        answer: Any = self.metrics[on].calls()[PAST](asked)
        return await answer

    async def second(self) -> None:
        """Every node takes its next sample, and whoever follows it has heard."""
        self.clock.now += 1.0
        for metrics in self.metrics.values():
            await metrics._freshen()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    made = Pair(tmp_path)
    for metrics in made.metrics.values():
        await metrics.start()
    yield made
    for metrics in made.metrics.values():
        await metrics.close()
    assert desk_here() is None


def count_on(
    pair: Pair, name: str, monkeypatch: pytest.MonkeyPatch, metric: str = "frames"
) -> Counter:
    pair.clock.now += 1.0  # the sample of this second may have been taken
    handed = pair.metrics[name]._board.desk.hand_out("task")
    monkeypatch.setenv(VARIABLE, handed.environment[VARIABLE])
    return Process(lambda _: None).get(Counter, metric, None)


def value(row: Any, name: str) -> float:  # noqa: ANN401 (as the node answers)
    (found,) = [one[3] for one in row["series"] if one[1] == name]
    return float(found)


async def test_any_node_reads_what_is_counted_on_another(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = count_on(pair, "birch", monkeypatch)
    counter.add(3)
    rows = await pair.read("ash", glob="frames")
    assert rows["birch"]["series"] == [["counter", "frames", [["source", "task"]], 3.0]]
    assert rows["ash"] == {"node": ASH, "name": "ash", "why": "", "series": []}

    pages = count_pages(pair, monkeypatch)
    for number in range(4, 8):
        counter.add()
        await pair.second()
        assert value((await pair.read("ash", nodes=["birch"]))["birch"], "frames") == number
    assert len(pages) == 4, "one page a second, and no question"
    assert "cantor_cpu_cores" in {one[1] for one in (await pair.read("ash"))["ash"]["series"]}


def count_pages(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long the pages of birch are; asking for any is an error from now on."""
    pages: list[int] = []
    birch = pair.nodes["birch"]
    send = birch.send

    def counted(*args: Any, **more: Any) -> bool:  # noqa: ANN401
        pages.append(len(args[3][0]))
        return send(*args, **more)

    monkeypatch.setattr(birch, "send", counted)
    birch.answer(FOLLOW, lambda _: pytest.fail("it was asked again"))
    return pages


async def test_who_misses_a_page_asks_for_a_whole_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = count_on(pair, "birch", monkeypatch)
    counter.add(1)
    await pair.read("ash", nodes=["birch"])
    birch, send, lost = pair.nodes["birch"], pair.nodes["birch"].send, 0

    def lose(*_: Any, **__: Any) -> bool:  # noqa: ANN401
        nonlocal lost
        lost += 1
        return True

    monkeypatch.setattr(birch, "send", lose)
    counter.add(1)
    await pair.second()
    monkeypatch.setattr(birch, "send", send)
    counter.add(1)
    await pair.second()
    assert lost == 1
    for _ in range(100):
        if value((await pair.read("ash", nodes=["birch"]))["birch"], "frames") == 3:
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never caught up")


async def test_another_tenant_reads_and_tells_nothing(pair: Pair) -> None:
    pair.nodes["ash"].tenant = "other"
    for topic in (FOLLOW, PAST):
        with pytest.raises(RemoteProtocolError, match="another tenant"):
            await pair.nodes["ash"].request(BIRCH, topic, {})

    assert list(await pair.read("ash")) == ["ash"]
    row = (await pair.read("ash", nodes=["birch"]))["birch"]
    assert "another tenant" in row["why"]
    assert not pair.metrics["birch"]._readers


async def test_a_node_that_is_away_is_told_of(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_S", 0.05)
    pair.mesh.kill(BIRCH)

    row = (await pair.read("ash", nodes=["birch"]))["birch"]
    assert row["why"]
    assert list(await pair.read("ash")) == ["ash"]


@pytest.mark.parametrize("body", [b"", b"\x01\x00\xff\xff\xff", b"\xff" * 40])
async def test_a_page_that_is_none_harms_nobody(pair: Pair, body: bytes) -> None:
    await pair.read("ash", nodes=["birch"])
    pair.nodes["birch"].send(ASH, PAGE, {"life": 1}, (body,))
    pair.nodes["birch"].send(ASH, PAGE, {"life": "x"}, (body,))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    for _ in range(100):
        row = (await pair.read("ash", nodes=["birch"]))["birch"]
        if row["series"]:
            return
        await asyncio.sleep(0.01)
    pytest.fail("it was not asked for a whole page")


async def test_nobody_reads_then_nobody_is_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair.read("ash", nodes=["birch"])
    pages = count_pages(pair, monkeypatch)
    pair.clock.now += following.LEASE_S
    await pair.second()

    assert pages == []
    assert not pair.metrics["birch"]._has_readers()


async def test_the_past_of_another_node_is_read(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = count_on(pair, "birch", monkeypatch)
    await pair.read("ash", nodes=["birch"])
    for _ in range(5):
        counter.add(2)
        await pair.second()

    for on, node in (("ash", "birch"), ("birch", "")):
        found = await pair.past(on, node=node, glob="frames", step=1)
        (row,) = found["series"]
        assert row[:3] == ["counter", "frames", [["source", "task"]]]
        assert row[3][-5:] == [2.0] * 5
        assert found["times"][-1] == pytest.approx(pair.clock.now, abs=1)
    minutes = await pair.past("ash", node="birch", glob="cantor_load1", step=60)
    assert len(minutes["times"]) == len(minutes["series"][0][3]) == 1


async def test_a_script_of_this_machine_is_read_until_it_ends(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, sys; from cantor.metering.process import Counter, Process;"
        " Process(lambda at: print(at, flush=True)).get(Counter, 'scripts', None).add(7);"
        " sys.stdin.read()"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    descriptor = int(await child.stdout.readline())
    monkeypatch.setattr(service, "caller", lambda: child.pid)
    joining: Any = pair.metrics["ash"].calls()[JOIN]({"descriptor": descriptor})
    joined = asyncio.ensure_future(joining)
    for is_running in (True, False):
        if not is_running:
            child.stdin.close()
            await child.wait()
            await joined
        found: list[Any] = []
        while not found or found[0][3] != 7:
            pair.clock.now += 1
            found = (await pair.read("ash", nodes=["ash"], glob="scripts"))["ash"]["series"]
        assert found == [["counter", "scripts", [["source", "script"]], 7.0]]


@pytest.mark.parametrize("descriptor", [None, "3", True, -1, 99999])
async def test_what_is_no_memory_does_not_join(
    pair: Pair, descriptor: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "caller", os.getpid)
    with pytest.raises(ConfigError):
        await pair.metrics["ash"].calls()[JOIN]({"descriptor": descriptor})  # type: ignore[dict-item, misc]


async def test_a_pattern_has_a_bound(pair: Pair) -> None:
    with pytest.raises(ConfigError, match="pattern"):
        await pair.read("ash", glob="x" * 201)
    with pytest.raises(ConfigError):
        await pair.read("ash", nodes=["no-such-node"])


async def test_services_of_the_node_have_gauges_of_their_own(pair: Pair) -> None:
    class Busy:
        def figures(self) -> dict[str, float]:
            return {"cantor_tasks_running": 3.0}

    busy: Any = Busy()
    pair.nodes["ash"].services["tasks"] = busy
    pair.clock.now += 5

    values = await pair.metrics["ash"].values_of(ASH)
    assert values[Series("cantor_tasks_running")] == 3
    assert values[Series("cantor_nodes_alive")] == 2
