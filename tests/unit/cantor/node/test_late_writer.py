from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.node.late_writer import LateWriter

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0


class GatedDisk:
    """A disk whose first write waits until the test lets it go on."""

    def __init__(self) -> None:
        self.began, self.gate = threading.Event(), threading.Event()
        self.written: list[tuple[str, bytes, str]] = []
        self.is_full = False

    def write(self, path: Path, data: bytes) -> None:
        self.began.set()
        assert self.gate.wait(WAIT_S)
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.written.append((path.name, data, threading.current_thread().name))


def test_a_burst_is_written_once_with_the_newest_content_in_another_thread(tmp_path: Path) -> None:
    disk = GatedDisk()
    writer = LateWriter(disk.write)
    writer.put(tmp_path / "peers", lambda: b"first")
    assert disk.began.wait(WAIT_S)
    for number in range(100):
        writer.put(tmp_path / "peers", lambda number=number: str(number).encode())  # type: ignore[misc]
    disk.gate.set()
    writer.kept()
    assert disk.written == [("peers", b"first", "node-memory"), ("peers", b"99", "node-memory")]
    writer.close()


def test_nothing_is_lost_at_close(tmp_path: Path) -> None:
    disk = GatedDisk()
    writer = LateWriter(disk.write)
    writer.put(tmp_path / "a", lambda: b"1")
    assert disk.began.wait(WAIT_S)
    writer.put(tmp_path / "b", lambda: b"2")
    threading.Timer(0.01, disk.gate.set).start()
    writer.close()
    assert {name: data for name, data, _ in disk.written} == {"a": b"1", "b": b"2"}


def test_a_full_disk_is_said_until_a_write_succeeds(tmp_path: Path) -> None:
    disk = GatedDisk()
    disk.gate.set()
    disk.is_full = True
    writer = LateWriter(disk.write)
    writer.put(tmp_path / "facts", lambda: b"1")
    with pytest.raises(UnavailableError, match=r"facts: cannot be written: No space left"):
        writer.kept()
    disk.is_full = False
    writer.put(tmp_path / "facts", lambda: b"2")
    writer.kept()
    writer.close()
    assert disk.written[-1][:2] == ("facts", b"2")


def test_it_may_be_used_again_after_close(tmp_path: Path) -> None:
    writer = LateWriter()
    for content in (b"1", b"2"):
        writer.put(tmp_path / "x", lambda content=content: content)  # type: ignore[misc]
        writer.close()
        assert (tmp_path / "x").read_bytes() == content
