"""A folder of code out of a .zip or .tar archive, which a stranger may have made.

Nothing is written: the files come as :mod:`cantor.bundles.tree` wants them. One folder that holds
all the rest, as many tools make it, is left out of the paths.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from cantor.base.errors import BundleError
from cantor.bundles.tree import FILES_MAX, TREE_BYTES_MAX, File, has_left_out_step
from cantor.bundles.zip_directory import entries_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ENTRIES_MAX = 4 * FILES_MAX
UNPACKED_BYTES_MAX = 4 * TREE_BYTES_MAX
"""What a .tar archive holds in all, also of what is left out."""
_ZIP = b"PK"
_PACKED: dict[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_RUNS = stat.S_IXUSR
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)
_Entry = tuple[str, bool, "IO[bytes]"]


def read_archive(data: bytes) -> dict[str, File]:
    """The files of an archive by path, without those that are no part of the code.

    Raises:
        BundleError: it is neither a .zip nor a .tar (plain, .gz, .bz2 or .xz), is damaged, holds
            links or is too large.
    """
    files: dict[str, File] = {}
    left = TREE_BYTES_MAX
    try:
        for count, (path, is_executable, content) in enumerate(_entries(data)):
            if count >= ENTRIES_MAX:
                raise _too_many()
            name = path.removeprefix("./")
            if has_left_out_step(name):
                continue
            taken = content.read(left + 1)  # what an archive says of its sizes is not believed
            left -= len(taken)
            if left < 0 or len(files) >= FILES_MAX:
                raise BundleError(
                    f"an archive with more than {FILES_MAX} files or {TREE_BYTES_MAX >> 20} MiB",
                    remedy="leave out what the service does not need",
                )
            files[name] = File(taken, is_executable)
    except _DAMAGE as error:
        raise BundleError(f"an archive that cannot be read: {str(error)[:200]}") from error
    return without_common_folder(files)


def without_common_folder(files: Mapping[str, File]) -> dict[str, File]:
    """The same files; if one folder holds them all, their paths begin below it."""
    folders = {name.partition("/")[0] if "/" in name else "" for name in files}
    if len(folders) != 1 or "" in folders:
        return dict(files)
    return {name.partition("/")[2]: file for name, file in files.items()}


def _entries(data: bytes) -> Iterator[_Entry]:
    return _of_zip(data) if data.startswith(_ZIP) else _of_tar(data)


def _of_zip(data: bytes) -> Iterator[_Entry]:
    file = io.BytesIO(data)
    if entries_in(file) > ENTRIES_MAX:
        raise _too_many()
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise _link(info.filename)
            if not info.is_dir():
                with archive.open(info) as content:
                    yield info.filename, bool(mode & _RUNS), content


def _of_tar(data: bytes) -> Iterator[_Entry]:
    with tarfile.open(fileobj=io.BytesIO(_unpacked(data)), mode="r:") as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            if content is not None:
                yield info.name, bool(info.mode & _RUNS), content
            elif not info.isdir():
                raise _link(info.name)


def _unpacked(data: bytes) -> bytes:
    """The archive as it was before it was packed: what is said in it of sizes is bounded by that.

    A path of 4 GiB packs well, and ``tarfile`` reads it whole.
    """
    opened = next((opened for magic, opened in _PACKED.items() if data.startswith(magic)), None)
    if opened is None:
        return data
    with opened(io.BytesIO(data)) as file:
        unpacked = file.read(UNPACKED_BYTES_MAX + 1)
    if len(unpacked) > UNPACKED_BYTES_MAX:
        raise BundleError(
            f"an archive that unpacks to more than {UNPACKED_BYTES_MAX >> 20} MiB",
            remedy="leave out what the service does not need",
        )
    return unpacked


def _too_many() -> BundleError:
    return BundleError(f"an archive with more than {ENTRIES_MAX} entries")


def _link(name: str) -> BundleError:
    return BundleError(
        f"a link, or no file, in an archive: {name[:80]!r}",
        remedy="put the file itself there, or leave it out",
    )
