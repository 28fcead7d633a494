"""Keys that several nodes of a mesh in memory keep, with their logs on a real disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import CantorError, ConflictError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.state.replicas import hosting as hosting_module
from cantor.node.state.service import REPLICAS, TOPIC, State
from cantor.node.state.wording import Answer, pack_question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.node.fake import FakeNode

NAMES = {"ash": "a", "birch": "b", "oak": "c", "pine": "d"}
IDS = {name: NodeId(sign * 32) for name, sign in NAMES.items()}
WAIT_S = 30.0


class Nodes:
    """Four nodes."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.nodes: dict[str, FakeNode] = {}
        self.states: dict[str, State] = {}
        for name, node_id in IDS.items():
            (folder / name).mkdir()
            self.nodes[name] = self.mesh.add(node_id, folder / name, name=name)
            self.states[name] = State(self.nodes[name])

    async def ask(
        self,
        on: str,
        operation: str,
        *value: bytes,
        at: str = "ash",
        **args: Any,  # noqa: ANN401 (as the node takes them)
    ) -> Any:  # noqa: ANN401
        """Of the store ``s``; the headers of the answer, and its value."""
        body = pack_question(operation, at, {"b": "s", **args}, 30.0)
        told = self.states[on].ask("kv", body, value)
        answer = told if isinstance(told, Answer) else await told
        return answer.headers, b"".join(answer.parts)

    def members(self) -> set[str]:
        """Who says that they are."""
        told: list[Any] = [fact.value for fact in self.nodes["ash"].facts(f"{REPLICAS}/")]
        return {name for name in NAMES for value in told if IDS[name] in value["members"]}

    async def again(self, name: str) -> None:
        """The agent of a node ends and begins again."""
        await self.states[name].close()
        self.mesh.kill(IDS[name])
        self.states[name] = State(self.nodes[name])
        await self.states[name].start()
        self.mesh.revive(IDS[name])


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    made = Nodes(tmp_path)
    for state in made.states.values():
        await state.start()
    yield made
    for state in made.states.values():
        await state.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


