"""Objects of three nodes in memory: who has them, who gives them, and who may."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.cantor.stores.test_contents import BadDisk

from cantor.base.errors import (
    CantorError,
    NotFoundError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.state.objects import fetching, owned, shelf
from cantor.node.state.objects.askers import BUSY
from cantor.node.state.objects.kind import Objects
from cantor.node.state.service import State
from cantor.node.state.wording import Answer, Question, pack_question
from cantor.stores.contents import CHUNK_BYTES
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.node.fake import FakeNode

ASH, BIRCH, OAK = NodeId("a" * 32), NodeId("b" * 32), NodeId("c" * 32)
NAMES = {"ash": ASH, "birch": BIRCH, "oak": OAK}


class Jumps:
    """A clock that jumps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_800_000_000.0 + self.now


class Nodes:
    """Three nodes with objects."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.clock = Jumps()
        self.nodes: dict[str, FakeNode] = {}
        self.states: dict[str, State] = {}
        self.disks = {name: BadDisk() for name in NAMES}
        for name, node_id in NAMES.items():
            (folder / name).mkdir()
            node = self.mesh.add(node_id, folder / name, name=name, clock=self.clock)
            self.nodes[name] = node
            state = self.states[name] = State(node)
            node.services["state"] = state
            self.replace(name)

    def replace(self, name: str, **options: int) -> None:
        kinds = cast("dict[str, Any]", self.states[name]._kinds)
        kinds["object"] = Objects(self.nodes[name], disk=self.disks[name], **options)

    def objects(self, name: str) -> Objects:
        return cast("Objects", self.states[name]._kinds["object"])

    async def do(self, on: str, operation: str, *parts: bytes, **args: Any) -> Answer:  # noqa: ANN401
        """As a program of that node."""
        told = self.objects(on).answer(Question(operation, args, parts, NAMES[on]))
        return told if isinstance(told, Answer) else await told

    async def ask(self, on: str, at: str, operation: str, **args: Any) -> Answer:  # noqa: ANN401
        """As a program of that node, of the owner."""
        told = self.states[on].ask("object", pack_question(operation, at, args, 10.0), ())
        return told if isinstance(told, Answer) else await told

    async def put(self, on: str, at: str, data: bytes, **args: Any) -> Answer:  # noqa: ANN401
        draft = (await self.do(on, "draft", z=len(data))).headers["d"]
        for begin in range(0, len(data), CHUNK_BYTES):
            await self.do(on, "write", data[begin : begin + CHUNK_BYTES], d=draft, at=begin)
        args = {"k": secrets.token_hex(16), "n": "", "v": None, "l": b"", **args}
        return await self.long(on, "commit", d=draft, o=at, **args)

    async def long(self, on: str, operation: str, **args: Any) -> Answer:  # noqa: ANN401
        args = {"t": secrets.token_hex(16), "wait": 0.05, **args}
        while BUSY in (answer := await self.do(on, operation, **args)).headers:
            pass
        return answer

    async def get(self, on: str, at: str, key: str, **args: Any) -> bytes:  # noqa: ANN401
        answer = await self.long(on, "open", o=at, k=key, **args)
        lease, size = answer.headers["h"], answer.headers["row"][3]  # type: ignore[index]
        data = b""
        while len(data) < size:  # type: ignore[operator]
            piece = await self.do(on, "read_file", h=lease, at=len(data), count=CHUNK_BYTES)
            data += bytes(piece.parts[0])
        await self.do(on, "close", h=lease)
        return data


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    made = Nodes(tmp_path)
    for state in made.states.values():
        await state.start()
    yield made
    for state in made.states.values():
        await state.close()


async def test_bytes_go_where_they_are_kept_and_come_back(nodes: Nodes) -> None:
    data = os.urandom(2 * CHUNK_BYTES + 3)
    told = (await nodes.put("ash", "birch", data, n="one")).headers
    assert told["o"] == BIRCH
    for name in ("ash", "birch", "oak"):
        assert await nodes.get(name, "birch", str(told["k"])) == data
    seen = (await nodes.ask("oak", "birch", "see", n="one")).headers
    assert seen["h"] == [ASH], "beside the one that asks"
    assert nodes.objects("birch").chunks_given < 6, "the others gave some"
    assert await nodes.get("oak", "birch", str(told["k"])) == data


async def test_a_node_knows_the_names_of_its_objects(nodes: Nodes, tmp_path: Path) -> None:
    assert not (tmp_path / "birch" / "objects").exists(), "nobody has asked yet"
    with pytest.raises(NotFoundError):
        await nodes.ask("oak", "birch", "see", n="one")
    told = (await nodes.put("ash", "birch", b"x", n="one")).headers
    seen = (await nodes.ask("oak", "birch", "see", n="one")).headers["row"]
    assert seen[0] == told["k"]  # type: ignore[index]
    with pytest.raises(NotFoundError):
        await nodes.ask("oak", "birch", "see", n="two")


async def test_a_liar_is_left_for_another_and_an_owner_that_lies_is_told(
    nodes: Nodes, tmp_path: Path
) -> None:
    data = os.urandom(2 * CHUNK_BYTES)
    key = str((await nodes.put("ash", "birch", data)).headers["k"])

    def flip(name: str) -> None:
        (path,) = (tmp_path / name / "objects" / "contents").iterdir()
        path.chmod(0o600)
        path.write_bytes(bytes(CHUNK_BYTES) + data[CHUNK_BYTES:])

    flip("ash")  # has a copy
    assert await nodes.get("oak", "birch", key) == data
    (path,) = (tmp_path / "oak" / "objects" / "contents").iterdir()
    path.unlink()
    flip("birch")
    with pytest.raises(StoreError, match="damaged on the disk of its owner"):
        await nodes.get("oak", "birch", key)
    with pytest.raises(StoreError, match="no node has a copy"):
        await nodes.get("birch", "", key)


async def test_an_owner_mends_its_file_from_a_copy(nodes: Nodes, tmp_path: Path) -> None:
    data = os.urandom(CHUNK_BYTES)
    key = str((await nodes.put("ash", "birch", data)).headers["k"])
    (path,) = (tmp_path / "birch" / "objects" / "contents").iterdir()
    path.unlink()
    assert await nodes.get("birch", "", key) == data
    assert path.read_bytes() == data


async def test_a_flip_is_found_even_if_the_file_looks_as_before(
    nodes: Nodes, tmp_path: Path
) -> None:
    key = str((await nodes.put("ash", "ash", b"a" * 100)).headers["k"])
    (path,) = (tmp_path / "ash" / "objects" / "contents").iterdir()
    looks = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"b")
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    await nodes.get("ash", "", key)  # it is believed for a while
    nodes.clock.now += shelf.CHECK_AGAIN_S
    with pytest.raises(StoreError, match="not what was written"):
        await nodes.get("ash", "", key)


@pytest.mark.parametrize("at", ["ash", "birch"])
async def test_a_disk_that_refuses_is_told_to_who_puts(nodes: Nodes, at: str) -> None:
    nodes.disks[at].fails_at = "sync"
    with pytest.raises(StoreError, match="Input/output"):
        await nodes.put("ash", at, b"x" * 100)
    assert nodes.disks[at].failed == 1
    nodes.disks[at].fails_at = ""
    assert (await nodes.put("ash", at, b"x" * 100)).headers["v"] == 1


async def test_a_full_node_says_so_before_it_fetches(nodes: Nodes) -> None:
    nodes.replace("birch", bytes_max=1000)
    await nodes.put("ash", "birch", b"x" * 900)
    with pytest.raises(StoreError, match="limit 1000"):
        await nodes.put("ash", "birch", b"y" * 200)
    assert nodes.objects("ash").chunks_given == 1, "the second was not fetched"
    nodes.disks["birch"].room = 0
    with pytest.raises(StoreError, match="do not fit on the disk"):
        await nodes.put("ash", "birch", b"z" * 50)


async def test_copies_make_room_for_each_other(nodes: Nodes, tmp_path: Path) -> None:
    nodes.replace("ash", copies_bytes_max=1500)
    datas = [os.urandom(500) for _ in range(5)]
    keys = [str((await nodes.put("oak", "birch", data)).headers["k"]) for data in datas]
    for key, data in zip(keys, datas, strict=True):
        assert await nodes.get("ash", "birch", key) == data
    left = {path.read_bytes() for path in (tmp_path / "ash" / "objects" / "contents").iterdir()}
    assert left == set(datas[2:]), "those that were used last"
    own = str((await nodes.put("ash", "ash", b"o" * 2000)).headers["k"])
    assert await nodes.get("ash", "birch", keys[0]) == datas[0]
    assert await nodes.get("ash", "", own) == b"o" * 2000, "what it owns stays"


async def test_an_owner_that_is_away(nodes: Nodes) -> None:
    key = str((await nodes.put("oak", "birch", b"x" * 10)).headers["k"])
    assert await nodes.get("ash", "birch", key) == b"x" * 10
    nodes.mesh.kill(BIRCH)
    with pytest.raises(UnavailableError):
        await nodes.get("ash", "birch", key)
    assert await nodes.get("ash", "birch", key, stale=True) == b"x" * 10
    with pytest.raises(UnavailableError):
        await nodes.put("ash", "birch", b"y")
    nodes.mesh.revive(BIRCH)
    await nodes.ask("oak", "birch", "delete", k=key)
    with pytest.raises(NotFoundError):
        await nodes.get("ash", "birch", key, stale=True)


async def test_an_owner_that_is_lost_while_it_gives(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str((await nodes.put("birch", "birch", os.urandom(3 * CHUNK_BYTES))).headers["k"])
    gave = fetching.Fetching._read
    given: list[int] = []
    has_given = asyncio.Event()
    loop = asyncio.get_running_loop()

    def gives_one(self: Any, content: str, chunk: int, coming: Any) -> bytes:  # noqa: ANN401
        given.append(chunk)
        if len(given) > 1:
            nodes.mesh.dead.add(BIRCH)  # what it gives from now on is lost
            loop.call_soon_threadsafe(has_given.set)
        return gave(self, content, chunk, coming)

    monkeypatch.setattr(fetching.Fetching, "_read", gives_one)
    reading = asyncio.create_task(nodes.get("ash", "birch", key))
    await has_given.wait()
    nodes.mesh.kill(BIRCH)
    with pytest.raises(UnavailableError):
        await reading


async def test_what_is_deleted_under_a_task_goes_with_its_hold(nodes: Nodes) -> None:
    key = str((await nodes.put("birch", "birch", b"x" * 10, n="one")).headers["k"])
    token = "f" * 32
    assert (await nodes.ask("ash", "birch", "hold", k=key, t=token, s=60)).headers["held"] == 1
    assert (await nodes.ask("oak", "birch", "delete", k=key, v=None)).headers == {
        "was": True, "held": 1,
    }  # fmt: skip
    assert await nodes.get("ash", "birch", key) == b"x" * 10
    with pytest.raises(NotFoundError):
        await nodes.ask("ash", "birch", "see", n="one")
    await nodes.ask("ash", "birch", "hold", k=key, t=token, s=0)
    for _ in range(100):
        await asyncio.sleep(0.01)
        try:
            await nodes.ask("ash", "birch", "see", k=key)
        except NotFoundError:
            return
    pytest.fail("it is still there")


async def test_what_has_a_time_goes(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(owned, "SWEEP_S", 0.01)
    monkeypatch.setattr(shelf, "LINGER_S", 0.01)
    key = str((await nodes.put("ash", "ash", b"x" * 10, u=5.0)).headers["k"])
    nodes.clock.now += 4
    assert await nodes.get("ash", "", key) == b"x" * 10
    nodes.clock.now += 2
    with pytest.raises(NotFoundError):
        await nodes.get("ash", "", key)
    contents = tmp_path / "ash" / "objects" / "contents"
    for _ in range(500):
        await asyncio.sleep(0.01)
        nodes.clock.now += 1
        if not any(contents.iterdir()):
            return
    pytest.fail("its bytes are still there")


async def test_nodes_of_other_tenants_get_nothing(nodes: Nodes) -> None:
    key = str((await nodes.put("birch", "birch", b"x" * 10)).headers["k"])
    (name,) = nodes.objects("birch")._opened()[0].store.contents()
    nodes.nodes["oak"].tenant = "others"
    with pytest.raises(CantorError, match="another tenant"):
        await nodes.get("oak", "birch", key)
    with pytest.raises(CantorError, match="another tenant"):
        await nodes.nodes["oak"].request(BIRCH, fetching.TOPIC, {"c": name, "n": 0})
    given = await nodes.nodes["ash"].request(BIRCH, fetching.TOPIC, {"c": name, "n": 0})
    assert bytes(given.body[0]) == b"x" * 10


@pytest.mark.parametrize(
    ("operation", "args"),
    [
        ("see", {}), ("see", {"k": "../" * 11}), ("see", {"k": 3}), ("hold", {"k": "a" * 32}),
        ("hold", {"k": "a" * 32, "t": "a" * 32, "s": 1e9}), ("adopt", {"t": "a" * 32}),
        ("adopt", {"t": "a" * 32, "k": "a" * 32, "z": 5}), ("list", {"after": [1, 2]}),
        ("draft", {}), ("open", {"t": "x"}), ("nothing", {}), ("delete", {"k": "a" * 32, "v": -1}),
        ("adopt", {"t": "a" * 32, "k": "a" * 32, "z": 0, "l": "text"}),
    ],
)  # fmt: skip
async def test_odd_questions_of_nodes_are_refused(
    nodes: Nodes, operation: str, args: dict[str, Any]
) -> None:
    async def ask() -> None:
        told = nodes.objects("birch").answer(Question(operation, args, (), ASH))
        if not isinstance(told, Answer):
            await told

    with pytest.raises(CantorError):
        await ask()


async def test_odd_questions_about_chunks_are_refused(nodes: Nodes) -> None:
    await nodes.put("birch", "birch", b"x")
    for headers in ({}, {"c": "a" * 64}, {"c": "../" * 21 + "a", "n": 0}, {"c": "a" * 64, "n": -1}):
        with pytest.raises(RemoteProtocolError, match="no chunk"):
            await nodes.nodes["ash"].request(BIRCH, fetching.TOPIC, cast("Any", headers))
    answer = await nodes.nodes["ash"].request(BIRCH, fetching.TOPIC, {"c": "a" * 64, "n": 0})
    assert answer.headers == {fetching.ABSENT: True}


async def test_files_that_nobody_touches_are_given_up(nodes: Nodes, tmp_path: Path) -> None:
    draft = (await nodes.do("ash", "draft", z=0)).headers["d"]
    nodes.clock.now += 601
    await nodes.do("ash", "draft", z=0)
    with pytest.raises(NotFoundError, match="given up"):
        await nodes.do("ash", "write", b"x", d=draft, at=0)
    assert len(list((tmp_path / "ash" / "objects" / "drafts").iterdir())) == 1
