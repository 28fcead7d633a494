"""Variables on nodes in memory: shared within a tenant, kept, watched, and refused where needed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError, MissedError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.ledger.variables.entry import make_entry, pack_rows
from cantor.ledger.variables.replica import Limits
from cantor.node.fake import FakeMesh
from cantor.node.state.wording import Answer, Question
from cantor.node.variables.kind import VariableKind
from cantor.node.variables.service import TOPIC, Variables
from cantor.stores.errors import StoreError
from cantor.stores.packed import pack_parts, unpack_parts
from cantor.stores.variable_store import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH, BIRCH, OAK, YEW = (NodeId(letter * 32) for letter in "abcd")
BEGIN = [0, 0, 0]


async def until(holds: Callable[[], bool]) -> None:
    """Return when it holds; the test fails if it never does."""
    async with asyncio.timeout(30.0):
        while not holds():  # noqa: ASYNC110 (what holds is not an event)
            await asyncio.sleep(0.005)


def rows(answer: Answer) -> list[Any]:
    """The rows of a page."""
    found = answer.headers["rows"]
    assert isinstance(found, list)
    return found


class Nodes:
    """A row of nodes; ``oak`` between the others is of another tenant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mesh = FakeMesh()
        self.nodes: dict[str, FakeNode] = {}
        self.running: dict[str, Variables] = {}

    async def start(self, name: str, limits: Limits | None = None) -> Variables:
        if name not in self.nodes:
            node_id = {"ash": ASH, "birch": BIRCH, "oak": OAK, "yew": YEW}[name]
            (self.folder / name).mkdir()
            self.nodes[name] = self.mesh.add(node_id, self.folder / name, name=name)
            if name == "oak":
                self.nodes[name].tenant = "others"
        node = self.nodes[name]
        found = self.running[name] = Variables(node, limits)
        node.services["variables"] = found
        await found.start()
        return found

    async def ask(self, name: str, operation: str, *parts: bytes, **args: Any) -> Answer:  # noqa: ANN401
        node = self.nodes[name]
        question = Question(operation, args, parts, node.node_id)
        told = VariableKind(node).answer(question)
        return told if isinstance(told, Answer) else await told

    def value(self, name: str, variable: str) -> bytes | None:
        entry = self.running[name].spreading.replica.get(variable)
        return None if entry is None or entry.value is None else unpack_parts(entry.value)[0]

    async def reaches(self, name: str, variable: str, value: bytes | None) -> None:
        await until(lambda: self.value(name, variable) == value)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    nodes = Nodes(tmp_path)
    yield nodes
    for variables in nodes.running.values():
        with contextlib.suppress(StoreError):
            await variables.close()


async def test_what_is_set_on_one_node_is_on_all_of_its_tenant_and_no_other(nodes: Nodes) -> None:
    for name in ("ash", "birch", "oak", "yew"):
        await nodes.start(name)
    await nodes.ask("oak", "set", b"theirs", k="b")

    await nodes.ask("ash", "set", b"1", k="a")
    await nodes.reaches("birch", "a", b"1")
    await nodes.reaches("yew", "a", b"1")
    await nodes.ask("yew", "delete", k="a")
    await nodes.reaches("ash", "a", None)

    assert nodes.value("oak", "a") is None
    assert nodes.value("ash", "b") is None
    assert nodes.running["oak"].spreading.replica.names() == ["b"]


async def test_what_a_node_of_another_tenant_says_is_not_taken(nodes: Nodes) -> None:
    ash = await nodes.start("ash")
    await nodes.start("oak")
    entry = make_entry("a", 1 << 40, OAK, b"forged")
    headers: dict[str, Any] = {"s": "put", "w": int(1000 * nodes.nodes["oak"].wall()), "h": 0}

    nodes.nodes["oak"].send(ASH, TOPIC, headers, (pack_rows([entry.row()]),))
    await until(lambda: ash.spreading.counters["foreign"] > 0)

    assert ash.spreading.replica.entries == {}


async def test_the_clock_of_a_node_whose_tenant_is_not_known_counts(nodes: Nodes) -> None:
    """Its facts may be refused because this node's own clock is behind."""
    ash = await nodes.start("ash")
    await nodes.start("oak")
    nodes.nodes["oak"].tenant = ""

    nodes.nodes["oak"].send(ASH, TOPIC, {"s": "time", "w": 1 << 50, "h": 0})
    await until(lambda: ash.spreading.counters["foreign"] > 0)

    with pytest.raises(UnavailableError, match="clock"):
        await nodes.ask("ash", "set", b"1", k="a")


