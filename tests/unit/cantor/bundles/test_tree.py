"""A folder as one blob: the same bytes each time, and nothing that leads out of a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import BundleError, ConfigError
from cantor.bundles import tree
from cantor.bundles.tree import File, pack, read_folder, unpack, write

if TYPE_CHECKING:
    from pathlib import Path

PATHS = st.lists(st.text("abc-", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


def packed(files: object) -> bytes:
    data: bytes = msgpack.packb({"format": 1, "files": files})
    return data


def test_a_folder_comes_out_as_it_went_in(tmp_path: Path) -> None:
    (tmp_path / "in" / "lib").mkdir(parents=True)
    (tmp_path / "in" / "main.py").write_text("import lib")
    (tmp_path / "in" / "lib" / "run").write_bytes(b"\x00\xff")
    (tmp_path / "in" / "lib" / "run").chmod(0o755)

    write(unpack(pack(read_folder(tmp_path / "in"))), tmp_path / "out")

    assert (tmp_path / "out" / "main.py").read_text() == "import lib"
    assert (tmp_path / "out" / "lib" / "run").read_bytes() == b"\x00\xff"
    assert os.access(tmp_path / "out" / "lib" / "run", os.X_OK)
    assert not os.access(tmp_path / "out" / "main.py", os.X_OK)


def test_the_bytes_do_not_depend_on_when_and_where(tmp_path: Path) -> None:
    blobs = set()
    for number, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        for file in sorted(("x.py", "y.py"), reverse=bool(number)):
            (tmp_path / name / file).write_text(file)
            os.utime(tmp_path / name / file, (number, number))
        blobs.add(pack(read_folder(tmp_path / name)))

    assert len(blobs) == 1


def test_caches_and_hidden_files_stay_and_what_is_to_be_ignored(tmp_path: Path) -> None:
    for name in (".git/config", "__pycache__/a.pyc", "logs/a.log", "data/big.bin", "main.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    assert set(read_folder(tmp_path, ["*.log", "data"])) == {"main.py"}


@pytest.mark.parametrize("pattern", ["data", "data/raw", "data/*/x.bin", "*.bin", "raw"])
def test_a_list_of_paths_is_ignored_as_a_folder_is(tmp_path: Path, pattern: str) -> None:
    paths = ["data/raw/x.bin", "main.py", "lib/data.py"]
    for name in paths:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    kept = {name for name in paths if not tree.is_ignored(name, [pattern])}

    assert kept == set(read_folder(tmp_path, [pattern])) == {"main.py", "lib/data.py"}


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "main.py").symlink_to("/etc/passwd")

    with pytest.raises(ConfigError, match=r"main.py: is a link, or no file"):
        read_folder(tmp_path)


def test_too_much_is_refused_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "TREE_BYTES_MAX", 10)
    (tmp_path / "main.py").write_text("x" * 11)

    with pytest.raises(ConfigError, match="is too large"):
        read_folder(tmp_path)


@pytest.mark.parametrize("path", [
    "../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a/", "", "a\\b", "a\0b", "a\nb", "x" * 300,
])  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(BundleError):
        unpack(packed({path: [False, b""]}))
    with pytest.raises(BundleError):
        pack({path: File(b"")})


@pytest.mark.parametrize("data", [
    b"", b"junk", packed([]), packed({"a": [False]}), packed({"a": [1, b""]}),
    packed({"a": [False, "text"]}), packed({1: [False, b""]}), msgpack.packb({"format": 9}),
    packed({"a": [False, b""], "a/b": [False, b""]}), msgpack.packb([1, 2]),
    packed({str(n): [False, b""] for n in range(5000)}),
])  # fmt: skip
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        unpack(data)


def test_a_blob_that_is_too_large_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "TREE_BYTES_MAX", 0)

    with pytest.raises(BundleError, match="limit 0"):
        unpack(bytes((1 << 20) + 1))


@given(st.dictionaries(PATHS, st.tuples(st.binary(max_size=8), st.booleans()), max_size=6))
def test_whatever_packs_unpacks_to_the_same(told: dict[str, tuple[bytes, bool]]) -> None:
    files = {name: File(*parts) for name, parts in told.items()}
    try:
        data = pack(files)
    except BundleError:
        return

    assert unpack(data) == files


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    try:
        unpack(data)
    except BundleError:
        return
