"""Where CPython's tests of executors are; on Debian, which ships them apart, they are fetched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

MODULE = "test_concurrent_futures.py"


def found(folder: Path) -> Path | None:
    """A folder for the path of imports, in which this Python finds them; None if there is none."""
    if find_spec("test.test_concurrent_futures") is not None:
        return folder  # it has them itself
    installed = folder / "site-packages"
    if not (installed / "test" / MODULE).exists() and not _fetched(folder, installed):
        return None
    return installed


def _fetched(folder: Path, installed: Path) -> bool:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    package = f"libpython{version}-testsuite"
    if subprocess.run(["apt-get", "-qq", "download", package], cwd=folder).returncode != 0:
        return False
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
    lies = next(folder.glob(f"usr/lib/python3*/test/{MODULE}"))
    together = installed / "test"  # what is installed together is imported together
    together.mkdir(parents=True)
    for path in import_module("test").__path__:
        for entry in Path(path).iterdir():
            (together / entry.name).symlink_to(entry)
    (together / MODULE).symlink_to(lies)
    return True
