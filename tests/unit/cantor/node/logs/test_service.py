"""Logs of nodes, read from any node of the tenant."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.logs import service as service_module
from cantor.node.logs.query import Query
from cantor.node.logs.service import TOPIC, Logs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)
SOURCE = "service/cam"


class Pair:
    """Two nodes with logs."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.nodes: dict[str, FakeNode] = {}
        self.logs: dict[str, Logs] = {}
        for name, node_id in (("ash", ASH), ("birch", BIRCH)):
            (folder / name).mkdir()
            node = self.nodes[name] = self.mesh.add(node_id, folder / name, name=name)
            self.logs[name] = Logs(node)

    async def read(self, on: str, **asked: Any) -> Any:  # noqa: ANN401 (as the node answers)
        answer: Any = self.logs[on].calls()[TOPIC](asked)
        return await answer


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    made = Pair(tmp_path)
    for logs in made.logs.values():
        await logs.start()
    yield made
    for logs in made.logs.values():
        await logs.close()


def texts(row: dict[str, Any]) -> list[str]:
    return [line.split(" ", 3)[3] for line in row["lines"]]


async def test_any_node_reads_what_another_said_page_by_page(pair: Pair) -> None:
    pair.logs["birch"].put(SOURCE, [f"line {number}" for number in range(5)])

    first = await pair.read("ash", node="birch", source=SOURCE, count=3)
    second = await pair.read("ash", node="birch", source=SOURCE, count=3, place=first["place"])
    assert texts(first) == ["line 0", "line 1", "line 2"]
    assert (first["is_end"], first["reached"]) == (
        False,
        pytest.approx(pair.nodes["birch"].wall(), abs=60),
    )
    assert (texts(second), second["is_end"]) == (["line 3", "line 4"], True)
    assert texts(await pair.read("birch", source=SOURCE, texts=["4"])) == ["line 4"]
    assert texts(await pair.read("birch", source=SOURCE, back=True, count=2)) == [
        "line 3",
        "line 4",
    ]


async def test_the_last_lines_may_be_more_than_a_page(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "PAGE_LINES_MAX", 2)
    pair.logs["birch"].put(SOURCE, [f"line {number}" for number in range(7)])

    for node in (ASH, BIRCH):
        found = await pair.logs["ash"].last(BIRCH, Query(source=SOURCE), 5)
        assert [line.text for line in found] == [f"line {number}" for number in range(2, 7)]
        assert await pair.logs["ash"].last(node, Query(("nothing",)), 5) == []


async def test_what_the_program_says_is_kept(pair: Pair) -> None:
    logging.getLogger("cantor.test").warning("link down", extra={"peer": "ash"})

    (line,) = await pair.logs["ash"].last(ASH, Query(("link down",)), 1)
    assert (line.level, line.source) == ("warning", "agent")
    assert line.text == "cantor.test: link down peer=ash"


async def test_who_waits_is_answered_when_there_is_a_line(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "WAIT_S", 60.0)
    end = await pair.read("ash", node="birch", source=SOURCE)
    asked = {"node": "birch", "source": SOURCE, "place": end["place"], "wait": True}
    waiting = asyncio.ensure_future(pair.read("ash", **asked))
    await asyncio.sleep(0)
    pair.logs["birch"].put(SOURCE, ["ready"])

    assert texts(await waiting) == ["ready"]
    monkeypatch.setattr(service_module, "WAIT_S", 0.0)
    asked["place"] = (await pair.read("birch", source=SOURCE))["place"]
    assert texts(await pair.read("ash", **asked)) == []


async def test_another_tenant_reads_nothing(pair: Pair) -> None:
    pair.nodes["ash"].tenant = "other"

    with pytest.raises(RemoteProtocolError, match="another tenant"):
        await pair.read("ash", node="birch")


@pytest.mark.parametrize(
    "asked",
    [{"place": 3}, {"place": [1, -1]}, {"place": [1, 2, 3]}, {"texts": 3}, {"place": [1 << 60, 0]}],
)
async def test_what_is_no_question_is_refused(pair: Pair, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        await pair.read("ash", **asked)
    with pytest.raises(RemoteProtocolError):
        await pair.read("ash", node="birch", **asked)


async def test_a_node_that_is_away_is_told_of(pair: Pair) -> None:
    pair.mesh.kill(BIRCH)

    with pytest.raises(UnavailableError):
        await pair.read("ash", node="birch")
    with pytest.raises(ConfigError, match="no node is called"):
        await pair.read("ash", node="nobody")
