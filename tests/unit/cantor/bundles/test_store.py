"""The cache of code: whole or not there, of bounded size, and unharmed by a full disk."""

from __future__ import annotations

import errno
import hashlib
import io
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cantor.base.errors import BundleError, UnavailableError
from cantor.bundles.store import RealDisk, Store

if TYPE_CHECKING:
    from pathlib import Path


def id_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def kept(store: Store, data: bytes) -> Path:
    return store.put(id_of(data), [data])


def write(name: str, text: str, folder: Path) -> None:
    (folder / name).write_text(text)


class FullFile(io.FileIO):
    """A file on a disk that has no room for more than ``left`` bytes."""

    def __init__(self, path: Path, left: int) -> None:
        super().__init__(path, "x")
        self._left = left

    def write(self, data: Any) -> int:  # noqa: ANN401 (any buffer)
        if len(data) > self._left:
            super().write(data[: self._left])
            raise OSError(errno.ENOSPC, "No space left on device")
        self._left -= len(data)
        return super().write(data)


class FullDisk(RealDisk):
    """A disk that refuses: after so many bytes of a file, or to give a name."""

    def __init__(self, bytes_left: int = 10**9, *, publishes: bool = True) -> None:
        self.bytes_left = bytes_left
        self.publishes = publishes
        self.refused = 0

    def create(self, path: Path) -> IO[bytes]:
        return FullFile(path, self.bytes_left)

    def publish(self, draft: Path, path: Path) -> None:
        if not self.publishes:
            self.refused += 1
            raise OSError(errno.EIO, "Input/output error")
        super().publish(draft, path)


def test_what_was_put_is_found_also_later(tmp_path: Path) -> None:
    path = kept(Store(tmp_path), b"code")

    assert path.read_bytes() == b"code"
    assert Store(tmp_path).blob(id_of(b"code")) == path
    assert Store(tmp_path).blob(id_of(b"other")) is None


def test_bytes_with_another_hash_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)

    with pytest.raises(BundleError, match="the bytes have another hash"):
        store.put(id_of(b"code"), [b"co", b"ed"])

    assert store.size == 0
    assert list((tmp_path / "drafts").iterdir()) == []


def test_what_was_damaged_is_found_at_its_first_use(tmp_path: Path) -> None:
    path = kept(Store(tmp_path), b"code")
    path.write_bytes(b"c0de")

    store = Store(tmp_path)

    assert store.blob(id_of(b"code")) is None
    assert kept(store, b"code").read_bytes() == b"code"


@pytest.mark.parametrize("name", ["../" * 8 + "x" * 40, "short", "A" * 64, ""])
def test_what_is_no_id_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not an id"):
        Store(tmp_path).blob(name)


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    store = Store(tmp_path, bytes_max=30)
    for data in (b"a" * 10, b"b" * 10, b"c" * 10):
        kept(store, data)
    store.blob(id_of(b"a" * 10))

    kept(store, b"d" * 15)

    assert store.ids() == [id_of(b"a" * 10), id_of(b"d" * 15)]


def test_the_order_of_use_outlives_the_process(tmp_path: Path) -> None:
    first = Store(tmp_path, bytes_max=30)
    for data in (b"a" * 10, b"b" * 10, b"c" * 10):
        kept(first, data)
    first.blob(id_of(b"a" * 10))

    assert Store(tmp_path).ids() == [id_of(letter * 10) for letter in (b"b", b"c", b"a")]


def test_what_is_held_stays(tmp_path: Path) -> None:
    store = Store(tmp_path, bytes_max=25)
    held = kept(store, b"a" * 10)
    kept(store, b"b" * 10)

    with store.hold(held):
        kept(store, b"c" * 15)
        with pytest.raises(UnavailableError, match="do not fit beside what is in use"):
            kept(store, b"d" * 20)
        assert store.ids() == [id_of(b"a" * 10), id_of(b"c" * 15)]
    kept(store, b"d" * 20)

    assert store.ids() == [id_of(b"d" * 20)]


