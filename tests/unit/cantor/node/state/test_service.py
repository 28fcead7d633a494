"""What nodes keep, asked over a mesh that loses answers, nodes and certificates."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import (
    CantorError,
    ConfigError,
    ConflictError,
    IdentityError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.state import service as service_module
from cantor.node.state.service import TOPIC, State
from cantor.node.state.wording import Answer, pack_question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.node.services import Message, Reply

ASH, BIRCH, OAK = NodeId("a" * 32), NodeId("b" * 32), NodeId("c" * 32)


class Nodes:
    """Three nodes; ``oak`` is of another tenant."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.nodes: dict[str, FakeNode] = {}
        self.states: dict[str, State] = {}
        for name, node_id in (("ash", ASH), ("birch", BIRCH), ("oak", OAK)):
            (folder / name).mkdir()
            node = self.nodes[name] = self.mesh.add(node_id, folder / name, name=name)
            self.states[name] = State(node)
        self.nodes["oak"].tenant = "others"

    async def ask(
        self,
        on: str,
        at: str,
        operation: str,
        *value: bytes,
        origin: str = "",
        **args: Any,  # noqa: ANN401 (as the node takes them)
    ) -> Answer:
        """Of the store ``s``."""
        body = pack_question(operation, at, {"b": "s", **args}, 10.0)
        told = self.states[on].ask("kv", body, value, origin=origin)
        return told if isinstance(told, Answer) else await told


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    made = Nodes(tmp_path)
    for state in made.states.values():
        await state.start()
    yield made
    for state in made.states.values():
        await state.close()


async def test_any_node_reads_and_writes_what_another_keeps(nodes: Nodes, tmp_path: Path) -> None:
    assert (await nodes.ask("ash", "birch", "get", k="a")).headers == {}
    assert not (tmp_path / "birch" / "keys.db").exists(), "who only looks makes no file"
    told = await nodes.ask("ash", "birch", "set", b"1", k="a")
    here = await nodes.ask("birch", "", "get", k="a")
    there = await nodes.ask("ash", BIRCH, "get", k="a")
    assert here.headers["r"] == there.headers["r"] == told.headers["r"]
    assert [bytes(part) for part in there.parts] == [b"1"]
    assert (await nodes.ask("ash", "", "get", k="a")).headers == {}


async def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "TRY_S", 0.15)
    state = nodes.states["birch"]
    lost: list[Message] = []

    async def loses_the_first(message: Message) -> Reply:
        reply = await state._asked(message)
        if len(lost) < 2:
            lost.append(message)
            await asyncio.Event().wait()
        return reply

    nodes.nodes["birch"].answer(TOPIC, loses_the_first)
    told = await nodes.ask("ash", "birch", "set", b"1", k="a", e=0)
    assert len(lost) == 2
    assert told.headers["r"] == (await nodes.ask("birch", "", "get", k="a")).headers["r"]
    with pytest.raises(ConflictError):
        await nodes.ask("ash", "birch", "set", b"1", k="a", e=0)


async def test_a_node_that_goes_meanwhile_leaves_it_open_and_says_so(nodes: Nodes) -> None:
    asking = asyncio.create_task(nodes.ask("ash", "birch", "poll", p="", since=["", 0, 0], wait=30))
    await asyncio.sleep(0.05)
    nodes.mesh.kill(BIRCH)
    with pytest.raises(UnavailableError, match="not known"):
        await asking
    with pytest.raises(UnavailableError, match="nothing was done"):
        await nodes.ask("ash", "birch", "set", b"1", k="a")


async def test_other_tenants_neither_ask_nor_run_tasks_that_do(nodes: Nodes) -> None:
    with pytest.raises(RemoteProtocolError, match="another tenant"):
        await nodes.ask("oak", "birch", "get", k="a")
    with pytest.raises(IdentityError, match="another tenant"):
        await nodes.ask("ash", "", "get", k="a", origin=OAK)
    assert (await nodes.ask("ash", "", "get", k="a", origin=BIRCH)).headers == {}


async def test_a_node_that_is_not_known_yet_is_asked_to_come_again(nodes: Nodes) -> None:
    known = nodes.nodes["birch"].tenant_of
    asked: list[NodeId] = []

    def not_yet(node: NodeId) -> str:
        asked.append(node)
        return "" if len(asked) < 3 else known(node)

    nodes.nodes["birch"].tenant_of = not_yet  # type: ignore[method-assign]
    assert (await nodes.ask("ash", "birch", "get", k="a")).headers == {}
    assert len(asked) >= 3


@pytest.mark.parametrize(
    ("operation", "args", "error"),
    [
        ("get", {"k": ""}, ConfigError),
        ("get", {"k": 5}, RemoteProtocolError),
        ("get", {"k": "a", "b": ""}, ConfigError),
        ("set", {"k": "a", "e": -1}, ConfigError),
        ("set", {"k": "a", "e": True}, ConfigError),
        ("poll", {"p": "", "since": [1, 2]}, RemoteProtocolError),
        ("poll", {"p": "", "since": ["", 0, 0], "wait": -1}, RemoteProtocolError),
        ("list", {"p": 1}, RemoteProtocolError),
        ("burn", {}, RemoteProtocolError),
    ],
)
async def test_an_odd_question_is_refused_here_and_there(
    nodes: Nodes, operation: str, args: dict[str, Any], error: type[CantorError]
) -> None:
    for at in ("", "birch"):
        with pytest.raises(error):
            await nodes.ask("ash", at, operation, b"1", **args)


async def test_no_message_of_another_node_does_harm(nodes: Nodes) -> None:
    ash = nodes.nodes["ash"]
    for headers in ({}, {"o": 1}, {"o": "get", "a": []}, {"o": "get", "a": {}},
                    {"o": "get", "a": {}, "n": [1]}, {"o": "get", "a": {}, "n": ["1", 2]},
                    {"k": "moon", "o": "get", "a": {}, "n": [1, 2]}):  # fmt: skip
        reply = await ash.request(BIRCH, TOPIC, headers)  # type: ignore[arg-type]
        assert reply.headers["kind"] == "RemoteProtocolError"


async def test_who_waits_hears_that_the_node_ends(nodes: Nodes) -> None:
    asking = asyncio.create_task(nodes.ask("birch", "", "poll", p="", since=["", 0, 0], wait=30))
    await asyncio.sleep(0)
    await nodes.states["birch"].close()
    with pytest.raises(CantorError, match="ends"):
        await asking


async def test_who_begins_with_what_is_there_hears_of_nothing_that_is_gone(nodes: Nodes) -> None:
    for key in ("a", "b", "c"):
        await nodes.ask("birch", "", "set", b"1", k=key)
    for key in ("a", "c"):
        await nodes.ask("birch", "", "delete", k=key)
    told = await nodes.ask("ash", "birch", "poll", p="", since=["", 0, 0], wait=5)
    assert [row[0] for row in told.headers["rows"]] == ["b"]  # type: ignore[union-attr,index]
    asking = asyncio.create_task(
        nodes.ask("ash", "birch", "poll", p="", since=told.headers["since"], wait=30)
    )
    await asyncio.sleep(0)
    await nodes.ask("birch", "", "delete", k="b")
    rows = (await asking).headers["rows"]
    assert [(row[0], row[3]) for row in rows] == [("b", True)]  # type: ignore[union-attr,index]
