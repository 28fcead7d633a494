"""Bundles between nodes that live in memory: added on one, gotten by others."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import BundleError, ConfigError, UnavailableError
from cantor.base.ids import NodeId
from cantor.bundles.fetching import fetch
from cantor.bundles.fetching.manifest import CHUNK_BYTES, Manifest, Part
from cantor.bundles.fetching.messages import Ask
from cantor.bundles.store import kept_hash
from cantor.node.bundles import exchange, service
from cantor.node.bundles.service import Bundles
from cantor.node.bundles.wording import ask_headers
from cantor.node.fake import FakeMesh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from cantor.node.services import Message

WHEEL = "big-1-py3-none-any.whl"
CHUNKS = 9
IDS = [NodeId(f"{number:02d}" * 16) for number in range(6)]


class Boxes:
    """Some nodes with bundles."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.all: list[Bundles] = []
        self.folder = folder
        for number, one in enumerate(IDS):
            place = folder / str(number)
            place.mkdir()
            self.all.append(Bundles(self.mesh.add(one, place)))

    def files(self) -> dict[str, Path]:
        code, wheel = self.folder / "code", self.folder / "wheel"
        code.write_bytes(b"code")
        wheel.write_bytes(bytes(range(256)) * (CHUNK_BYTES // 256) * (CHUNKS - 1) + b"rest")
        return {"": code, WHEEL: wheel}


@pytest.fixture
async def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Boxes]:
    monkeypatch.setattr(exchange, "TICK_S", 0.01)
    made = Boxes(tmp_path)
    for one in made.all:
        await one.start()
    yield made
    for one in made.all:
        await one.close()


async def test_a_bundle_that_one_node_adds_is_had_by_all_who_get_it(boxes: Boxes) -> None:
    origin, *others = boxes.all
    files = boxes.files()
    manifest = await origin.add(files)

    await asyncio.gather(*(one.get(manifest.id, [IDS[0]]) for one in others))

    for one in others:
        assert [one.file(part).read_bytes() for part in manifest.parts] == [
            file.read_bytes() for file in files.values()
        ]
    assert origin.chunks_given <= 2 * (CHUNKS + 1)
    assert sum(one.chunks_given for one in boxes.all) == len(others) * (CHUNKS + 1)


async def test_a_holder_is_found_without_being_told(boxes: Boxes) -> None:
    manifest = await boxes.all[0].add(boxes.files())
    await boxes.all[1].get(manifest.id)
    boxes.mesh.kill(IDS[0])

    await boxes.all[2].get(manifest.id)

    assert boxes.all[1].chunks_given == CHUNKS + 1


async def test_what_is_here_is_not_fetched_again(boxes: Boxes) -> None:
    manifest = await boxes.all[0].add(boxes.files())
    await asyncio.gather(boxes.all[1].get(manifest.id), boxes.all[1].get(manifest.id))
    given = boxes.all[0].chunks_given

    await boxes.all[1].get(manifest.id)

    assert boxes.all[0].chunks_given == given == CHUNKS + 1


async def test_it_is_still_here_after_a_restart(boxes: Boxes, tmp_path: Path) -> None:
    manifest = await boxes.all[0].add(boxes.files())
    await boxes.all[1].get(manifest.id)
    await boxes.all[1].close()

    again = Bundles(boxes.mesh.nodes[IDS[1]])
    await again.start()
    given = boxes.all[0].chunks_given
    await again.get(manifest.id)
    await again.close()

    assert boxes.all[0].chunks_given == given


async def test_a_node_that_dies_meanwhile_is_left_for_another(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await boxes.all[0].add(boxes.files())
    await boxes.all[1].get(manifest.id)
    read = exchange.read_chunk

    def dies(file: Path, chunk: int) -> bytes:
        boxes.mesh.kill(IDS[0])
        return read(file, chunk)

    monkeypatch.setattr(exchange, "read_chunk", dies)
    monkeypatch.setattr(fetch, "SILENT_S", 1000.0)  # it is not by its silence that it is noticed
    await boxes.all[2].get(manifest.id, [IDS[0], IDS[1]])

    assert boxes.all[2].file(manifest.parts[1]).stat().st_size > 0


async def test_a_bundle_that_nobody_has_is_one_error(boxes: Boxes) -> None:
    with pytest.raises(UnavailableError, match="no node gives the bundle: none has it"):
        await boxes.all[0].get("0" * 64)
    with pytest.raises(UnavailableError, match="does not have that bundle"):
        await boxes.all[0].get("0" * 64, [IDS[1]])
    with pytest.raises(BundleError, match="not the id of a bundle"):
        await boxes.all[0].get("../x")


async def test_a_manifest_that_lies_about_the_whole_is_found(
    boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = boxes.all[0]
    files = boxes.files()
    true = Part.of(WHEEL, [files[""].read_bytes()])
    false = Part(WHEEL, hashlib.sha256(b"other").hexdigest(), true.size, true.hashes)
    manifest = Manifest((false,))
    await liar.add(files)
    liar._manifests[manifest.id] = manifest
    liar._exchange.offer(false, files[""])

    with pytest.raises(BundleError, match="the bytes have another hash"):
        await boxes.all[1].get(manifest.id, [IDS[0]])

    assert list((tmp_path / "1" / service.FOLDER / "drafts").iterdir()) == []


async def test_who_asks_for_much_at_once_has_few_chunks_in_the_memory_of_who_gives(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, asker = boxes.all[0], boxes.mesh.nodes[IDS[1]]
    (ticking,) = origin._exchange._tasks
    files = {**boxes.files(), "more": boxes.folder / "more"}
    files["more"].write_bytes(bytes(CHUNK_BYTES * 80))
    manifest = await origin.add(files)
    under_way, most, let_go, all_told = 0, 0, asyncio.Event(), asyncio.Event()
    sender = boxes.mesh.nodes[IDS[0]]

    async def slow(*_: object, **__: object) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await let_go.wait()
        under_way -= 1

    monkeypatch.setattr(sender, "send_reliable", slow)
    heard: list[object] = []

    def told(message: Message) -> None:
        heard.append(message.headers["kind"])
        if len(heard) == 2 * (80 - exchange.OWED_MAX):
            all_told.set()

    asker.on_message(exchange.ANSWER_TOPIC, told)
    part = manifest.parts[2]
    for chunk in [*range(80), *range(80)]:  # "the node itself was tried in vain": give it again
        ask = Ask(part.id, chunk, (IDS[0],))
        asker.send(IDS[0], exchange.ASK_TOPIC, ask_headers(ask))
    await all_told.wait()

    assert set(heard) == {"absent"}
    assert most == exchange.TO_ONE_MAX
    let_go.set()
    await asyncio.wait([task for task in origin._exchange._tasks if task is not ticking])
    assert (most, origin.chunks_given) == (exchange.TO_ONE_MAX, exchange.OWED_MAX)
    assert origin._exchange._askers == {}


async def test_a_disk_that_takes_a_part_of_a_chunk_gets_the_rest_or_is_an_error(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await boxes.all[0].add(boxes.files())
    write, short = os.pwrite, 0

    def half(descriptor: int, data: memoryview, at: int) -> int:
        nonlocal short
        short += len(data) > 1
        return write(descriptor, data[: (len(data) + 1) // 2], at)

    monkeypatch.setattr(os, "pwrite", half)
    await boxes.all[1].get(manifest.id)

    assert short > CHUNKS
    assert boxes.all[1].file(manifest.parts[1]).read_bytes() == boxes.files()[WHEEL].read_bytes()


async def test_what_cannot_fit_is_refused_before_any_of_it_is_fetched(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await boxes.all[0].add(boxes.files())

    def small(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(total=10 * 2 * CHUNK_BYTES)

    monkeypatch.setattr(shutil, "disk_usage", small)
    with pytest.raises(UnavailableError, match="do not fit"):
        await boxes.all[1].get(manifest.id, [IDS[0]])

    assert boxes.all[0].chunks_given == 0
    assert boxes.all[1]._manifests == {}  # it does not give what it does not have


async def test_a_part_is_hashed_after_a_restart_while_the_loop_goes_on(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await boxes.all[0].add(boxes.files())
    await boxes.all[1].get(manifest.id)
    again = Bundles(boxes.mesh.nodes[IDS[1]])
    await again.start()
    loop, begun, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    threads = []

    def slow(path: Path) -> str:
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(begun.set)
        assert goes_on.wait(10)
        return kept_hash(path)

    monkeypatch.setattr(service, "kept_hash", slow)
    getting = [asyncio.create_task(again.get(manifest.id)) for _ in range(2)]
    await begun.wait()
    goes_on.set()
    await asyncio.gather(*getting)

    assert len(threads) == 2  # each part once
    assert threading.main_thread() not in threads
    await again.close()


async def test_a_part_that_the_disk_has_damaged_is_fetched_again(boxes: Boxes) -> None:
    files = boxes.files()
    manifest = await boxes.all[0].add(files)
    await boxes.all[1].get(manifest.id)
    again = Bundles(boxes.mesh.nodes[IDS[1]])
    path = again.file(manifest.parts[1])
    path.write_bytes(bytes(path.stat().st_size))
    again = Bundles(boxes.mesh.nodes[IDS[1]])
    await again.start()

    await again.get(manifest.id)

    assert again.file(manifest.parts[1]).read_bytes() == files[WHEEL].read_bytes()
    await again.close()


async def test_a_manifest_that_lies_about_the_size_of_what_is_here_is_refused(
    boxes: Boxes,
) -> None:
    true = await boxes.all[1].add(boxes.files())
    part = true.parts[1]
    lie = Manifest((Part(WHEEL, part.id, 1, part.hashes[:1]),))
    boxes.all[0]._manifests[lie.id] = lie

    with pytest.raises(BundleError, match=f"{WHEEL} does not have 1 bytes"):
        await boxes.all[1].get(lie.id, [IDS[0]])


async def test_a_node_remembers_so_many_bundles_and_gives_the_newest(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MANIFESTS_MAX", 2)
    made = []
    for number in range(4):
        file = boxes.folder / str(number) / "code"
        file.write_bytes(str(number).encode())
        made.append(await boxes.all[0].add({"": file, "common": boxes.files()[""]}))

    giving = boxes.all[0]._exchange._giving
    assert list(boxes.all[0]._manifests) == [one.id for one in made[-2:]]
    assert set(giving._blobs) == {part.id for one in made[-2:] for part in one.parts}
    await boxes.all[1].get(made[-1].id)


async def test_a_file_that_cannot_be_read_is_named(boxes: Boxes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none: a file of the bundle cannot be read"):
        await boxes.all[0].add({"": tmp_path / "none"})


async def test_the_cache_takes_a_tenth_of_a_small_disk(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(total=10 * 2 * CHUNK_BYTES)

    monkeypatch.setattr(shutil, "disk_usage", small)

    with pytest.raises(UnavailableError, match=rf"do not fit .*limit {2 * CHUNK_BYTES}"):
        await boxes.all[0].add(boxes.files())


async def test_programs_of_the_user_add_and_get_by_calls(boxes: Boxes) -> None:
    files = {name: str(path) for name, path in boxes.files().items()}
    added = await boxes.all[0].calls()["bundles.add"]({"files": dict(files)})  # type: ignore[misc]
    got = await boxes.all[1].calls()["bundles.get"](  # type: ignore[misc]
        {"id": added["id"], "from": [IDS[0]]}
    )

    assert [name for name, _ in got["parts"]] == ["", WHEEL]
    with pytest.raises(ConfigError, match="no files"):
        await boxes.all[0].calls()["bundles.add"]({})  # type: ignore[misc]
    with pytest.raises(ConfigError, match="from: not a node id"):
        await boxes.all[0].calls()["bundles.get"]({"id": "0" * 64, "from": ["x"]})  # type: ignore[misc]


async def test_a_manifest_with_false_hashes_spoils_no_other_that_has_the_same_part(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = await boxes.all[0].add(boxes.files())
    part = true.parts[1]
    false = Part(WHEEL, part.id, part.size, tuple(bytes(32) for _ in part.hashes))
    lie = Manifest((true.parts[0], false))
    boxes.all[0]._manifests[lie.id] = lie
    one = boxes.all[1]
    fetched = []
    begun = asyncio.Event()
    fetch_part, give_up_s = one._exchange.fetch, fetch.GIVE_UP_S

    async def seen(part: Part, file: Path, holders: Mapping[NodeId, float]) -> None:
        # Nobody can give what the lie names: that is known soon. The truth has all the time.
        monkeypatch.setattr(fetch, "GIVE_UP_S", 0.1 if part == false else give_up_s)
        fetched.append(part)
        begun.set()
        await fetch_part(part, file, holders)

    monkeypatch.setattr(one._exchange, "fetch", seen)
    spoiled = asyncio.create_task(one.get(lie.id, [IDS[0]]))
    while false not in fetched:
        begun.clear()
        await begun.wait()
    honest = await one.get(true.id, [IDS[0]])

    with pytest.raises(UnavailableError):
        await spoiled
    assert fetched.index(false) < fetched.index(part)
    assert one.file(honest.parts[1]).read_bytes() == boxes.files()[WHEEL].read_bytes()


async def test_what_is_on_its_way_counts_as_if_it_were_here(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bundles at once, of which the cache takes one."""
    made = []
    for number in range(2):
        file = boxes.folder / f"large{number}"
        file.write_bytes(bytes([number]) * CHUNK_BYTES * 6)
        made.append(await boxes.all[0].add({"": file}))

    def small(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(total=10 * 10 * CHUNK_BYTES)

    monkeypatch.setattr(shutil, "disk_usage", small)
    one, sizes = boxes.all[1], []
    write = exchange._write

    def counted(descriptor: int, data: memoryview, at: int) -> None:
        write(descriptor, data, at)
        files = (path for path in (boxes.folder / "1" / "bundles").rglob("*") if path.is_file())
        sizes.append(sum(path.stat().st_blocks * 512 for path in files))

    monkeypatch.setattr(exchange, "_write", counted)
    gotten = await asyncio.gather(
        *(one.get(manifest.id, [IDS[0]]) for manifest in made), return_exceptions=True
    )

    assert max(sizes) <= 10 * CHUNK_BYTES
    assert sum(isinstance(result, Manifest) for result in gotten) == 1
    assert sum("do not fit" in str(result) for result in gotten) == 1