@pytest.mark.parametrize("disk", [FullDisk(3), FullDisk(publishes=False)], ids=["full", "broken"])
def test_a_disk_that_refuses_is_one_error_and_nothing_is_broken(
    disk: FullDisk, tmp_path: Path
) -> None:
    before = kept(Store(tmp_path), b"a")
    store = Store(tmp_path, disk=disk)

    with pytest.raises(UnavailableError, match="the cache of code cannot be written: "):
        kept(store, b"too long")

    assert store.blob(id_of(b"a")) == before
    assert list((tmp_path / "drafts").iterdir()) == []
    disk.bytes_left, disk.publishes = 100, True
    assert kept(store, b"too long").read_bytes() == b"too long"


def test_what_a_process_that_ended_had_begun_is_gone(tmp_path: Path) -> None:
    Store(tmp_path)
    (tmp_path / "drafts" / "half").write_bytes(b"x")
    (tmp_path / "drafts" / "tree").mkdir()

    Store(tmp_path)

    assert list((tmp_path / "drafts").iterdir()) == []


def test_a_draft_is_kept_if_its_hash_is_right(tmp_path: Path) -> None:
    store = Store(tmp_path)
    wrong, right = store.draft(), store.draft()
    wrong.write_bytes(b"c0de")
    right.write_bytes(b"code")

    with pytest.raises(BundleError, match="the bytes have another hash"):
        store.adopt(wrong, id_of(b"code"), id_of(b"c0de"))
    path = store.adopt(right, id_of(b"code"), id_of(b"code"))

    assert path == store.blob(id_of(b"code"))
    assert list((tmp_path / "drafts").iterdir()) == []


def test_a_tree_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path)
    wheel = id_of(b"wheel")

    def fails(folder: Path) -> None:
        (folder / "half.py").write_text("x")
        raise BundleError("damaged")

    with pytest.raises(BundleError, match="damaged"):
        store.put_tree(wheel, fails)
    assert store.tree(wheel) is None

    path = store.put_tree(wheel, partial(write, "whole.py", "x = 1"))

    assert store.put_tree(wheel, fails) == path == Store(tmp_path).tree(wheel)
    assert store.size == 5


def test_a_tree_makes_room_and_is_removed_whole(tmp_path: Path) -> None:
    store = Store(tmp_path, bytes_max=10)
    store.put_tree(id_of(b"w"), partial(write, "a.py", "12345678"))

    kept(store, b"12345")

    assert store.tree(id_of(b"w")) is None
    assert list((tmp_path / "trees").iterdir()) == []


def test_a_draft_for_which_room_was_made_counts(tmp_path: Path) -> None:
    store = Store(tmp_path, bytes_max=10)
    kept(store, b"1234")
    with store.room(8):
        assert (store.size, store.ids()) == (8, [])
        with pytest.raises(UnavailableError, match="do not fit"):
            kept(store, b"123")
        kept(store, b"12")

    assert store.size == 2


class Cache(RuleBasedStateMachine):
    """Any order of puts, uses and restarts: never too large, and what is there is right."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.store = Store(self.path, bytes_max=50)

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(data=st.binary(max_size=20))
    def put(self, data: bytes) -> None:
        assert kept(self.store, data).read_bytes() == data

    @rule(data=st.binary(max_size=3))
    def use(self, data: bytes) -> None:
        path = self.store.blob(id_of(data))
        assert path is None or path.read_bytes() == data

    @rule()
    def restart(self) -> None:
        before = set(self.store.ids())
        self.store = Store(self.path, bytes_max=50)
        assert set(self.store.ids()) == before

    @invariant()
    def is_bounded(self) -> None:
        there = sum(path.stat().st_size for path in (self.path / "blobs").iterdir())
        assert there == self.store.size <= 50


TestCache = Cache.TestCase
TestCache.settings = settings(max_examples=20, stateful_step_count=15)
