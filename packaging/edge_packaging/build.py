"""``make package``: the binaries as folders and archives in ``dist/``.

Each is built from the table in :mod:`edge_packaging.contents`, checked, described in a manifest and
packed. Exit codes: 0 done, others as in :mod:`cantor.base.errors`.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from edge_packaging.contents import BUILDS, Build, build_named
from edge_packaging.freeze import EPOCH, freeze, parts_of
from edge_packaging.manifest import Manifest, describe, digest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

MIB = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the named binaries, or all; the process's exit code."""
    parser = argparse.ArgumentParser(prog="edge_packaging.build", description=__doc__)
    parser.add_argument("builds", nargs="*", metavar="BUILD", help="default: all")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="FOLDER")
    parser.add_argument("--work", type=Path, default=Path("build/package"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        builds = [build_named(name) for name in options.builds] or BUILDS
        for number, build in enumerate(builds, 1):
            _say(f"[{number}/{len(builds)}] {build.name}: freezing, a minute or two")
            started = time.monotonic()
            manifest, archive = make(build, options.out, options.work)
            _say(
                f"[{number}/{len(builds)}] {build.name}: {archive} "
                f"({archive.stat().st_size / MIB:.1f} MiB, unpacked "
                f"{manifest.size_bytes / MIB:.1f} MiB), needs glibc {manifest.glibc}, "
                f"{time.monotonic() - started:.0f} s"
            )
    except CantorError as error:
        sys.stderr.write(f"package: {error}\n")
        return error.exit_code
    return 0


def make(build: Build, out: Path, work: Path) -> tuple[Manifest, Path]:
    """Build one binary; its manifest and its archive in ``out``, beside it the folder and digest.

    Raises:
        CantorError: it cannot be built, or holds something that must not be shipped.
    """
    frozen = freeze(build, work / build.name)
    manifest = describe(build, frozen, parts_of(work / build.name))
    write_manifest(manifest, frozen)
    name = f"cantor-agent-{build.name}-{manifest.version}-{manifest.platform}"
    out.mkdir(parents=True, exist_ok=True)
    folder = out / name
    if folder.exists():
        shutil.rmtree(folder)
    shutil.move(frozen, folder)
    archive = out / f"{name}.tar.gz"
    pack(folder, archive)
    archive.with_name(f"{archive.name}.sha256").write_text(f"{digest(archive)}  {archive.name}\n")
    return manifest, archive


def pack(folder: Path, archive: Path) -> None:
    """Pack a folder so that equal folders give equal bytes: no owners, no times, one order."""
    unfinished = archive.with_name(f"{archive.name}.unfinished")
    with (
        unfinished.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=int(EPOCH)) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            tar.add(path, f"{folder.name}/{path.relative_to(folder)}", False, filter=_anonymous)
    unfinished.replace(archive)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(EPOCH)
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o111 else 0o644
    return entry


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
