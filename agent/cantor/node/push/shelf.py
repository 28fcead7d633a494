"""The code of a service's revisions on the disk: fetched once, checked, and kept over restarts.

    services/<tenant>.<name>/
        state              what is good and what failed, and the order that was followed last
        revisions/<id>/    the parts of a bundle as they came, and its manifest
        code/<id>/         unpacked from them by this process; where the service runs
        data/              the service's own, the same for all revisions
        log, log.1         what it printed

Nothing is unpacked that was not checked by its hash just before.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, ConfigError, UnavailableError, reason_of
from cantor.bundles import tree, wheels
from cantor.bundles.fetching.manifest import Manifest
from cantor.bundles.hashing import hash_of
from cantor.node.push.functions import codes_in
from cantor.services.manifest import FILE_NAME, read_manifest
from cantor.services.manifest import Manifest as ServiceManifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cantor.bundles.code import Code

REVISIONS_MAX = 5
"""How many bundles of a service are kept."""
BUNDLE_BYTES_MAX = 1024 * 1024 * 1024
_MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Code that can be run: where it is, what it says of itself, folders for ``PYTHONPATH``, and
    the functions of a task by name.
    """

    folder: Path
    manifest: ServiceManifest
    libraries: tuple[Path, ...] = ()
    codes: Mapping[str, Code] = field(default_factory=dict)


def check_size(bundle: Manifest) -> None:
    """Refuse what is larger than a service may be, before it is fetched.

    Raises:
        BundleError: it is.
    """
    code, total = bundle.parts[0].size, sum(part.size for part in bundle.parts)
    if code > tree.TREE_BYTES_MAX or total > BUNDLE_BYTES_MAX:
        raise BundleError(
            f"it is too large: {code} bytes of code (limit {tree.TREE_BYTES_MAX}),"
            f" {total} bytes in all (limit {BUNDLE_BYTES_MAX})",
            where=f"bundle {bundle.id[:12]}",
            remedy="push less: leave files out, or use fewer wheels",
        )


def manifest_in(files: Mapping[str, tree.File], where: str = FILE_NAME) -> ServiceManifest:
    """What a folder of code says about how it is run.

    Raises:
        ConfigError: its manifest is wrong, or it has neither one nor a ``main.py``.
    """
    file = files.get(FILE_NAME)
    if file is None and "main.py" not in files:
        raise ConfigError(
            f"has neither {FILE_NAME} nor main.py",
            where=where.removesuffix(f"/{FILE_NAME}"),
            remedy="say what to run in service.yaml, as in: run: python start.py",
        )
    try:
        return read_manifest(file.content.decode() if file else "", where)
    except UnicodeDecodeError as error:
        raise ConfigError("is no text in UTF-8", where=where) from error


class Shelf:
    """The revisions of one service. It blocks: not for the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._revisions, self._code = folder / "revisions", folder / "code"
        self._unpacked: dict[str, Prepared] = {}

    def has(self, bundle_id: str) -> bool:
        """Whether the parts of that bundle are here, as far as names tell."""
        return (self._revisions / bundle_id / _MANIFEST).is_file()

    def put(self, bundle: Manifest, files: Mapping[str, Path]) -> None:
        """Keep a bundle, whose parts are in ``files`` by name.

        Raises:
            UnavailableError: the disk does not take it.
        """
        place = self._revisions / bundle.id
        draft = self._revisions / f".{secrets.token_hex(6)}"
        try:
            draft.mkdir(parents=True)
            for number, part in enumerate(bundle.parts):
                _link(files[part.name], draft / str(number))
            (draft / _MANIFEST).write_bytes(bundle.data)
            shutil.rmtree(place, ignore_errors=True)
            draft.rename(place)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise _disk_refuses(error, self._folder) from error

    def parts(self, bundle_id: str) -> dict[str, Path]:
        """The files of a bundle by name, each checked by its hash.

        Raises:
            BundleError: it is damaged; it is here no more.
        """
        place = self._revisions / bundle_id
        try:
            bundle = Manifest.decode((place / _MANIFEST).read_bytes(), bundle_id)
            for number, part in enumerate(bundle.parts):
                if hash_of(place / str(number)) != part.id:
                    raise BundleError("it was changed on the disk", where=bundle_id[:12])
        except (OSError, BundleError) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise BundleError(f"what was kept is damaged: {error}", where=bundle_id[:12]) from error
        return {part.name: place / str(number) for number, part in enumerate(bundle.parts)}

    def prepare(self, bundle_id: str) -> Prepared:
        """Unpack a bundle that is here; once while this process lives.

        Raises:
            BundleError: it is damaged, or would write elsewhere, or is for other machines.
            ConfigError: its ``service.yaml`` is wrong.
            UnavailableError: the disk does not take it.
        """
        known = self._unpacked.get(bundle_id)
        if known is None:
            code, *others = self.parts(bundle_id).items()
            files = tree.unpack(code[1].read_bytes())
            manifest = manifest_in(files)
            target = wheels.target_here()
            for name, _ in others:
                wheels.check(name, target)
            known = self._unpacked[bundle_id] = self._write(bundle_id, files, manifest, others)
        return known

    def _write(
        self,
        bundle_id: str,
        files: Mapping[str, tree.File],
        manifest: ServiceManifest,
        others: list[tuple[str, Path]],
    ) -> Prepared:
        place, codes = self._code / bundle_id, codes_in(files, manifest)
        try:
            shutil.rmtree(place, ignore_errors=True)
            self._code.mkdir(parents=True, exist_ok=True)
            tree.write(files, place)
            libraries = []
            for number, (_, wheel) in enumerate(others):
                library = self._code / f"{bundle_id}.{number}"
                shutil.rmtree(library, ignore_errors=True)
                library.mkdir()
                wheels.unpack(wheel, library)
                libraries.append(library)
        except OSError as error:
            raise _disk_refuses(error, self._folder) from error
        return Prepared(place, manifest, tuple(libraries), codes)

    def tidy(self, wanted: list[str]) -> None:
        """Remove all but the newest bundles, and those that are wanted."""
        with suppress(OSError):
            found = sorted(
                (path for path in self._revisions.iterdir() if not path.name.startswith(".")),
                key=lambda path: path.stat().st_mtime_ns,
                reverse=True,
            )
            room = max(0, REVISIONS_MAX - len(set(wanted)))
            others = [path for path in found if path.name not in wanted]
            for path in others[room:]:
                shutil.rmtree(path, ignore_errors=True)
                self._unpacked.pop(path.name, None)
            kept = {path.name for path in found} - {path.name for path in others[room:]}
            for path in list(self._code.iterdir()) if self._code.is_dir() else ():
                if path.name.partition(".")[0] not in kept:
                    shutil.rmtree(path, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _disk_refuses(error: OSError, folder: Path) -> UnavailableError:
    return UnavailableError(
        f"the code of a service cannot be kept: {reason_of(error)}",
        where=str(folder),
        remedy="make room on the disk",
    )
