"""Small wheels, made on the spot."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, str | bytes] | None = None,
    needs: Iterable[str] = (),
) -> Path:
    """A wheel named ``name-version-python-abi-platform`` with these files."""
    path = folder / f"{name}.whl"
    package, version, *_ = name.split("-")
    lines = ["Metadata-Version: 2.1", f"Name: {package}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in (files or {f"{package}.py": f"VERSION = '{version}'\n"}).items():
            archive.writestr(file, text)
        archive.writestr(f"{package}-{version}.dist-info/METADATA", "\n".join(lines) + "\n\n")
    return path