async def test_what_could_not_be_sent_comes_with_the_next_comparison(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nodes.start("ash")
    await nodes.start("birch")
    await nodes.ask("ash", "set", b"0", k="a")
    await nodes.reaches("birch", "a", b"0")
    refused = []

    def refuse(*args: object, **_: object) -> bool:
        refused.append(args)
        monkeypatch.undo()
        return False

    monkeypatch.setattr(nodes.nodes["ash"], "send", refuse)

    await nodes.ask("ash", "set", b"1", k="a")

    await nodes.reaches("birch", "a", b"1")
    assert len(refused) == 1


async def test_what_is_malformed_is_counted(nodes: Nodes) -> None:
    ash = await nodes.start("ash")
    await nodes.start("birch")

    nodes.nodes["birch"].send(ASH, TOPIC, {"s": 1})
    await until(lambda: ash.spreading.counters["malformed"] == 1)


async def test_nodes_of_older_versions_are_not_waited_for(nodes: Nodes) -> None:
    await nodes.start("ash")
    (nodes.folder / "old").mkdir()
    nodes.mesh.add(NodeId("aa" + "b" * 30), nodes.folder / "old", name="old")
    await nodes.start("birch")

    await nodes.ask("ash", "set", b"1", k="a")

    await nodes.reaches("birch", "a", b"1")
    assert nodes.running["ash"].spreading.neighbours == {BIRCH}


async def test_a_restart_keeps_what_was_set_here_and_elsewhere(nodes: Nodes) -> None:
    for name in ("ash", "birch"):
        await nodes.start(name)
    await nodes.ask("ash", "set", b"1", b"buffer", k="a")
    await nodes.ask("ash", "set", b"2", k="b")
    await nodes.ask("ash", "delete", k="b")
    await nodes.reaches("birch", "a", b"1")
    await until(lambda: "b" in nodes.running["birch"].spreading.replica.entries)
    for name in ("ash", "birch"):
        await nodes.running[name].close()

    for name in ("ash", "birch"):
        await nodes.start(name)
        answer = await nodes.ask(name, "get", k="a")
        assert tuple(map(bytes, answer.parts)) == (b"1", b"buffer")
        assert nodes.value(name, "b") is None
        assert "b" in nodes.running[name].spreading.replica.entries


async def test_large_values_and_many_of_them_reach_others(nodes: Nodes) -> None:
    await nodes.start("ash")
    for number in range(30):
        await nodes.ask("ash", "set", bytes(60_000), k=f"v{number}")

    birch = await nodes.start("birch")

    await until(lambda: birch.spreading.replica.live == 30)
    await nodes.ask("ash", "set", b"x" * 60_000, k="v0")
    await nodes.reaches("birch", "v0", b"x" * 60_000)


async def test_a_damaged_file_is_told_to_who_asks(nodes: Nodes) -> None:
    (nodes.folder / "ash").mkdir()
    (nodes.folder / "ash" / FILE_NAME).write_bytes(b"damaged" * 1000)
    nodes.nodes["ash"] = nodes.mesh.add(ASH, nodes.folder / "ash", name="ash")
    await nodes.start("ash")

    for operation in ("get", "delete"):
        with pytest.raises(StoreError):
            await nodes.ask("ash", operation, k="a")


async def test_wrong_names_and_values_that_are_too_large_are_refused(nodes: Nodes) -> None:
    await nodes.start("ash")

    for operation in ("get", "set", "delete"):
        with pytest.raises(ConfigError, match="called"):
            await nodes.ask("ash", operation, b"", k="/no")
    with pytest.raises(ConfigError, match=r"64\.0 KiB"):
        await nodes.ask("ash", "set", bytes(70_000), k="a")
    with pytest.raises(RemoteProtocolError):
        await nodes.ask("ash", "dance")
    assert (await nodes.ask("ash", "get", k="a")) == Answer()
    assert (await nodes.ask("ash", "delete", k="a")).headers == {"was": False}


async def test_a_full_tenant_is_told_to_who_sets(nodes: Nodes) -> None:
    await nodes.start("ash", Limits(variables_max=1))
    await nodes.ask("ash", "set", b"", k="a")

    with pytest.raises(UnavailableError, match="1 variables"):
        await nodes.ask("ash", "set", b"", k="b")


async def test_who_watches_hears_of_changes_on_other_nodes(nodes: Nodes) -> None:
    for name in ("ash", "birch"):
        await nodes.start(name)
    since = (await nodes.ask("birch", "poll", p="line/", since=None)).headers["since"]
    waiting = asyncio.ensure_future(nodes.ask("birch", "poll", p="line/", since=since, wait=30.0))
    await nodes.ask("ash", "set", b"0", k="other")
    await nodes.ask("ash", "set", b"1", k="line/1")

    answer = await waiting

    ((name, at, by, is_deleted, missed),) = rows(answer)
    assert (name, by, is_deleted, missed) == ("line/1", ASH, False, 0)
    assert abs(at - nodes.nodes["ash"].wall()) < 60
    assert unpack_parts(answer.parts[0]) == (b"1",)


async def test_who_looks_seldom_is_told_how_much_was_missed(nodes: Nodes) -> None:
    await nodes.start("ash")
    since = (await nodes.ask("ash", "poll", p="", since=None)).headers["since"]
    for value in (b"1", b"2", b"3"):
        await nodes.ask("ash", "set", value, k="a")
    await nodes.ask("ash", "delete", k="a")

    answer = await nodes.ask("ash", "poll", p="", since=since, wait=1.0)

    assert [[row[0], *row[3:]] for row in rows(answer)] == [["a", True, 3]]
    assert answer.parts == ()


async def test_what_is_there_comes_first_if_wanted_and_nothing_that_was_deleted(
    nodes: Nodes,
) -> None:
    await nodes.start("ash")
    for name in ("a", "b"):
        await nodes.ask("ash", "set", name.encode(), k=name)
    await nodes.ask("ash", "delete", k="b")
    first = await nodes.ask("ash", "poll", p="", since=BEGIN, wait=1.0)
    await nodes.ask("ash", "delete", k="a")

    second = await nodes.ask("ash", "poll", p="", since=first.headers["since"], wait=1.0)

    assert [row[0] for row in rows(first)] == ["a"]
    assert [(r[0], r[3]) for r in rows(second)] == [("a", True)]


async def test_a_watch_ends_empty_after_its_time_and_with_the_node(nodes: Nodes) -> None:
    await nodes.start("ash")
    answer = await nodes.ask("ash", "poll", p="", since=BEGIN, wait=0.01)
    assert answer.headers["rows"] == []
    waiting = asyncio.ensure_future(
        nodes.ask("ash", "poll", p="", since=answer.headers["since"], wait=30.0)
    )
    await asyncio.sleep(0)

    await nodes.running.pop("ash").close()

    with pytest.raises(UnavailableError, match="ends"):
        await waiting


async def test_a_place_of_a_former_run_was_missed(nodes: Nodes) -> None:
    await nodes.start("ash")

    with pytest.raises(MissedError, match="anew"):
        await nodes.ask("ash", "poll", p="", since=[99, 1, 0])
    with pytest.raises(RemoteProtocolError):
        await nodes.ask("ash", "poll", p="", since=["x"])


async def test_pages_are_bounded(nodes: Nodes) -> None:
    await nodes.start("ash", Limits())
    replica = nodes.running["ash"].spreading.replica
    for number in range(1200):
        replica.set(f"v{number:04}", pack_parts([b"x"]), 1e9)
    nodes.running["ash"].recent.begin(replica.entries)

    first = await nodes.ask("ash", "list")
    second = await nodes.ask("ash", "list", after="v0999")
    polled = await nodes.ask("ash", "poll", p="", since=BEGIN, wait=1.0)

    assert [len(rows(one)) for one in (first, second, polled)] == [1000, 200, 1000]
    assert (first.headers["more"], second.headers["more"]) == (True, False)


async def test_the_status_counts(nodes: Nodes) -> None:
    for name in ("ash", "birch"):
        await nodes.start(name)
    await nodes.ask("ash", "set", b"1", k="a")
    await nodes.ask("ash", "set", b"1", k="b")
    await nodes.ask("ash", "delete", k="b")

    told = (await nodes.ask("ash", "status")).headers

    assert (told["variables"], told["deleted"], told["clocks"]) == (1, 1, {})
