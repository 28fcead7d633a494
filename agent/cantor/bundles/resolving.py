"""Wheels on the machine of who submits: found once, unpacked once, kept for a while.

    resolved/<index>-<key>/   what an index gave for some requirements and a target
    trees/<sha256>/           a wheel with that hash, unpacked

Several programs of one user may use it at once: what is in it appears whole, by one rename.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, ConfigError, UnavailableError, WrongHash, reason_of
from cantor.bundles.hashing import hash_of
from cantor.bundles.index import from_index
from cantor.bundles.picking import check_hashes, from_folder, pick
from cantor.bundles.wheels import check, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.bundles.requirements import Wanted
    from cantor.bundles.wheels import Target

RESOLVED_S = 24 * 3600.0
"""So long an answer of the index holds; if it cannot be reached then, its last one does."""
KEPT_MAX = 32
"""Answers, and unpacked wheels, that are kept; those that were used in the last day stay."""
_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/cantor/wheels``, else ``~/.cache/cantor/wheels``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "cantor" / "wheels"


class Wardrobe:
    """Finds wheels in ``folder``, or without one by pip on an ``index``, by default its own."""

    def __init__(
        self, folder: Path | None = None, *, index: str = "", cache: Path | None = None
    ) -> None:
        self._folder = folder
        self._index = index
        self._cache = cache or cache_folder()

    def wheels(self, wanted: Sequence[Wanted], target: Target) -> list[Path]:
        """The files of all that is wanted, and of what that needs, for a node.

        Raises:
            WrongPlatform: something has no wheel for that node.
            WrongHash: something is not what was meant.
            BundleError: something is not to be found.
            ConfigError: there is no such folder.
            UnavailableError: pip fails and nothing that was found before does, or the disk refuses.
        """
        if not wanted:
            return []
        if self._folder is None:
            return self._from_index(wanted, target)
        if not self._folder.is_dir():
            raise ConfigError(
                "no folder of wheels", where=str(self._folder), remedy="pip wheel them into one"
            )
        found = from_folder(wanted, self._folder, target)
        for wheel in found:
            check(wheel.name, target)
        return found

    def unpacked(self, wheel: Path) -> Path:
        """The folder with what is in a wheel.

        Raises:
            BundleError: it is no wheel, or cannot be read.
            UnavailableError: the disk refuses.
        """
        return self._made("trees", hash_of(wheel), lambda draft: unpack(wheel, draft))

    def _from_index(self, wanted: Sequence[Wanted], target: Target) -> list[Path]:
        told = "\n".join([target.key, *sorted(map(str, wanted))])
        key = f"{_digest(self._index)[:8]}-{_digest(told)}"
        known = self._cache / "resolved" / key
        is_old = known.is_dir() and time.time() - known.stat().st_mtime > RESOLVED_S

        def fetch(draft: Path) -> None:
            for wheel in from_index(wanted, draft, target, index=self._index):
                check(wheel.name, target)

        try:
            folder = self._made("resolved", key, fetch, renews=is_old)
        except UnavailableError as error:
            return self._from_cache(wanted, target, error)
        found = sorted(folder.glob("*.whl"))
        check_hashes(wanted, found)
        return found

    def _from_cache(
        self, wanted: Sequence[Wanted], target: Target, error: UnavailableError
    ) -> list[Path]:
        """Out of what this index gave at any time, because it cannot be asked now."""
        answers = self._cache / "resolved"
        known = {one.name: one for one in answers.glob(f"{_digest(self._index)[:8]}-*/*.whl")}
        try:
            found = pick(wanted, sorted(known.values()), target, where=str(answers))
        except WrongHash:
            raise
        except BundleError:
            raise error from None
        _log.warning("no index; wheels that were found before are used", extra={"why": error.what})
        return found

    def _made(
        self, kind: str, name: str, fill: Callable[[Path], object], *, renews: bool = False
    ) -> Path:
        place = self._cache / kind
        path = place / name
        if path.is_dir() and not renews:
            return path
        try:
            place.mkdir(parents=True, exist_ok=True)
            _trim(place)
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=place))
            try:
                fill(draft)
                if renews:
                    _remove(path)
                if not path.is_dir():
                    draft.rename(path)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            raise UnavailableError(
                f"wheels cannot be kept: {reason_of(error)}", where=str(place),
                remedy="make room on the disk",
            ) from error  # fmt: skip
        return path


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _trim(place: Path) -> None:
    """Remove what was made longest ago, but nothing of the last day: it may be in use."""
    made = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(place))
    for when, path in made[: max(0, len(made) - KEPT_MAX + 1)]:
        if time.time() - when > RESOLVED_S:
            _remove(Path(path))


def _remove(path: Path) -> None:
    """Whole or gone, also if this program ends meanwhile."""
    doomed = path.with_name(f".draft-gone-{os.getpid()}-{path.name[:16]}")
    try:
        path.rename(doomed)
    except OSError:  # another program was faster
        return
    shutil.rmtree(doomed, ignore_errors=True)
