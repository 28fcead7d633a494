"""Wheels from an index of packages, found by pip: PyPI, or whichever is named.

Only who submits does this. Nodes get the wheels and need neither pip nor an index.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from cantor.base.errors import BundleError, UnavailableError, WrongHash, WrongPlatform
from cantor.bundles.picking import check_hashes, hashes_of, lacks_hash, name_of, needs_of, pick
from cantor.bundles.requirements import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cantor.bundles.wheels import Target

PIP_TIMEOUT_S = 600
ROUNDS_MAX = 64
"""So many steps lead from what is wanted to what that needs in the end."""
RETRIES_MAX = 2
"""Of a request to an index that does not answer; pip tries six times, which takes 15 seconds."""
_UNREACHED = ("Retrying (", "Could not fetch URL", "connection broken")
_MISMATCH = re.compile(
    r"^ +(?P<what>\S+)[^\n]*:\n +Expected (?P<kind>sha\d+) (?P<wished>[0-9a-f]+)\n"
    r"(?:[^\n]*\n)*? +Got +(?P<got>[0-9a-f]+)",
    re.MULTILINE,
)
_HASH_MODE = ("--require-hashes mode", "Hashes are required")


def from_index(
    wanted: Sequence[Wanted],
    folder: Path,
    target: Target,
    *,
    pip: Sequence[str] = (),
    index: str = "",
) -> list[Path]:
    """The wheels that pip finds for a node, put into ``folder``.

    Pip looks at the markers of what wheels need in turn (``; python_version < "3.12"``) for the
    machine that it runs on. If the node is another one, that is looked at here instead, and pip is
    asked again for what is needed besides, until nothing is.

    ``pip`` is the command, by default the one of this Python or on the path; ``index`` is the one
    that it asks, and no other, by default those of its own configuration.

    Raises:
        WrongPlatform: the index has no such wheel for that node.
        WrongHash: what it has is not what was meant.
        BundleError: something is needed that has no hash where others have; what is needed
            contradicts itself, or comes to no end.
        UnavailableError: there is no pip, or it does not reach the index, or fails otherwise.
    """
    command = [*(pip or _pip()), *_options(folder, target)]
    if _is_like_here(target):
        _download(command, wanted, target, index)
        found = sorted(folder.glob("*.whl"))
    else:
        found = _in_turn([*command, "--no-deps"], wanted, folder, target, index)
    check_hashes(wanted, found)
    return found


def _options(folder: Path, target: Target) -> list[str]:
    return [
        *("download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--retries", str(RETRIES_MAX), "--dest", str(folder)),
        *("--only-binary", ":all:", "--python-version", target.python, "--implementation", "cp"),
        *(part for one in target.platforms for part in ("--platform", one)),
    ]


def _is_like_here(target: Target) -> bool:
    """Whether a marker says the same of a node as of this machine."""
    is_linux = sys.platform == "linux" and sys.implementation.name == "cpython"
    machine = f"_{platform.machine()}"
    here = all(one.endswith(machine) for one in target.platforms)
    return is_linux and here and target.python == platform.python_version().rpartition(".")[0]


def _in_turn(
    command: Sequence[str],
    wanted: Sequence[Wanted],
    folder: Path,
    target: Target,
    index: str,
) -> list[Path]:
    """What is wanted, then what that needs, and so on. Each time all is asked for anew, so that pip
    finds versions which suit everybody.
    """
    asked = {str(one.requirement): one for one in wanted}
    hashes = hashes_of(wanted)
    for _ in range(ROUNDS_MAX):
        for former in folder.glob("*.whl"):
            former.unlink()
        _download(command, list(asked.values()), target, index)
        found = sorted(folder.glob("*.whl"))
        more = {str(one): Wanted(one) for one in _needs(found, asked.values(), target)}
        if asked.keys() >= more.keys():
            chosen = pick(wanted, found, target, where=index or "the index")
            for wheel in set(found) - set(chosen):
                wheel.unlink()
            return sorted(chosen)
        for text, one in more.items():
            if hashes and one.name not in hashes:
                raise lacks_hash(text, index)
            asked.setdefault(text, replace(one, hashes=hashes.get(one.name, frozenset())))
    raise BundleError(
        f"what is needed comes to no end after {ROUNDS_MAX} steps", where=index,
        remedy="name what is needed, with versions",
    )  # fmt: skip


def _needs(
    wheels: Iterable[Path], asked: Iterable[Wanted], target: Target
) -> Iterator[Requirement]:
    """What wheels need on a node, with the extras that somebody asks for; without markers."""
    extras: defaultdict[str, set[str]] = defaultdict(set)
    for one in asked:
        extras[one.name] |= one.requirement.extras
    for wheel in wheels:
        for requirement in needs_of(wheel, extras[name_of(wheel)], target):
            requirement.marker = None
            yield requirement


def _download(command: Sequence[str], wanted: Sequence[Wanted], target: Target, index: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "requirements.txt"
        file.write_text("".join(f"{_as_told(one)}\n" for one in wanted), encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 (pip, with what the person asked for)
                [*command, "--requirement", str(file)], env=_environment(index), check=False,
                capture_output=True, text=True, errors="replace", timeout=PIP_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(
                f"pip cannot be run: {error}", remedy="give a folder of wheels instead"
            ) from error
    if done.returncode:
        raise _error(done.stderr, target)


def _as_told(wanted: Wanted) -> str:
    """For pip without its marker, which was looked at for the node, and not for this machine."""
    bare = Requirement(str(wanted.requirement))
    bare.marker = None
    return str(replace(wanted, requirement=bare))


def _environment(index: str) -> Mapping[str, str]:
    """An index that is named is asked alone: else a stranger's package of that name might win."""
    if not index:
        return os.environ
    return {**os.environ, "PIP_INDEX_URL": index, "PIP_EXTRA_INDEX_URL": ""}


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


def _error(told: str, target: Target) -> Exception:
    mismatch = _MISMATCH.search(told)
    if mismatch:
        what, kind, wished, got = mismatch.group("what", "kind", "wished", "got")
        return WrongHash(
            f"{what} has the hash {kind}:{got} on the index, and not {kind}:{wished}",
            remedy="see who has changed it; write the new hash if that is right",
        )
    errors = [line.removeprefix("ERROR:").strip() for line in told.splitlines() if "ERROR" in line]
    last = errors[-1] if errors else told.strip()[-300:]
    if any(mark in last for mark in _HASH_MODE):
        named = [line.split()[0] for line in told.splitlines() if line.startswith("    ")]
        return lacks_hash(next(iter(named), "something"), "")
    if any(mark in told for mark in _UNREACHED):
        return UnavailableError(
            "the index of packages cannot be reached",
            remedy="look at its address, its certificate and the network, or give a folder",
        )
    if last.startswith("No matching distribution found for"):
        wanted = last.partition(" found for ")[2].partition(" (from ")[0]
        return WrongPlatform(
            f"the index has no wheel of {wanted} for {target}",
            remedy="ask for a version that has one, or build a wheel and give its folder",
        )
    return UnavailableError(f"pip failed: {last}", remedy="try the same with pip download")
