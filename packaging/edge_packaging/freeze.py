"""PyInstaller told what the table says. Started by ``edge_packaging.build``; the spec asks here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.program import BUILD_FILE
from edge_packaging.contents import DISTRIBUTION, Build, hidden_modules
from edge_packaging.elf import is_elf
from edge_packaging.verbs import left_out_verbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Entries = Iterable[tuple[str, str, str]]

SPEC = Path(__file__).resolve().parents[1] / "specs" / "agent.spec"
START = "import sys\n\nfrom cantor.cli.main import main\n\nsys.exit(main())\n"
METADATA_KEPT = ("METADATA", "entry_points.txt")
"""Of our own metadata: the rest names folders of the building machine."""
EPOCH = "1700000000"
PARTS_FILE = "parts.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """The Python modules of a binary, and where each shared library in its folder comes from."""

    modules: tuple[str, ...]
    sources: dict[str, str]


def freeze(build: Build, work: Path) -> Path:
    """Make the folder of one binary below ``work``; the path of that folder.

    Raises:
        UnavailableError: PyInstaller is not installed.
        ConfigError: PyInstaller cannot make it; its log is named.
    """
    work = work.resolve()  # the spec reads paths as seen from its own folder
    work.mkdir(parents=True, exist_ok=True)
    script = work / "start_cantor.py"
    script.write_text(START, encoding="utf-8")
    log = work / "pyinstaller.log"
    command = [
        *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"),
        *("--distpath", str(work / "dist"), "--workpath", str(work / "work")),
        *(str(SPEC), "--", build.name, str(script)),
    ]
    # Equal inputs make equal bytes: no random hash order, no time of day.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": EPOCH}
    with log.open("wb") as out:
        done = subprocess.run(  # noqa: S603 # our own interpreter, our own spec
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, check=False
        )
    if b"No module named PyInstaller" in log.read_bytes():
        raise UnavailableError("PyInstaller is not installed", remedy="pip install pyinstaller")
    if done.returncode:
        raise ConfigError("PyInstaller failed", where=build.name, remedy=f"read {log}")
    folder = work / "dist" / build.name
    _strip(folder)
    return folder


def analysis_options(build: Build, script: Path) -> dict[str, object]:
    """What the spec gives to ``Analysis``."""
    from PyInstaller.utils.hooks import collect_submodules  # type: ignore[import-untyped,import-not-found,unused-ignore]

    ours = [module for package in build.packages for module in collect_submodules(package)]
    return {
        "scripts": [str(script)],
        "pathex": [str(_folder_of(package).parent) for package in build.packages],
        "hiddenimports": [*hidden_modules(build), *ours],
        "excludes": list(build.excluded),
        "datas": [*_metadata(), *_data_files(build), (str(_build_file(build, script)), ".")],
        "noarchive": False,
        "optimize": 2,  # docstrings, which nobody reads there, would stay in memory for weeks
    }


def note_parts(work: Path, modules: Entries, binaries: Entries) -> None:
    """Keep what the spec knows and the finished folder does not tell: see :func:`parts_of`."""
    parts = Parts(
        tuple(name for name, _, _ in modules), {name: source for name, source, _ in binaries}
    )
    (work / PARTS_FILE).write_text(json.dumps(asdict(parts)), encoding="utf-8")


def parts_of(work: Path) -> Parts:
    """What a binary made by :func:`freeze` was made of."""
    return Parts(**json.loads((work / PARTS_FILE).read_text(encoding="utf-8")))


def _metadata() -> Iterator[tuple[str, str]]:
    """Our metadata, by which a frozen program finds its entry points."""
    ours = distribution(DISTRIBUTION)
    target = f"{DISTRIBUTION.replace('-', '_')}-{ours.version}.dist-info"
    for file in ours.files or ():
        if file.name in METADATA_KEPT and file.parent.name == target:
            yield str(file.locate()), target


def _data_files(build: Build) -> Iterator[tuple[str, str]]:
    for package, pattern in build.data:
        folder = _folder_of(package)
        found = sorted(folder.glob(pattern))
        if not found:
            raise ConfigError("the table names files that are not there", where=pattern)
        yield from ((str(path), str(path.parent.relative_to(folder.parent))) for path in found)


def _build_file(build: Build, script: Path) -> Path:
    path = script.with_name(BUILD_FILE)
    path.write_text(json.dumps({"name": build.name, "left_out": left_out_verbs(build)}))
    return path


def _folder_of(package: str) -> Path:
    return Path(str(files(package)))


def _strip(folder: Path) -> None:
    """Take debug symbols out. Libraries moved into wheels break when stripped, so they are left."""
    program = shutil.which("strip")
    if program is None:
        return
    wanted = [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not any(part.endswith(".libs") for part in path.relative_to(folder).parts)
        and path.parent != folder  # the program carries its archive behind the ELF part
        and is_elf(path)
    ]
    subprocess.run([program, "--strip-unneeded", *wanted], check=True)  # noqa: S603 # own files
