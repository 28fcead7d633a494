"""``cantor resources`` and what programs advertise, against a node in memory."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from cantor import resources
from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.cli.main import main
from cantor.node.control import ControlServer
from cantor.node.fake import FakeMesh
from cantor.node.grants.calls import ResourceCalls
from cantor.node.grants.written import resource_from_text, shared_from_text
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.node.services import Call
    from cantor.wire.frame import Value

WALL, ROOF, OFFICE = NodeId("a" * 64), NodeId("b" * 64), NodeId("c" * 64)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[FakeNode]:
    mesh = FakeMesh()
    memory = Resource("Memory", "quantity", 2**31, "B")
    node = mesh.add(WALL, folder, name="wall", resources=[Resource("GPU", "quantity", 2), memory])
    camera = Resource("USBCamera", "condition", value=True)
    mesh.add(ROOF, folder, name="roof", resources=[camera])
    await node.reserve("run/belt", 1, {WALL: parse("GPU = 1 and Memory = 1GiB")}).held(5)
    nodes: Call = lambda _: [view.as_value() for view in node.nodes()]  # noqa: E731
    server = ControlServer(folder, {"nodes": nodes, **ResourceCalls(node, node.grants).calls()})
    await server.start()
    try:
        yield node
    finally:
        await server.close()


async def cantor(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_the_table_says_what_is_free_and_who_holds_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as node:
        node.reserve("run/next", 1, {WALL: parse("GPU = 2")})
        assert await cantor("resources", "--data", str(tmp_path)) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["NODE", "RESOURCE", "TOTAL", "TAKEN", "FREE", "WAITING"]
    assert lines[1] == ["roof", "USBCamera", "==", "1"]
    assert lines[2] == ["wall", "GPU", "2", "1", "1", "1"]
    assert lines[3] == ["Memory", "2.0", "GiB", "1.0", "GiB", "1.0", "GiB"]
    held, waits = lines[6], lines[9]
    assert held[:4] == ["run/belt", "#1", "wall", "wall"]
    assert " ".join(held[4:-3]) == "GPU = 1, Memory = 1.0 GiB"
    assert waits[:6] == ["run/next", "wall", "wall", "GPU", "=", "2"]


async def test_each_resource_is_summed_over_the_nodes_that_are_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as node:
        node._mesh.nodes[ROOF].offer("more", (), [Resource("GPU", "quantity", 3)])
        asked = ("resources", "--sum", "--data", str(tmp_path))
        assert await cantor(*asked) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines[1] == ["GPU", "5", "1", "4", "2"]
        assert lines[3] == ["USBCamera", "==", "1", "1"]
        node._mesh.kill(ROOF)
        assert await cantor(*asked, "--json") == 0
    summed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    gpu = summed["GPU"]
    assert (gpu["total"], gpu["taken"], gpu["free"], gpu["nodes"]) == (2, 1, 1, [WALL])
    assert summed["USBCamera"]["nodes"] == []


async def test_json_names_every_holder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served(tmp_path):
        assert await cantor("resources", "--json", "--data", str(tmp_path)) == 0
    wall = json.loads(capsys.readouterr().out)[1]
    gpu = wall["quantities"][0]
    assert (gpu["name"], gpu["total"], gpu["free"]) == ("GPU", 2, 1)
    assert [(one["task"], one["node"], one["amount"]) for one in gpu["holders"]] == [
        ("run/belt", WALL, 1)
    ]


async def test_needs_that_nobody_meets_now_or_ever_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path):
        asked = ("resources", "--data", str(tmp_path), "--needs")
        assert await cantor(*asked, "GPU = 1") == 0
        assert "wall" in capsys.readouterr().out
        assert await cantor(*asked, "GPU = 2") == 1
        assert "wall" not in capsys.readouterr().out
        assert await cantor(*asked, "USBCamera = 1") == 2
        assert "needs, column 1: USBCamera is a condition" in capsys.readouterr().err
        assert await cantor(*asked, "GPU = 3") == 2
    assert "no node has GPU = 3 (the most is 2 on wall)" in capsys.readouterr().err


async def test_nodes_that_satisfy_needs_are_listed_and_the_exit_code_says_whether_any_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as node:
        asked = ("nodes", "--data", str(tmp_path), "--json", "--needs")
        assert await cantor(*asked, "USBCamera == 1") == 0
        assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["roof"]
        assert await cantor(*asked, "Memory = 2GiB or USBCamera == 1") == 0
        node._mesh.kill(ROOF)
        assert await cantor(*asked, "USBCamera == 1") == 1
        assert "no node has so much free now" in capsys.readouterr().err
        assert await cantor(*asked, "GPU = 1 and USBCamera = 1") == 2
        assert "needs, column 13: USBCamera is a condition" in capsys.readouterr().err
        assert await cantor(*asked, "GPU = 1 and") == 2


async def test_a_program_advertises_and_withdraws(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        await asyncio.to_thread(resources.advertise, "Licence", units=4, folder=tmp_path)
        await asyncio.to_thread(resources.advertise, "Detectron2", folder=tmp_path)
        there = next(view.resources for view in node.nodes() if view.id == WALL)
        assert Resource("Licence", "quantity", 4) in there
        assert Resource("Detectron2", "condition", value=True) in there
        await node.reserve("run/2", 1, {WALL: parse("Licence = 4 and Detectron2 == 1")}).held(5)
        await asyncio.to_thread(resources.withdraw, "Licence", folder=tmp_path)
        there = next(view.resources for view in node.nodes() if view.id == WALL)
        assert "Licence" not in {resource.name for resource in there}
        with pytest.raises(ConfigError, match="no name of a resource"):
            await asyncio.to_thread(resources.advertise, "not", folder=tmp_path)


async def test_what_a_block_or_a_program_advertises_ends_with_it(tmp_path: Path) -> None:
    def there(node: FakeNode) -> set[Resource]:
        return set(next(view.resources for view in node.nodes() if view.id == WALL))

    def in_a_block() -> None:
        with resources.advertise("Scratch", units="8GiB", folder=tmp_path):
            assert Resource("Scratch", "quantity", 2**33, "B") in there(node)

    program = (
        "import pathlib, sys; from cantor.resources import advertise;"
        "folder = pathlib.Path(sys.argv[1]); advertise('Licence', units=4, folder=folder);"
        "advertise('Stays', folder=folder, stays=True); print('said'); sys.stdin.read()"
    )
    async with served(tmp_path) as node:
        await asyncio.to_thread(in_a_block)
        assert not any(one.name == "Scratch" for one in there(node))

        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline() == b"said\n"
        assert Resource("Licence", "quantity", 4) in there(node)
        gone = asyncio.Event()
        node.subscribe(gone.set)
        process.kill()
        await process.wait()
        async with asyncio.timeout(10):
            while Resource("Licence", "quantity", 4) in there(node):
                await gone.wait()
                gone.clear()
        assert Resource("Stays", "condition", value=True) in there(node)


async def test_shared_quantities_show_who_has_how_many_rights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as node:
        said: Value = {"free": 5, "held": {WALL: 1, ROOF: 2}, "frozen": True}
        mesh = node._mesh
        mesh.write(OFFICE, "node", {"name": "office", "labels": {}})
        mesh.write(OFFICE, "rights", {"Licence": said})
        mesh.write(OFFICE, "shared", {"tenant": "default", "units": {"Licence": 8}})
        await until_known(node)
        assert await cantor("resources", "--data", str(tmp_path)) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["Licence", "8", "0", "5"] in [line[:4] for line in lines]
        assert lines[-1][:4] == ["Licence", "office", "8", "5"]
        assert " ".join(lines[-1][4:]) == (
            "must be counted: cantor resources --count; wall 1, roof 2"
        )
        assert await cantor("resources", "--sum", "--data", str(tmp_path)) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["Licence", "8", "0", "8", "2"] in lines  # once, though each node may have all
        assert await cantor("resources", "--count", "3", "--data", str(tmp_path)) == 2
        assert "this node shares nothing" in capsys.readouterr().err


async def until_known(node: FakeNode) -> None:
    """Until the node offers what is shared: it looks at facts a few times a second."""
    known = asyncio.Event()
    node.subscribe(known.set)
    async with asyncio.timeout(5):
        while not any(
            "Licence" in {r.name for r in v.resources} for v in node.nodes() if v.id == WALL
        ):
            await known.wait()
            known.clear()


@pytest.mark.parametrize(
    "text", ["Licence", "Licence=0.5", "Licence==8", "Licence=1025", "L" * 65 + "=1"]
)
def test_what_cannot_be_shared_is_refused(text: str) -> None:
    assert shared_from_text("Licence = 8") == ("Licence", 8)
    with pytest.raises(ConfigError, match="not a shared quantity"):
        shared_from_text(text)


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("Licence=4", Resource("Licence", "quantity", 4)),
        ("Load = 0.5", Resource("Load", "quantity", 0.5)),
        ("Detectron2==1", Resource("Detectron2", "condition", 1)),
        ("Scratch=8GiB", Resource("Scratch", "quantity", 2**33, "B")),
        ("VideoMemory == 8GB", Resource("VideoMemory", "condition", 8 * 10**9, "B")),
        ("Open==true", Resource("Open", "condition", value=True)),
        ('colour == "red"', Resource("colour", "condition", "red")),
    ],
)
def test_resources_are_given_as_needs_ask_for_them(text: str, resource: Resource) -> None:
    assert resource_from_text(text) == resource


@pytest.mark.parametrize(
    "text",
    ["Licence", "=4", "Licence=many", "Licence=0", "not=1", "a=inf", "a==nan", "a=" + "9" * 400],
)
def test_what_is_no_resource_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        resource_from_text(text)