async def until_set(nodes: Nodes, on: str, value: bytes) -> None:
    """Set the key ``a`` as soon as that can be."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await nodes.ask(on, "set", value, k="a", at=IDS["ash"])
            except CantorError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_every_node_asks_and_all_hear_the_same(nodes: Nodes) -> None:
    await nodes.ask("birch", "replicate", copies=3)
    told, _ = await nodes.ask("oak", "set", b"1", k="a", e=0)
    for name in NAMES:
        headers, value = await nodes.ask(name, "get", k="a")
        assert (headers["r"], value) == (told["r"], b"1")
    with pytest.raises(ConflictError):
        await nodes.ask("pine", "set", b"2", k="a", e=0)
    rows, _ = await nodes.ask("pine", "list", p="", values=True)
    assert [row[0] for row in rows["rows"]] == ["a"]
    assert (await nodes.ask("ash", "delete", k="a"))[0]["was"] is True
    assert len(nodes.members()) == 3


async def test_who_watches_hears_of_changes_at_other_nodes(nodes: Nodes) -> None:
    await nodes.ask("ash", "replicate", copies=2)
    since = (await nodes.ask("pine", "poll", p="", since=None))[0]["since"]
    watching = asyncio.create_task(nodes.ask("pine", "poll", p="", since=since, wait=30))
    await asyncio.sleep(0)
    await nodes.ask("birch", "set", b"1", k="a")
    headers, _ = await watching
    assert [row[0] for row in headers["rows"]] == ["a"]


async def test_what_was_made_alone_or_with_others_stays_so(nodes: Nodes) -> None:
    await nodes.ask("ash", "set", b"1", k="a")
    with pytest.raises(ConflictError, match="without copies"):
        await nodes.ask("ash", "replicate", copies=2)
    await nodes.ask("ash", "replicate", copies=2, at="birch")
    with pytest.raises(ConflictError, match="2 copies"):
        await nodes.ask("oak", "replicate", copies=3, at="birch")
    for copies in (0, 1, 99):
        with pytest.raises(ConflictError, match="cannot be"):
            await nodes.ask("oak", "replicate", copies=copies, at="oak")
    with pytest.raises(UnavailableError, match="4 of 5 nodes"):
        await nodes.ask("oak", "replicate", copies=5, at="oak")


async def test_they_go_on_where_they_were_after_a_restart(nodes: Nodes) -> None:
    await nodes.ask("ash", "replicate", copies=3)
    await nodes.ask("ash", "set", b"1", k="a")
    members = nodes.members()
    for name in members:
        await nodes.again(name)
    assert (await nodes.ask("ash", "get", k="a"))[1] == b"1"
    await nodes.ask("ash", "set", b"2", k="a")
    assert (await nodes.ask("ash", "get", k="a"))[1] == b"2"


async def test_a_damaged_copy_is_made_anew(nodes: Nodes, tmp_path: Path) -> None:
    await nodes.ask("ash", "replicate", copies=3)
    for number in range(20):
        await nodes.ask("ash", "set", b"right value", k=f"k{number}")
    (name,) = sorted(nodes.members() - {"ash"})[:1]
    await nodes.states[name].close()
    (path,) = (tmp_path / name / REPLICAS).glob("*.sqlite3")
    data = bytearray(path.read_bytes())
    data[data.index(b"right value")] ^= 1
    path.write_bytes(data)
    nodes.states[name] = State(nodes.nodes[name])
    await nodes.states[name].start()
    replicas = nodes.states[name]._replicas
    assert replicas is not None
    (hosted,) = replicas.hosting._groups.values()
    assert hosted.group._core._ground.log.last == 0, "it began anew"
    await until(lambda: len(hosted.copies.machine.after("s", "", "", 100)) == 20)
    entry = hosted.copies.machine.get("s", "k0")
    assert entry is not None


async def test_one_that_is_declared_dead_is_replaced_and_what_it_began_stays(nodes: Nodes) -> None:
    await nodes.ask("ash", "replicate", copies=2)
    await nodes.ask("birch", "set", b"1", k="a")
    nodes.mesh.kill(IDS["ash"])
    await until(lambda: IDS["ash"] not in nodes.nodes["birch"].alive())
    with pytest.raises(UnavailableError, match=r"not changed|not known"):
        await nodes.ask("birch", "set", b"2", k="a", at=IDS["ash"])
    assert (await nodes.ask("birch", "get", k="a", at=IDS["ash"]))[1] == b"1"
    nodes.mesh.banned.add(IDS["ash"])
    nodes.mesh.tell()
    await until_set(nodes, "birch", b"3")
    assert (await nodes.ask("pine", "get", k="a", at=IDS["ash"]))[1] == b"3"


async def test_no_message_about_groups_does_harm(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting_module, "GROUPS_MAX", 1)
    ash = nodes.nodes["ash"]
    about: Any = ["kv", IDS["ash"], "s", 2]
    odd: list[dict[str, Any]] = [
        {}, {"g": 1}, {"g": about}, {"g": ["kv", "nobody", "s", 2]},
    ]  # fmt: skip
    for headers in odd:
        ash.send(IDS["birch"], REPLICAS, headers, (b"\xc1",))
    ash.send(IDS["birch"], REPLICAS, {"g": about})
    sessions: list[dict[str, Any]] = [{}, {"c": 1}, {"c": [1, 2]}, {"c": [1, 2, -1]}]
    for more in sessions:
        reply = await ash.request(IDS["birch"], TOPIC, {"g": "x", "o": "get", "a": {}, **more})
        assert reply.headers["kind"] == RemoteProtocolError.__name__
    reply = await ash.request(IDS["birch"], TOPIC, {"g": "x", "o": "get", "a": {}, "c": [0, 0, 0]})
    assert reply.headers["why"] == "elsewhere"
    nodes.nodes["oak"].tenant = "others"
    nodes.nodes["oak"].send(IDS["birch"], REPLICAS, {"g": about}, (b"",))
    await asyncio.sleep(0)
    replicas = nodes.states["birch"]._replicas
    assert replicas is not None
    assert not replicas.hosting._groups


async def test_a_place_that_nobody_could_take_is_taken_by_who_comes_later(nodes: Nodes) -> None:
    for name in ("oak", "pine"):
        nodes.mesh.kill(IDS[name])
    await nodes.ask("ash", "replicate", copies=2)
    nodes.mesh.kill(IDS["birch"])
    nodes.mesh.banned.add(IDS["birch"])
    nodes.mesh.tell()
    await until_set(nodes, "ash", b"1")
    nodes.mesh.revive(IDS["oak"])
    await until(lambda: "oak" in nodes.members())
    await until_set(nodes, "ash", b"2")  # it is on both now
    nodes.mesh.kill(IDS["ash"])
    assert (await nodes.ask("oak", "get", k="a", at=IDS["ash"]))[1] == b"2"


async def test_many_changes_at_once_keep_to_what_a_session_may_have_open(nodes: Nodes) -> None:
    await nodes.ask("ash", "replicate", copies=2)
    await asyncio.gather(*(nodes.ask("pine", "set", b"1", k=f"k{n}") for n in range(300)))
    rows, _ = await nodes.ask("birch", "list", p="")
    assert len(rows["rows"]) == 300
    replicas = nodes.states["pine"]._replicas
    assert replicas is not None
    assert [session._last for session in replicas.asking._sessions.values()] == [300]


async def test_a_member_that_is_told_what_cannot_be_stops_and_the_others_go_on(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nodes.ask("ash", "replicate", copies=3)
    await nodes.ask("ash", "set", b"1", k="first")  # now all know that they are three
    (name,) = sorted(nodes.members() - {"ash"})[:1]
    replicas = nodes.states[name]._replicas
    assert replicas is not None
    (hosted,) = replicas.hosting._groups.values()
    told: list[object] = []

    def handle(event: object, now: float) -> None:
        told.append((event, now))
        raise RemoteProtocolError("what cannot be")

    monkeypatch.setattr(hosted.group._core, "handle", handle)
    for number in range(5):
        await nodes.ask("ash", "set", b"1", k=f"k{number}")
    assert len(told) == 1, "it has heard no more after that"
    assert (await nodes.ask(name, "get", k="k4"))[1] == b"1"
