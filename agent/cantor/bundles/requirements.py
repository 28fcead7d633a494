"""From requirements to the wheels that a node needs: out of a folder, or from an index by pip.

Only who submits does this. Nodes get the wheels and need neither pip nor an index.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from cantor.base.errors import BundleError, UnavailableError, WrongPlatform
from cantor.base.text_file import read_text
from cantor.bundles.wheels import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.version import Version

    from cantor.bundles.wheels import Target

PIP_TIMEOUT_S = 600
WHEELS_MAX = 512


def parse(texts: Iterable[str]) -> list[Requirement]:
    """Requirements as people write them, one a line in a file: ``numpy>=2.0``.

    Raises:
        BundleError: one of them is none.
    """
    found = []
    for text in texts:
        line = text.partition(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        try:
            found.append(Requirement(line))
        except InvalidRequirement as error:
            raise BundleError(
                f"not a requirement: {line[:200]!r}", remedy="write NAME or NAME==VERSION"
            ) from error
    return found


def lines_of(requirements: Sequence[str] | str | PathLike[str]) -> tuple[str, ...]:
    """Requirements that are given as a list, or as a file with one a line.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not isinstance(requirements, str | PathLike):
        return tuple(requirements)
    return tuple(read_text(Path(requirements)).splitlines())


def applying(requirements: Iterable[Requirement], target: Target) -> list[Requirement]:
    """Those whose markers hold on a node."""
    return [one for one in requirements if _applies(one, target, set())]


def is_met_here(requirement: Requirement) -> bool:
    """Whether this Python has it already."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


def from_folder(requirements: Iterable[Requirement], folder: Path, target: Target) -> list[Path]:
    """The wheels of a folder that meet the requirements and what those need in turn.

    The newest version that fits is taken; nothing taken is given up again for another.

    Raises:
        WrongPlatform: the folder has it, but not for that node.
        BundleError: the folder does not have it, or two requirements contradict each other.
    """
    wheels = sorted(folder.glob("*.whl"))
    waiting = [one for one in requirements if _applies(one, target, set())]
    taken: dict[str, Path] = {}
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop(0)
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        chosen = taken.get(name) or _newest(requirement, wheels, target)
        if _version(chosen) not in requirement.specifier:
            raise BundleError(
                f"{chosen.name} was taken, and {requirement} is needed as well",
                where=str(folder),
                remedy="name one version that all of them accept",
            )
        taken[name] = chosen
        waiting += _needs_of(chosen, requirement.extras, target)
    return list(taken.values())


def from_index(
    requirements: Sequence[Requirement],
    folder: Path,
    target: Target,
    *,
    pip: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[Path]:
    """The wheels that pip finds on its index for a node, put into ``folder``.

    ``pip`` is the command, by default the one of this Python or on the path; ``options`` are given
    to it (``--index-url``).

    Raises:
        WrongPlatform: the index has no such wheel for that node.
        UnavailableError: there is no pip, or it fails otherwise.
    """
    command = [
        *(pip or _pip()),
        *("download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--only-binary", ":all:", "--dest", str(folder), "--python-version", target.python),
        *("--implementation", "cp"),
        *(part for platform in target.platforms for part in ("--platform", platform)),
        *(*options, "--", *map(str, requirements)),
    ]
    try:
        done = subprocess.run(  # noqa: S603 (pip, with what the person asked for)
            command, capture_output=True, text=True, check=False, timeout=PIP_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            f"pip cannot be run: {error}", remedy="give a folder of wheels instead"
        ) from error
    if done.returncode:
        raise _pip_error(done.stderr, target)
    return sorted(folder.glob("*.whl"))


def _pip() -> list[str]:
    if find_spec("pip") is not None and not getattr(sys, "frozen", False):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        found = shutil.which(name)
        if found:
            return [found]
    uv = shutil.which("uv")
    if uv:
        return [uv, "tool", "run", "pip"]
    raise UnavailableError(
        "neither pip nor uv is here", remedy="install one of them, or give a folder of wheels"
    )


def _pip_error(told: str, target: Target) -> Exception:
    errors = [line.removeprefix("ERROR:").strip() for line in told.splitlines() if "ERROR" in line]
    last = errors[-1] if errors else told.strip()[-300:]
    if last.startswith("No matching distribution found for"):
        wanted = last.rpartition(" for ")[2]
        return WrongPlatform(
            f"the index has no wheel of {wanted} for {target}",
            remedy="ask for a version that has one, or build a wheel and give its folder",
        )
    return UnavailableError(f"pip failed: {last}", remedy="try the same with pip download")


def _newest(requirement: Requirement, wheels: list[Path], target: Target) -> Path:
    name = canonicalize_name(requirement.name)
    named = [wheel for wheel in wheels if _name(wheel) == name]
    wanted = [wheel for wheel in named if _version(wheel) in requirement.specifier]
    fitting = [wheel for wheel in wanted if tags_of(wheel.name) & target.tags]
    if fitting:
        return max(fitting, key=_version)
    if wanted:
        raise WrongPlatform(
            f"{requirement} is here as {wanted[-1].name} only, and that is not for {target}",
            where=str(wanted[-1].parent),
            remedy="put a wheel for that node beside it",
        )
    others = f"; it has {', '.join(wheel.name for wheel in named[:3])}" if named else ""
    raise BundleError(
        f"the folder has no wheel of {requirement}{others}",
        where=str(wheels[0].parent) if wheels else "",
        remedy="pip wheel it into the folder",
    )


def _name(wheel: Path) -> str:
    tags_of(wheel.name)
    return parse_wheel_filename(wheel.name)[0]


def _version(wheel: Path) -> Version:
    return parse_wheel_filename(wheel.name)[1]


def _needs_of(wheel: Path, extras: set[str], target: Target) -> list[Requirement]:
    """What a wheel needs on that node, by its own metadata.

    Raises:
        BundleError: it has no metadata, or its metadata cannot be read.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            told = HeaderParser().parsestr(archive.read(names[0]).decode())
        needed = [Requirement(line) for line in told.get_all("Requires-Dist", [])]
    except (OSError, zipfile.BadZipFile, LookupError, UnicodeError, ValueError) as error:
        raise BundleError(
            f"its metadata cannot be read: {error}",
            where=str(wheel),
            remedy="build the wheel anew",
        ) from error
    return [requirement for requirement in needed if _applies(requirement, target, extras)]


def _applies(requirement: Requirement, target: Target, extras: set[str]) -> bool:
    """Whether a requirement's marker holds on that node."""
    if requirement.marker is None:
        return True
    platform = target.platforms[0] if target.platforms else ""
    machine = next((name for name in _MACHINES if platform.endswith(name)), "")
    there = {
        "python_version": target.python,
        "python_full_version": f"{target.python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": machine,
    }
    return any(requirement.marker.evaluate({**there, "extra": name}) for name in {"", *extras})


_MACHINES = ("x86_64", "aarch64", "armv7l")
