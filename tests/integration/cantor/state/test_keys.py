"""Keys and values of real agents: from scripts, from tasks, over the mesh, over kills."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor
from cantor import aio
from cantor.base.errors import (
    ConfigError,
    ConflictError,
    MissedError,
    NotFoundError,
    NotSerialisable,
    UnavailableError,
)
from cantor.bundles.known import Known
from cantor.bundles.objects import Record
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.state.keys import Change

pytestmark = pytest.mark.integration
FOR_OTHERS = ("--workers", "1", "--code-run", "tenant")


@dataclass
class Order:
    number: int
    parts: set[str]


VALUES: list[Any] = [
    None,
    {"speed": 12, "names": ["a", "b"], 3: (1, 2)},
    {1, 2},
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    datetime.datetime(2026, 11, 27, tzinfo=datetime.UTC),
    b"x" * 200_000,
    np.arange(12, dtype=np.uint8).reshape(3, 4),
]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", *FOR_OTHERS, "--resource", "Wall==1")
        boxes.until_known("desk", "desk", "wall")
        boxes.until_known("wall", "wall")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    with cantor.connect(boxes["desk"].folder):
        yield


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("node", ["", "wall"])
def test_values_come_back_as_they_were(node: str) -> None:
    store = cantor.kv(node, "values")
    for number, value in enumerate(VALUES):
        store.set(f"value/{number}", value)
    for number, value in enumerate(VALUES):
        back = store.get(f"value/{number}")
        assert type(back) is type(value)
        assert np.array_equal(back, value) if type(value) is np.ndarray else back == value
    entries = list(store.items("value/"))
    assert [entry.key for entry in entries] == sorted(store.keys("value/"))
    assert len(entries) == len(VALUES)

    store.set("order", Order(7, {"bolt"}))
    told = store.get("order")
    assert isinstance(told, Record), "a class that the reader did not name"
    known = cantor.kv(node, "values", types=Known(Order))
    assert known.get("order") == Order(7, {"bolt"})


@pytest.mark.usefixtures("desk")
def test_a_key_changes_only_as_expected() -> None:
    store = cantor.kv("wall", "expected")
    first = store.set("a", 1, expect=0)
    second = store.set("a", 2, expect=first)
    assert second > first
    for expect in (0, first):
        with pytest.raises(ConflictError, match=f"revision {second}"):
            store.set("a", 3, expect=expect)
        with pytest.raises(ConflictError):
            store.delete("a", expect=expect)
    assert store.entry("a").value == 2  # type: ignore[union-attr]
    assert store.delete("a", expect=second)
    assert not store.delete("a")
    assert store.entry("a") is None
    with pytest.raises(ConflictError, match="not there"):
        store.set("a", 3, expect=second)


@pytest.mark.usefixtures("desk")
def test_counting_with_compare_and_set_loses_no_count() -> None:
    def count_up(times: int) -> None:
        store = cantor.kv("wall", "count")
        for _ in range(times):
            while True:
                entry = store.entry("count")
                value, revision = (entry.value, entry.revision) if entry else (0, 0)
                try:
                    store.set("count", value + 1, expect=revision)
                    break
                except ConflictError:
                    lost.append(value)

    lost: list[int] = []
    threads = [threading.Thread(target=count_up, args=(25,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cantor.kv("wall", "count").get("count") == 100
    assert lost, "nobody met another, so nothing was tried"


@pytest.mark.usefixtures("desk")
def test_who_watches_sees_the_last_of_each_key() -> None:
    store = cantor.kv("wall", "watched")
    store.set("other", 0)
    store.set("line/1", 1)
    present = store.watch("line/", with_present=True)
    assert next(present).value == 1
    later = store.watch("line/")
    store.set("other", 1)
    store.set("line/2", 2)
    store.set("line/2", 3)
    store.delete("line/1")
    seen: dict[str, Change] = {}
    while "line/1" not in seen:
        change = next(later)
        seen[change.key] = change
    assert seen["line/2"].value == 3
    assert seen["line/1"].is_deleted
    assert next(present).key == "line/2"


def test_coroutines_do_the_same(boxes: Boxes) -> None:
    async def run() -> list[int]:
        store = aio.kv("wall", "async")
        seen: list[int] = []

        async def watch() -> None:
            async for change in store.watch(with_present=True):
                seen.append(change.value)
                if change.value == 9:
                    return

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(store.set(f"k{number}", number) for number in range(9)))
        assert await store.get("k3") == 3
        assert [key async for key in store.keys("k")] == [f"k{number}" for number in range(9)]
        assert await store.delete("k0")
        await store.set("last", 9)
        await watching
        return seen

    with cantor.connect(boxes["desk"].folder):
        seen = asyncio.run(run())
    assert set(range(1, 10)) <= set(seen)


def note(node: str) -> int:
    store = cantor.kv(node, "notes")
    store.set("by task", store.get("by task", 0) + 1)
    return int(store.get("by task"))


@pytest.mark.usefixtures("desk")
def test_tasks_keep_things_too_also_closed_ones_of_other_nodes() -> None:
    cantor.kv("desk", "notes").delete("by task")
    assert cantor.task(note).submit("desk").result() == 1
    elsewhere = cantor.task(needs="Wall == 1")(note)
    assert elsewhere.submit("desk").result() == 2
    assert elsewhere.submit("").result() == 1, "where the task runs is another store"
    assert cantor.kv("wall", "notes").get("by task") == 1


@pytest.mark.usefixtures("desk")
def test_what_is_wrong_is_told_to_who_asks() -> None:
    store = cantor.kv("wall", "wrong")
    with pytest.raises(NotFoundError, match="no such key"):
        store.get("nothing")
    assert store.get("nothing", None) is None
    with pytest.raises(NotSerialisable, match="lock"):
        store.set("lock", threading.Lock())
    with pytest.raises(NotSerialisable, match="limit 1"):
        store.set("large", b"x" * 1_100_000)
    for name in ("", "a\nb", "x" * 600, "\udc80"):
        with pytest.raises(ConfigError):
            store.set(name, 1)
    with pytest.raises(ConfigError, match="no node is called"):
        cantor.kv("nowhere").get("a")
    store.set("still", "works")
    assert store.get("still") == "works"


def test_without_a_mesh_it_says_so() -> None:
    with pytest.raises(UnavailableError, match="connect"):
        cantor.kv().get("a")
    with cantor.local(workers=1):
        with pytest.raises(UnavailableError, match="connect"):
            cantor.kv().get("a")
        with pytest.raises(UnavailableError, match="connect"):
            cantor.task(note).submit("").result()


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", *FOR_OTHERS)
        boxes.until_known("desk", "wall")
        with cantor.connect(boxes["desk"].folder):
            store = cantor.kv("wall", "kept")
            watching = store.watch(with_present=True)
            acknowledged: list[int] = []
            lost: list[BaseException] = []

            def write() -> None:
                try:
                    for number in range(100_000):
                        store.set(f"{number:06}", number)
                        acknowledged.append(number)
                except UnavailableError as error:
                    lost.append(error)

            writer = threading.Thread(target=write)
            writer.start()
            until(lambda: len(acknowledged) > 50)
            boxes["wall"].kill()
            writer.join()
            assert lost, "the kill came too late to be one"
            assert "not known" in str(lost[0]) or "nothing was done" in str(lost[0])
            boxes.start_again("wall")
            boxes.until_known("desk", "wall")
            kept = [entry.value for entry in store.items()]
            assert kept[: len(acknowledged)] == acknowledged
            assert len(kept) <= len(acknowledged) + 1
            seen = [next(watching).value for _ in kept]
            assert seen == kept, "who watched goes on"
            boxes["wall"].stop()
            (tmp_path / "wall" / "keys.db").unlink()
            boxes.start_again("wall")
            boxes.until_known("desk", "wall")
            with pytest.raises(MissedError, match="anew"):
                next(watching)
    finally:
        boxes.close()


def test_a_damaged_value_is_told_and_no_other(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    try:
        box = boxes.start("desk", "--workers", "1")
        boxes.until_known("desk", "desk")
        with cantor.connect(box.folder):
            store = cantor.kv()
            store.set("good", 1)
            store.set("bad", b"right value" * 20)
        box.stop()
        path = tmp_path / "desk" / "keys.db"
        data = bytearray(path.read_bytes())
        at = data.index(b"right value")
        data[at] ^= 1
        path.write_bytes(data)
        box = boxes.start_again("desk")
        boxes.until_known("desk", "desk")
        with cantor.connect(box.folder):
            with pytest.raises(StoreError, match="not what was written"):
                store.get("bad")
            assert store.get("good") == 1
            store.set("bad", "mended")
            assert store.get("bad") == "mended"
    finally:
        boxes.close()
