"""Objects of real agents that are killed, cut off, and whose disks flip bits."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor
from cantor import objects
from cantor.base.errors import UnavailableError
from cantor.state.object_files import asked
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
FOR_OTHERS = ("--workers", "1", "--code-run", "tenant")
MIB = 1 << 20


def test_an_owner_that_is_away(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", *FOR_OTHERS)
        boxes.until_known("desk", "wall")
        with cantor.connect(boxes["desk"].folder):
            ref = objects.put(b"here" * MIB, node="wall")
            unread = objects.put([1], node="wall")
            assert objects.get(ref) == b"here" * MIB
            boxes["wall"].kill()
            until(lambda: not is_there("wall"))
            with pytest.raises(UnavailableError):
                objects.get(ref)
            assert objects.get(ref, stale_ok=True) == b"here" * MIB
            with pytest.raises(UnavailableError):
                objects.get(unread, stale_ok=True)
            with pytest.raises(UnavailableError):
                objects.put(1, node="wall")
            boxes.start_again("wall")
            boxes.until_known("desk", "wall")
            assert objects.get(ref) == b"here" * MIB
            assert objects.get(unread) == [1]
            assert objects.update(unread, lambda value: [*value, 2]) == 2
    finally:
        boxes.close()


def is_there(node: str) -> bool:
    try:
        asked("list", {}, node=node).result()
    except UnavailableError:
        return False
    return True


def test_a_kill_of_the_owner_while_it_takes_and_while_it_gives(tmp_path: Path) -> None:
    """Killed in the middle of a transfer: what was acknowledged is there, nothing is half there."""
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", *FOR_OTHERS)
        boxes.until_known("desk", "wall")
        with cantor.connect(boxes["desk"].folder):
            kept = objects.put(os.urandom(2 * MIB), node="wall", name="kept")
            first = objects.get(kept)
            data = os.urandom(100 * MIB)
            failed: list[BaseException] = []

            def put() -> None:
                try:
                    objects.put(data, node="wall", name="large")
                except (UnavailableError, StoreError) as error:
                    failed.append(error)

            drafts = tmp_path / "wall" / "objects" / "drafts"
            writer = threading.Thread(target=put)
            writer.start()
            until(lambda: any(path.stat().st_blocks > 0 for path in drafts.iterdir()))
            boxes["wall"].kill()
            assert any(drafts.iterdir()), "it was killed before all was there"
            writer.join()
            assert failed, "the kill came too late to be one"
            boxes.start_again("wall")
            boxes.until_known("desk", "wall")
            assert [info.name for info in objects.list("wall")] == ["kept"]
            assert objects.get(kept) == first
            assert not any(drafts.iterdir()), "what was half there is gone"

        data = os.urandom(100 * MIB)  # other bytes: the desk has a copy of those
        with cantor.connect(boxes["wall"].folder):
            large = objects.put(data, name="large")
        with cantor.connect(boxes["desk"].folder):
            failed.clear()

            def get() -> None:
                try:
                    objects.get(large)
                except (UnavailableError, StoreError) as error:
                    failed.append(error)

            drafts = tmp_path / "desk" / "objects" / "drafts"
            reader = threading.Thread(target=get)
            reader.start()
            until(lambda: any(path.stat().st_blocks > 0 for path in drafts.iterdir()))
            boxes["wall"].kill()
            reader.join()
            assert isinstance(failed[0], UnavailableError)
            boxes.start_again("wall")
            boxes.until_known("desk", "wall")
            assert objects.get(large) == data
    finally:
        boxes.close()


def test_a_flipped_bit_is_found_and_mended_from_a_copy(tmp_path: Path) -> None:
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", *FOR_OTHERS)
        boxes.until_known("desk", "wall")
        data = os.urandom(3 * MIB)
        with cantor.connect(boxes["wall"].folder):
            ref, alone = objects.put(data), objects.put(os.urandom(MIB))
        with cantor.connect(boxes["desk"].folder):
            assert objects.get(ref) == data
        flipped = [flip(path) for path in (tmp_path / "wall" / "objects" / "contents").iterdir()]
        assert len(flipped) == 2
        with cantor.connect(boxes["desk"].folder):
            with pytest.raises(StoreError, match="damaged"):
                objects.get(alone)
            assert objects.get(ref) == data, "the copy is good"
        with cantor.connect(boxes["wall"].folder):
            with pytest.raises(StoreError, match="not what was written"):
                objects.get(alone)
            assert objects.get(ref) == data, "mended from the copy of the other node"
    finally:
        boxes.close()


def flip(path: Path) -> Path:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    return path
