"""Keys that several real agents keep: over kills, takeovers and the loss of a node for good."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor
from cantor.base.errors import CantorError, ConflictError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
FOR_OTHERS = ("--workers", "0", "--code-run", "tenant")


@contextmanager
def mesh(folder: Path, *names: str) -> Iterator[Boxes]:
    """A desk that issues, and these nodes."""
    boxes = Boxes(folder)
    try:
        boxes.start("desk", "--workers", "1", is_issuer=True)
        for name in names:
            boxes.start(name, *FOR_OTHERS)
        until(lambda: boxes["desk"].ask("status")["nodes_online"] == len(names) + 1)
        yield boxes
    finally:
        boxes.close()


def test_two_keep_it_and_each_can_be_read_while_the_other_is_away(tmp_path: Path) -> None:
    with mesh(tmp_path, "a", "b") as boxes, cantor.connect(boxes["desk"].folder):
        store = cantor.kv("a", "pair")
        store.create(replicas=2)
        store.create(replicas=2)
        with pytest.raises(ConflictError, match="2 copies"):
            store.create(replicas=3)
        revision = store.set("line", {"speed": 12})
        assert store.entry("line").revision == revision  # type: ignore[union-attr]
        with pytest.raises(ConflictError):
            store.set("line", 1, expect=0)
        boxes["a"].kill()
        until(lambda: boxes["desk"].ask("status")["nodes_online"] == 2)
        assert store.get("line") == {"speed": 12}, "the other one has it"
        with pytest.raises(UnavailableError, match=r"not changed|not known"):
            store.set("line", {"speed": 13})
        boxes.start_again("a")

        def can_change() -> bool:
            try:
                store.set("line", {"speed": 14})
            except UnavailableError:
                return False
            return True

        until(can_change)
        assert store.get("line") == {"speed": 14}


def test_three_go_on_when_the_owner_is_killed_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    with mesh(tmp_path, "a", "b", "c") as boxes, cantor.connect(boxes["desk"].folder):
        store = cantor.kv("a", "three")
        store.create(replicas=3)
        acknowledged: list[int] = []
        doubtful: list[int] = []
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                try:
                    store.set(f"{number:06}", number)
                    acknowledged.append(number)
                except UnavailableError:
                    doubtful.append(number)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(2):  # first it owns the group, then it is a member that has been away
                count = len(acknowledged)
                until(lambda count=count: len(acknowledged) > count + 30)  # type: ignore[misc]
                boxes["a"].kill()
                count = len(acknowledged)
                until(lambda count=count: len(acknowledged) > count + 30)  # type: ignore[misc]
                boxes.start_again("a")
        finally:
            stop.set()
            writer.join()
        kept = [entry.value for entry in store.items()]
        assert set(acknowledged) <= set(kept)
        assert set(kept) <= {*acknowledged, *doubtful}


def test_a_node_that_is_lost_for_good_is_replaced(tmp_path: Path) -> None:
    with mesh(tmp_path, "a", "b", "c", "d") as boxes, cantor.connect(boxes["desk"].folder):
        store = cantor.kv("a", "long")
        store.create(replicas=2)
        for number in range(20):
            store.set(f"{number:06}", number)
        lost = boxes["a"]
        lost_id = lost.ask("status")["id"]
        lost.kill()
        shutil.rmtree(lost.folder)
        until(lambda: boxes["desk"].ask("status")["nodes_online"] == 4)
        boxes["desk"].ask("node.deny", node=lost_id, for_ever=True)

        def can_change() -> bool:
            try:
                cantor.kv(lost_id, "long").set("after", 1)
            except CantorError:
                return False
            return True

        until(can_change)
        kept = [entry.value for entry in cantor.kv(lost_id, "long").items()]
        assert kept == [*range(20), 1]
