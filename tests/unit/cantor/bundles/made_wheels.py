"""Small wheels, made on the spot."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, str | bytes] | None = None,
    needs: Iterable[str] = (),
    *,
    for_pip: bool = False,
) -> Path:
    """A wheel named ``name-version-python-abi-platform`` with these files; pip wants one more."""
    path = folder / f"{name}.whl"
    package, version, *_ = name.split("-")
    lines = ["Metadata-Version: 2.1", f"Name: {package}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in (files or {f"{package}.py": f"VERSION = '{version}'\n"}).items():
            archive.writestr(file, text)
        about = f"{package}-{version}.dist-info"
        archive.writestr(f"{about}/METADATA", "\n".join(lines) + "\n\n")
        if for_pip:
            tag = "-".join(name.split("-")[2:])
            kind = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
            archive.writestr(f"{about}/WHEEL", kind)
    return path


def listing(count: int) -> bytes:
    """An archive of nothing but a list of so many empty files."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 1, *[0] * 6) + b"a"
    entries = entry * count
    return entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entries), 0, 0)


@contextmanager
def peak() -> Iterator[Callable[[], int]]:
    """Tell the most memory, in bytes, that was taken at once meanwhile."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield lambda: most
    finally:
        most = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
