"""Archives of code, also those that a stranger made to do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cantor.bundles.made_wheels import listing, peak

from cantor.base.errors import BundleError
from cantor.bundles import archive, tree
from cantor.bundles.archive import read_archive

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN = b"print('ready')\n"


def zipped(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            target.writestr(info, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def tarred(files: dict[str, bytes], kind: bytes = tarfile.REGTYPE, how: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=how) as target:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mode = kind, len(content), 0o755
            info.linkname = "/etc/passwd"
            target.addfile(info, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize("make", [zipped, tarred])
def test_an_archive_is_read_without_its_one_folder_and_without_what_is_no_code(
    make: object,
) -> None:
    files = {
        "counter-main/main.py": MAIN,
        "counter-main/lib/a.py": b"1",
        "counter-main/.git/x": b"",
    }

    found = read_archive(make(files))  # type: ignore[operator]

    assert {name: file.content for name, file in found.items()} == {
        "main.py": MAIN,
        "lib/a.py": b"1",
    }


def test_files_beside_a_folder_stay_where_they_are_and_files_that_run_keep_that_mark() -> None:
    assert set(read_archive(zipped({"main.py": MAIN, "lib/a.py": b""}))) == {"main.py", "lib/a.py"}
    assert read_archive(tarred({"./run.sh": b"#!"}, how="w"))["run.sh"].is_executable
    assert not read_archive(zipped({"main.py": MAIN}))["main.py"].is_executable


def test_links_bombs_and_nonsense_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"", b"PK\x03\x04", b"\x1f\x8b nonsense", zipped({"a": MAIN})[:40]):
        with pytest.raises(BundleError, match="cannot be read"):
            read_archive(data)
    with pytest.raises(BundleError, match="a link"):
        read_archive(tarred({"main.py": b""}, tarfile.SYMTYPE))
    with pytest.raises(BundleError, match="a link"):
        read_archive(zipped({"main.py": b"/etc/passwd"}, mode=0o120777))
    monkeypatch.setattr(archive, "TREE_BYTES_MAX", 1 << 20)
    with pytest.raises(BundleError, match="more than"):
        read_archive(zipped({"zeros": bytes(2 << 20)}))
    monkeypatch.setattr(archive, "ENTRIES_MAX", 3)
    with pytest.raises(BundleError, match="entries"):
        read_archive(zipped({str(number): b"" for number in range(5)}))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_path_without_end_does_not_fill_the_memory(pack: Callable[[bytes], bytes]) -> None:
    size = 512 << 20
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, size
    packed = io.BytesIO()
    block = header.tobuf(tarfile.GNU_FORMAT)
    packed.write(pack(block))
    piece = pack(bytes(16 << 20))
    for _ in range(size // (16 << 20)):
        packed.write(piece)

    with peak() as measured, pytest.raises(BundleError, match="unpacks to more than 256 MiB"):
        read_archive(packed.getvalue())

    assert measured() < archive.UNPACKED_BYTES_MAX * 1.5


def test_a_list_without_end_does_not_fill_the_memory() -> None:
    data = listing(100_000)

    with peak() as measured, pytest.raises(BundleError, match="more than 16384 entries"):
        read_archive(data)

    assert measured() < 2 * len(data)


def test_a_path_that_leads_elsewhere_is_refused_where_the_files_are_packed() -> None:
    for make in (zipped, tarred):
        found = read_archive(make({"main.py": MAIN, "../evil.py": MAIN}))
        with pytest.raises(BundleError, match="leads out of its folder"):
            tree.pack(found)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_archive_or_a_clear_error(data: bytes) -> None:
    try:
        read_archive(data)
    except BundleError:
        return
