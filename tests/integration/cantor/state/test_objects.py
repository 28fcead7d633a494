"""Objects of real agents: from scripts, from tasks, over the mesh, over kills and damaged disks."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor
from cantor import ObjectRef, aio, objects
from cantor.base.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    NotSerialisable,
    UnavailableError,
)
from cantor.cli.main import main
from cantor.state.object_files import Lease, asked
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
FOR_OTHERS = ("--workers", "1", "--code-run", "tenant")
MIB = 1 << 20


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", *FOR_OTHERS, "--resource", "Wall==1")
        boxes.start("roof", *FOR_OTHERS)
        boxes.until_known("desk", "desk", "wall", "roof")
        boxes.until_known("wall", "wall", "roof")
        boxes.until_known("roof", "wall", "roof")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    with cantor.connect(boxes["desk"].folder):
        yield


def chunks_given(node: str) -> int:
    return int(asked("list", {}, node=node).result().headers["given"])


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("node", ["", "wall"])
def test_values_come_back_as_they_were(node: str) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (700, 900, 3), np.uint8)
    values: list[Any] = [
        None, b"", b"raw", b"x" * (3 * MIB + 7), {"speed": 12, 3: (1, {2})}, [],
        {"one": picture, "two": picture[::2], "empty": np.zeros((0, 4))},
    ]  # fmt: skip
    for value in values:
        ref = objects.put(value, node=node)
        back = objects.get(ref)
        if isinstance(value, dict) and "one" in value:
            assert list(back) == list(value)
            for name, array in value.items():
                assert np.array_equal(back[name], array)
                assert not back[name].flags.writeable or not array.size
        else:
            assert back == value
            assert type(back) is type(value)
        assert objects.delete(ref)
        with pytest.raises(NotFoundError, match="no such object"):
            objects.get(ref)
        assert not objects.delete(ref)


@pytest.mark.usefixtures("desk")
def test_a_reference_is_plain_data(boxes: Boxes) -> None:
    ref = objects.put([1, 2, 3], node="wall")
    assert ObjectRef.parse(str(ref)) == ref
    assert {ref: 1}[ObjectRef(ref.owner, ref.key)] == 1
    cantor.kv("wall").set("where", {"it": ref})
    assert cantor.kv("wall").get("where") == {"it": ref}
    with cantor.connect(boxes["roof"].folder):
        assert objects.get(cantor.kv("wall").get("where")["it"]) == [1, 2, 3]


@pytest.mark.usefixtures("desk")
def test_a_version_is_changed_only_as_expected() -> None:
    ref = objects.put({"count": 0}, node="wall")
    assert objects.info(ref).version == 1
    assert objects.update(ref, lambda value: {"count": value["count"] + 1}, expect=1) == 2
    with pytest.raises(ConflictError, match="version 2"):
        objects.update(ref, lambda value: value, expect=1)
    with pytest.raises(ConflictError, match="version 2"):
        objects.delete(ref, expect=1)

    calls: list[int] = []

    def count_up() -> None:
        for _ in range(10):

            def more(value: dict[str, int]) -> dict[str, int]:
                calls.append(1)
                return {"count": value["count"] + 1}

            objects.update(ref, more)

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert objects.get(ref) == {"count": 31}
    assert objects.info(ref).version == 32
    assert len(calls) > 30, "nobody met another, so nothing was tried"


@pytest.mark.usefixtures("desk")
def test_names_are_those_of_one_object() -> None:
    first = objects.put(1, node="wall", name="models/one")
    with pytest.raises(ConflictError, match="has that name"):
        objects.put(2, node="wall", name="models/one")
    assert objects.put(2, node="wall", name="models/one", replace=True) == first
    assert objects.get(first) == 2
    assert objects.find("models/one", "wall") == first
    other = objects.put(3, name="models/one")
    assert other != first, "on another node"
    objects.put(4, node="wall", name="models/two")
    objects.put(5, node="wall", name="other")
    listed = list(objects.list("wall", "models/"))
    assert [info.name for info in listed] == ["models/one", "models/two"]
    assert listed[0].ref == first
    assert listed[0].version == 2
    objects.delete(first)
    with pytest.raises(NotFoundError):
        objects.find("models/one", "wall")
    with pytest.raises(ConfigError):
        objects.put(1, name="a\nb")


@pytest.mark.usefixtures("desk")
def test_streams_are_files(tmp_path: Path) -> None:
    data = os.urandom(5 * MIB + 11)
    file = tmp_path / "file"
    file.write_bytes(data)
    with file.open("rb") as opened:
        ref = objects.put_stream(opened, node="wall", name="file")
    assert objects.get(ref) == data
    assert not objects.info(ref).is_value
    with objects.open(ref) as back:
        assert back.read(4) == data[:4]
        back.seek(-3, io.SEEK_END)
        assert back.read() == data[-3:]
        back.seek(2 * MIB)
        assert back.read(MIB) == data[2 * MIB : 3 * MIB]
    pieces = objects.put_stream(data[at : at + 999] for at in range(0, 9990, 999))
    assert objects.get(pieces) == data[:9990]
    with pytest.raises(ConfigError, match="it is a value"):
        objects.open(objects.put({"a": 1}))
    with pytest.raises(NotSerialisable, match="binary"):
        objects.put_stream(io.StringIO("text"))  # type: ignore[arg-type]

    def breaks() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("broken")

    before = len(list(objects.list()))
    with pytest.raises(KeyError):
        objects.put_stream(breaks())
    assert len(list(objects.list())) == before


@pytest.mark.usefixtures("desk")
def test_a_copy_is_read_again_without_the_bytes_and_never_old() -> None:
    given = chunks_given("desk")
    ref = objects.put(os.urandom(3 * MIB), node="wall")
    assert chunks_given("desk") == given + 3, "the owner fetched them"
    given = chunks_given("wall")
    first = objects.get(ref)
    assert chunks_given("wall") == given, "who has put it has a copy"
    objects.update(ref, lambda _: b"new")
    assert objects.get(ref) == b"new"
    assert first != b"new"


def test_many_readers_give_to_each_other(boxes: Boxes) -> None:
    data = os.urandom(8 * MIB)
    with cantor.connect(boxes["wall"].folder):
        ref = objects.put(data)
    with cantor.connect(boxes["desk"].folder):
        assert objects.get(ref) == data
        from_wall, from_desk = chunks_given("wall"), chunks_given("desk")
        assert objects.get(ref) == data
        assert chunks_given("wall") == from_wall, "the copy was good"
    with cantor.connect(boxes["roof"].folder):
        assert objects.get(ref) == data
        assert chunks_given("desk") > from_desk, "a node that has a copy gave some of it"
        assert chunks_given("wall") - from_wall < 8
        assert len(objects.info(ref).holders) == 1, "beside the one that asks"


def total(ref: ObjectRef) -> tuple[int, bool]:
    array = cantor.objects.get(ref)
    return int(array.sum()), bool(array.flags.writeable)


def made(size: int) -> ObjectRef:
    return cantor.objects.put(np.ones(size, np.uint8), node="desk")


@pytest.mark.usefixtures("desk")
def test_tasks_read_and_make_objects_too_also_closed_ones_of_other_nodes() -> None:
    ref = objects.put(np.ones(3_000_000, np.uint8))
    assert cantor.task(total).submit(ref).result() == (3_000_000, False)
    elsewhere = cantor.task(needs="Wall == 1")
    assert elsewhere(total).submit(ref).result() == (3_000_000, False)
    back = elsewhere(made).submit(5_000_000).result()
    assert objects.get(back).sum() == 5_000_000


def read_later(ref: ObjectRef) -> int:
    until(lambda: bool(cantor.kv("desk").get("go", False)))
    return int(cantor.objects.get(ref).sum())


@pytest.mark.usefixtures("desk")
def test_what_a_task_has_as_an_argument_is_not_deleted_under_it() -> None:
    cantor.kv("desk").set("go", False)
    ref = objects.put(np.ones(100_000, np.uint8), node="wall", name="held")
    future = cantor.task(read_later).submit(ref)
    until(lambda: objects.info(ref).holds == 1)
    assert objects.delete(ref)
    assert not [info for info in objects.list("wall") if info.ref == ref]
    again = objects.put(1, node="wall", name="held")
    assert again != ref, "its name is free"
    cantor.kv("desk").set("go", True)
    assert future.result() == 100_000
    until(lambda: not exists(ref))


@pytest.mark.usefixtures("desk")
def test_a_task_goes_where_what_it_reads_is() -> None:
    objects.put(0, node="wall", name="mark", replace=True)
    there = objects.put(np.ones(100_000, np.uint8), node="wall")
    here = objects.put(np.ones(100_000, np.uint8))
    # Its node may still be said to be busy with what has just ended there.
    until(lambda: cantor.task(where).submit(there).result() == "wall")
    until(lambda: cantor.task(where).submit([there]).result() == "wall")
    assert cantor.task(where).submit(here).result() == "desk"
    assert cantor.task(where).submit(None).result() == "desk"


def where(_: object) -> str:
    is_there = cantor.objects.put(0).owner == cantor.objects.find("mark", "wall").owner
    return "wall" if is_there else "desk"


def test_coroutines_do_the_same(boxes: Boxes) -> None:
    async def run() -> list[str]:
        ref = await aio.objects.put([1], node="wall", name="async")
        assert await aio.objects.get(ref) == [1]
        assert await aio.objects.update(ref, lambda value: [*value, 2]) == 2
        assert (await aio.objects.info(ref)).version == 2
        assert await aio.objects.find("async", "wall") == ref
        names = [info.name async for info in aio.objects.list("wall", "as")]
        assert await aio.objects.delete(ref)
        stream = await aio.objects.put_stream([b"abc"])
        with await aio.objects.open(stream) as file:
            assert file.read() == b"abc"
        return names

    with cantor.connect(boxes["desk"].folder):
        assert asyncio.run(run()) == ["async"]


@pytest.mark.usefixtures("desk")
def test_what_is_kept_until_it_is_read_goes_then() -> None:
    for node in ("", "wall"):
        ref = objects.put([1], node=node, keep="until read")
        assert objects.info(ref).is_until_read
        assert objects.get(ref) == [1]
        with pytest.raises(NotFoundError):
            objects.get(ref)
    ref = objects.put([2], node="wall", keep=0.2)
    until(lambda: not exists(ref))
    with pytest.raises(ConfigError, match="cannot be kept"):
        objects.put(1, keep="for ever")  # type: ignore[arg-type]


def exists(ref: ObjectRef) -> bool:
    try:
        objects.info(ref)
    except NotFoundError:
        return False
    return True


@pytest.mark.usefixtures("desk")
def test_what_is_wrong_is_told_to_who_asks(boxes: Boxes) -> None:
    with pytest.raises(NotSerialisable, match="lock"):
        objects.put({"a": threading.Lock()})
    with pytest.raises(ConfigError, match="no node is called"):
        objects.put(1, node="nowhere")
    if shutil.disk_usage(boxes["desk"].folder).free < 1 << 36:  # else the largest there can be fits
        with pytest.raises(StoreError, match="do not fit"):
            asked("draft", {"z": 1 << 36}).result()
    with pytest.raises(NotFoundError):
        objects.update(ObjectRef.fresh(objects.put(1).owner), lambda value: value)


def test_without_a_mesh_it_says_so() -> None:
    with pytest.raises(UnavailableError, match="connect"):
        objects.put(1)


def shared_kb(pid: int | str, path: str) -> tuple[int, int]:
    """What a process has of a file in memory, and how much of that is its own alone."""
    rss = private = 0
    is_it = False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split()[0]:
            is_it = path in line
        elif is_it and line.startswith("Rss"):
            rss += int(line.split()[1])
        elif is_it and line.startswith("Private_Dirty"):
            private += int(line.split()[1])
    return rss, private


@pytest.mark.usefixtures("desk")
def test_readers_on_one_machine_share_the_memory() -> None:
    ref = objects.put(np.ones(20 * MIB, np.uint8))
    one, two = objects.get(ref), objects.get(ref)
    assert one.sum() == two.sum() == 20 * MIB
    assert not one.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        one[0] = 2
    with Lease({"o": ref.owner, "k": ref.key, "stale": False}) as lease:
        path = lease._path
    rss, private = shared_kb("self", path)
    assert rss >= 40 * 1024, "both are mapped, and all of their pages were touched"
    assert private == 0
    objects.delete(ref)
    assert two[-1] == 1, "what is mapped stays"


def test_the_command_line_puts_files_and_gets_them(
    boxes: Boxes, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = os.urandom(2 * MIB + 5)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)

    def run(*words: str) -> tuple[int, bytes]:
        code = main(["object", *words, "--data", str(boxes["desk"].folder)])
        return code, capfdbinary.readouterr().out

    wall = ("--node", "wall")
    code, out = run("put", str(source), "--name", "cli/file", *wall)
    ref = ObjectRef.parse(out.decode().strip())
    assert code == 0
    assert run("put", str(source), "--name", "cli/file", *wall)[0] == 75
    assert run("put", str(source), "--name", "cli/file", "--replace", *wall) == (0, out)
    assert run("get", "cli/file", str(target), *wall) == (0, b"")
    assert target.read_bytes() == data
    assert run("get", str(ref)) == (0, data)
    listed = json.loads(run("list", "cli/", "--json", *wall)[1])
    assert (listed["name"], listed["version"], listed["bytes"]) == ("cli/file", 2, len(data))
    assert b"cli/file" in run("list", *wall)[1]
    told = run("info", str(ref))[1]
    assert b"Version:       2" in told
    assert json.loads(run("info", str(ref), "--json")[1])["object"] == str(ref)
    assert run("rm", "cli/file", *wall)[0] == 0
    assert run("rm", str(ref), "--json") == (1, b'{"deleted": false}\n')
    assert run("get", "cli/file", *wall)[0] == 1
    assert run("get", str(ref), str(tmp_path / "none"))[0] == 1
    assert not (tmp_path / "none").exists()
    assert run("put", str(tmp_path / "none"))[0] == 2
    assert run("put", str(source), "--keep", "never")[0] == 2
