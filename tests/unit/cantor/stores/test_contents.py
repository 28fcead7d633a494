"""Files of objects: whole or not there, and what a bad disk does to them is found."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.stores.contents import CHUNK_BYTES, HASH_BYTES, Content, Contents, RealDisk
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Buffer


class BadDisk(RealDisk):
    """Fails where it is told to, and counts it."""

    def __init__(self, *, fails_at: str = "", error: int = errno.EIO, room: int = 1 << 40) -> None:
        self.fails_at = fails_at
        self.error = error
        self.room = room
        self.failed = 0

    def _maybe(self, where: str) -> None:
        if where == self.fails_at:
            self.failed += 1
            raise OSError(self.error, os.strerror(self.error))

    def write(self, descriptor: int, data: Buffer, at: int) -> int:
        if self.fails_at == "write" and not self.failed:  # it takes a part, and refuses then
            self.failed += 1
            return super().write(descriptor, memoryview(data)[:10], at)
        self._maybe("write")
        return super().write(descriptor, data, at)

    def read(self, descriptor: int, size: int, at: int) -> bytes:
        self._maybe("read")
        return super().read(descriptor, size, at)

    def sync(self, descriptor: int) -> None:
        self._maybe("sync")
        super().sync(descriptor)

    def rename(self, draft: Path, path: Path) -> None:
        self._maybe("rename")
        super().rename(draft, path)

    def free(self, folder: Path) -> int:
        del folder
        return self.room


def written(contents: Contents, data: bytes) -> Path:
    draft = contents.draft(len(data))
    descriptor = os.open(draft, os.O_WRONLY)
    try:
        contents.write(descriptor, data, 0)
    finally:
        os.close(descriptor)
    return draft


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_is_kept_is_there_under_its_hash(tmp_path: Path, size: int) -> None:
    contents = Contents(tmp_path)
    data = os.urandom(size)
    draft = written(contents, data)
    content = contents.measure(draft)
    assert content.size == size
    assert content.chunks == -(-size // CHUNK_BYTES)
    path = contents.keep(draft, content)
    assert path.read_bytes() == data
    assert path.name == content.id
    assert contents.has(content)
    assert contents.damage(content) == []
    assert not draft.exists()
    assert Content.told(size, content.hashes).id == content.id
    assert [(name, found) for name, found, _ in contents.all()] == [(content.id, size)]


def test_a_flipped_bit_is_found_in_its_chunk(tmp_path: Path) -> None:
    contents = Contents(tmp_path)
    draft = written(contents, os.urandom(3 * CHUNK_BYTES + 5))
    content = contents.measure(draft)
    path = contents.keep(draft, content)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(2 * CHUNK_BYTES + 7)
        (byte,) = file.read(1)
        file.seek(2 * CHUNK_BYTES + 7)
        file.write(bytes([byte ^ 1]))
    assert contents.damage(content) == [2]
    os.truncate(path, CHUNK_BYTES)
    assert not contents.has(content)
    assert contents.damage(content) == [1, 2, 3]


def test_drafts_of_a_process_that_has_ended_are_cleared_and_the_rest_stays(tmp_path: Path) -> None:
    contents = Contents(tmp_path)
    draft = written(contents, b"kept")
    content = contents.measure(draft)
    contents.keep(draft, content)
    left = written(contents, b"half")
    again = Contents(tmp_path)
    assert not left.exists()
    assert again.has(content)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_to_write_is_told(tmp_path: Path, error: int) -> None:
    disk = BadDisk(fails_at="write", error=error)
    contents = Contents(tmp_path, disk)
    with pytest.raises(StoreError, match=os.strerror(error)):
        written(contents, b"x" * 100)
    assert disk.failed == 2, "after a part"


@pytest.mark.parametrize("fails_at", ["sync", "rename"])
def test_what_cannot_be_kept_is_not_there(tmp_path: Path, fails_at: str) -> None:
    disk = BadDisk(fails_at=fails_at)
    contents = Contents(tmp_path, disk)
    draft = written(contents, b"x" * 100)
    content = contents.measure(draft)
    with pytest.raises(StoreError, match="Input/output"):
        contents.keep(draft, content)
    assert disk.failed == 1
    assert not contents.has(content)
    assert not draft.exists(), "it takes no room"


def test_a_disk_that_does_not_read_is_told(tmp_path: Path) -> None:
    disk = BadDisk()
    contents = Contents(tmp_path, disk)
    draft = written(contents, b"x" * 100)
    content = contents.measure(draft)
    contents.keep(draft, content)
    disk.fails_at = "read"
    with pytest.raises(StoreError, match="Input/output"):
        contents.damage(content)
    assert disk.failed == 1


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    contents = Contents(tmp_path, BadDisk(room=100 << 20))
    contents.draft(30 << 20)
    with pytest.raises(StoreError, match="do not fit"):
        contents.draft(40 << 20)


@given(st.one_of(st.none(), st.integers(), st.text()), st.one_of(st.none(), st.binary()))
@settings(max_examples=100, deadline=None)
def test_what_others_say_of_bytes_is_checked(size: object, hashes: object) -> None:
    try:
        content = Content.told(size, hashes)
    except RemoteProtocolError:
        return
    assert len(content.hashes) == content.chunks * HASH_BYTES


def test_a_chunk_is_compared_with_its_hash() -> None:
    chunks = [b"a" * CHUNK_BYTES, b"b" * 10]
    content = Content(CHUNK_BYTES + 10, b"".join(hashlib.sha256(one).digest() for one in chunks))
    assert content.has(1, chunks[1])
    assert not content.has(0, chunks[1])
    assert [content.bytes_of(chunk) for chunk in range(2)] == [CHUNK_BYTES, 10]
