"""Wheels picked for a node out of those that are here: of a folder, or of the cache."""

from __future__ import annotations

import zipfile
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from cantor.base.errors import BundleError, WrongHash, WrongPlatform
from cantor.bundles.hashing import hash_of
from cantor.bundles.requirements import applies
from cantor.bundles.wheels import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.version import Version

    from cantor.bundles.requirements import Wanted
    from cantor.bundles.wheels import Target

    Hashes = Mapping[str, frozenset[str]]


def from_folder(wanted: Sequence[Wanted], folder: Path, target: Target) -> list[Path]:
    """The wheels of a folder that meet the requirements. Raises as :func:`pick`."""
    return pick(wanted, sorted(folder.glob("*.whl")), target, where=str(folder))


def pick(
    wanted: Sequence[Wanted], wheels: Sequence[Path], target: Target, *, where: str
) -> list[Path]:
    """Those of the wheels that meet the requirements, and what they need in turn.

    The newest version that fits is taken; nothing taken is given up again for another. ``where``
    they are is said if they do not do.

    Raises:
        WrongPlatform: one is there, but not for that node.
        WrongHash: one is there, but with another hash.
        BundleError: one is not there, has no hash where others have, or two requirements contradict
            each other.
    """
    hashes = hashes_of(wanted)
    waiting = [one.requirement for one in wanted if applies(one.requirement, target, set())]
    taken: dict[str, Path] = {}
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop(0)
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        if hashes and name not in hashes:
            raise lacks_hash(str(requirement), where)
        chosen = taken.get(name) or _newest(requirement, wheels, target, where, hashes.get(name))
        if _version(chosen) not in requirement.specifier:
            raise BundleError(
                f"{chosen.name} was taken, and {requirement} is needed as well",
                where=where,
                remedy="name one version that all of them accept",
            )
        taken[name] = chosen
        waiting += needs_of(chosen, requirement.extras, target)
    return list(taken.values())


def check_hashes(wanted: Iterable[Wanted], wheels: Iterable[Path]) -> None:
    """Look whether these files have the hashes that are wanted, if any are.

    Raises:
        WrongHash: one has another.
        BundleError: one has none that it could have.
    """
    hashes = hashes_of(wanted)
    for wheel in wheels if hashes else ():
        wished = hashes.get(name_of(wheel))
        if wished is None:
            raise lacks_hash(wheel.name, str(wheel.parent))
        if not _has_one(wheel, wished):
            raise _wrong_hash(wheel, wished)


def lacks_hash(what: str, where: str) -> BundleError:
    """The error of something that is needed, and not among the requirements with their hashes."""
    return BundleError(
        f"{what} is needed, and has no hash as the others have", where=where,
        remedy="write it among the requirements: uv pip compile --generate-hashes does",
    )  # fmt: skip


def hashes_of(wanted: Iterable[Wanted]) -> Hashes:
    """What files of a package may have, by its name; empty if no requirement has hashes."""
    found: dict[str, frozenset[str]] = {}
    for one in wanted:
        if one.hashes:  # named twice, it must be both
            found[one.name] = found.get(one.name, one.hashes) & one.hashes
    return found


def _has_one(wheel: Path, hashes: Iterable[str]) -> bool:
    return any(_named_hash(wheel, one.partition(":")[0]) == one for one in hashes)


def _named_hash(wheel: Path, algorithm: str) -> str:
    return f"{algorithm}:{hash_of(wheel, algorithm)}"


def _wrong_hash(wheel: Path, hashes: frozenset[str]) -> WrongHash:
    wished = sorted(hashes)
    algorithm = wished[0].partition(":")[0] if wished else "sha256"
    more = f" or {len(wished) - 1} others" if len(wished) > 1 else ""
    return WrongHash(
        f"{wheel.name} has the hash {_named_hash(wheel, algorithm)}, and not "
        f"{wished[0] if wished else 'any'}{more}",
        where=str(wheel.parent),
        remedy="see who has changed it; write the new hash if that is right",
    )


def _newest(
    requirement: Requirement,
    wheels: Sequence[Path],
    target: Target,
    where: str,
    hashes: frozenset[str] | None,
) -> Path:
    name = canonicalize_name(requirement.name)
    named = [wheel for wheel in wheels if name_of(wheel) == name]
    wanted = [wheel for wheel in named if _version(wheel) in requirement.specifier]
    fitting = [wheel for wheel in wanted if tags_of(wheel.name) & target.tags]
    meant = [wheel for wheel in fitting if hashes is None or _has_one(wheel, hashes)]
    if meant:
        return max(meant, key=_version)
    if fitting:
        raise _wrong_hash(fitting[-1], hashes or frozenset())
    if wanted:
        raise WrongPlatform(
            f"{requirement} is here as {wanted[-1].name} only, and that is not for {target}",
            where=where,
            remedy="put a wheel for that node beside it",
        )
    others = f"; there is {', '.join(wheel.name for wheel in named[:3])}" if named else ""
    raise BundleError(
        f"there is no wheel of {requirement}{others}",
        where=where,
        remedy="pip wheel it into the folder",
    )


def name_of(wheel: Path) -> str:
    """The package that a wheel brings, as all its spellings are written."""
    tags_of(wheel.name)
    return parse_wheel_filename(wheel.name)[0]


def _version(wheel: Path) -> Version:
    return parse_wheel_filename(wheel.name)[1]


def needs_of(wheel: Path, extras: set[str], target: Target) -> list[Requirement]:
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
    return [requirement for requirement in needed if applies(requirement, target, extras)]
