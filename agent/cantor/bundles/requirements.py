"""Requirements as people write them, in the form of pip's files: with hashes, if they have some."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cantor.base.address import Address
from cantor.base.errors import BundleError, ConfigError
from cantor.base.text_file import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cantor.bundles.wheels import Target

HASHES_MAX = 1000
"""Of one requirement."""
INDEX_CHARACTERS_MAX = 2048
_OPTION = re.compile(r"\s+(?=--)")
_HASH = re.compile(r"--hash[= ]\s*(\S+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_INDEX = re.compile(r"(?:--index-url[= ]|-i )\s*(\S+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One requirement; with ``hashes`` (``sha256:…``) only files with one of them are meant."""

    requirement: Requirement
    hashes: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The package, as all its spellings are written: ``my-tool``."""
        return canonicalize_name(self.requirement.name)

    def __str__(self) -> str:
        return " ".join([str(self.requirement), *(f"--hash={one}" for one in sorted(self.hashes))])


def parse(texts: Iterable[str]) -> list[Wanted]:
    """Requirements as people write them, one a line in a file: ``numpy>=2.0``.

    If one has hashes (``numpy==2.4.6 --hash=sha256:…``) all must, as for pip.

    Raises:
        BundleError: one of them is none, or has a hash that is none, or lacks one.
    """
    found = [_wanted(line) for line in _joined(texts) if not _INDEX.fullmatch(line)]
    if any(one.hashes for one in found):
        for one in found:
            _check_is_exact(one)
    return found


def index_in(texts: Iterable[str]) -> str:
    """The index that a file of requirements names itself (``--index-url URL``); "" if none.

    Raises:
        ConfigError: it names two, or what it names is none.
    """
    named = {found[1] for line in _joined(texts) if (found := _INDEX.fullmatch(line))}
    if len(named) > 1:
        raise ConfigError("two indexes are named", where="--index-url", remedy="name one")
    return checked_index(named.pop()) if named else ""


def checked_index(url: str) -> str:
    """The address of an index, if it is one.

    Raises:
        ConfigError: it is none, or others could change what it says on the way.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and Address(host, 0).is_loopback)
    if not (host and is_safe and url.isprintable() and " " not in url):
        raise ConfigError(
            "not an index of packages", where=f"{parts.scheme}://{host}"[:200],
            remedy="write https://HOST/simple; plain http is for this machine alone",
        )  # fmt: skip
    if len(url) > INDEX_CHARACTERS_MAX:
        raise ConfigError(
            f"an index of {len(url)} characters (limit {INDEX_CHARACTERS_MAX})", where=host[:200]
        )
    return url


def lines_of(requirements: Sequence[str] | str | PathLike[str]) -> tuple[str, ...]:
    """Requirements that are given as a list, or as a file with one a line.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not isinstance(requirements, str | PathLike):
        return tuple(requirements)
    return tuple(read_text(Path(requirements)).splitlines())


def applying(wanted: Iterable[Wanted], target: Target) -> list[Wanted]:
    """Those whose markers hold on a node."""
    return [one for one in wanted if applies(one.requirement, target, set())]


def is_met_here(wanted: Wanted) -> bool:
    """Whether this Python has it already; what has hashes, nobody knows of what is installed."""
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return not wanted.hashes and wanted.requirement.specifier.contains(version, prereleases=True)


def _joined(texts: Iterable[str]) -> Iterator[str]:
    """The lines without comments; those that end with a backslash go on in the next."""
    begun = ""
    for text in texts:
        line = begun + text.partition(" #")[0].strip()
        if line.endswith("\\"):
            begun = line[:-1]
            continue
        begun = ""
        if line and not line.startswith("#"):
            yield line
    if begun.strip():
        yield begun.strip()


def _wanted(line: str) -> Wanted:
    text, *options = _OPTION.split(line)
    try:
        requirement = Requirement(text)
        hashes = [found[1] for one in options if (found := _HASH.fullmatch(one.strip()))]
    except InvalidRequirement as error:
        raise BundleError(
            f"not a requirement: {line[:200]!r}", remedy="write NAME or NAME==VERSION"
        ) from error
    if len(hashes) != len(options) or len(hashes) > HASHES_MAX:
        raise BundleError(
            f"not a requirement: {line[:200]!r}", remedy="write hashes after it, and nothing else"
        )
    for one in hashes:
        if not _DIGEST.fullmatch(one):
            raise BundleError(
                f"{requirement.name} has a hash that is none: {one[:80]!r}",
                remedy="write --hash=sha256: and 64 digits of it; sha384 and sha512 will do",
            )
    return Wanted(requirement, frozenset(hashes))


def _check_is_exact(wanted: Wanted) -> None:
    if not wanted.hashes:
        raise BundleError(
            f"{wanted.name} has no hash, and others have",
            remedy="write one for each: uv pip compile --generate-hashes does",
        )
    pins = [one for one in wanted.requirement.specifier if one.operator in ("==", "===")]
    if wanted.requirement.url is None and (not pins or pins[0].version.endswith(".*")):
        raise BundleError(
            f"{wanted.requirement} has hashes, and says no version",
            remedy=f"write {wanted.name}==VERSION",
        )


def applies(requirement: Requirement, target: Target, extras: set[str]) -> bool:
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
