"""A folder with this Python, the node's code and the attempts, which anybody may read.

Programs of one user often lie in that user's home, where others cannot go; and a virtual machine
has nothing but what it is given.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution

ROOT = Path(__file__).resolve().parents[2]
OWN = ("agent/cantor", "tests/bed", "tests/escapes", "tests/integration/cantor/workers/escapes")
NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
_NOT_NEEDED = shutil.ignore_patterns(
    "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3",
    "config-*", "pydoc_data",
)  # fmt: skip
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def make_place(folder: Path) -> list[str]:
    """Fill ``folder``; the command, below its real path, that runs the attempts."""
    home = Path(sys.base_prefix)
    program = folder / "bin" / NAME
    program.parent.mkdir(parents=True)
    shutil.copy(Path(sys.executable).resolve(), program)
    library = folder / "lib" / NAME
    shutil.copytree(home / "lib" / NAME, library, ignore=_NOT_NEEDED)
    for shared in (home / "lib").glob(f"lib{NAME}*.so*"):
        shutil.copy(shared, folder / "lib")
    site = library / "site-packages"
    for name in ("cantor-edge", *_needed("cantor-edge")):
        _copy_files(distribution(name), site)
    for part in OWN:
        shutil.copytree(ROOT / part, site / part.removeprefix("agent/"), dirs_exist_ok=True)
    folder.chmod(0o755)
    return [str(program), "-m", "tests.escapes.run"]


def environment(folder: str) -> dict[str, str]:
    """What the command needs: where the shared library of this Python is, and no more."""
    return {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": f"{folder}/lib"}


def libraries(programs: Iterable[Path]) -> set[Path]:
    """What the loader takes for these programs and libraries from this machine."""
    asked = ["ldd", *map(str, programs)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return {Path(found) for found in _LIBRARY.findall(told)}


def _needed(name: str) -> Iterator[str]:
    """What a distribution needs here, and what that needs, without extras."""
    known, open_ = {name}, [name]
    while open_:
        for line in distribution(open_.pop()).requires or ():
            wanted = Requirement(line)
            if wanted.name not in known and _holds(wanted):
                known.add(wanted.name)
                open_.append(wanted.name)
                yield wanted.name


def _holds(wanted: Requirement) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({"extra": ""})


def _copy_files(of: Distribution, site: Path) -> None:
    for file in of.files or ():
        source = Path(str(of.locate_file(file)))
        if ".." in file.parts or file.suffix == ".pth" or not source.is_file():
            continue
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, site / file)
