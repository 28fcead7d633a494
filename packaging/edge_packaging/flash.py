"""An operating-system image made ready: a copy of it whose box enrols itself at its first boot."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from edge_packaging import first_boot
from edge_packaging.fat import FatVolume
from edge_packaging.manifest import MANIFEST_FILE
from edge_packaging.partitions import Partition, partitions_of
from edge_packaging.root_files import add_unit, read_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_packaging.first_boot import Mechanism, Wish

    Progress = Callable[[int, int], None]

BLOCK_BYTES = 4 << 20
AGENT_BYTES_MAX = 512 << 20
MANIFEST_BYTES_MAX = 16 << 20
DIRECTORY_RESERVE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's archive, as ``make package`` makes it."""

    content: bytes
    name: str
    version: str
    platform: str

    @classmethod
    def read(cls, path: Path) -> Agent:
        """Read and check an archive.

        Raises:
            ConfigError: it cannot be read, or is no archive of an agent.
        """
        try:
            if path.stat().st_size > AGENT_BYTES_MAX:
                raise ConfigError("is larger than any agent", where=str(path))
            content = path.read_bytes()
            about = _manifest_in(path)
        except (OSError, EOFError, tarfile.TarError, ValueError) as error:
            raise ConfigError(
                f"is no archive of an agent ({error})",
                where=str(path),
                remedy="name a .tar.gz that make package has made",
            ) from error
        return cls(content, str(about["name"]), str(about["version"]), str(about["platform"]))

    def about(self) -> dict[str, str]:
        """What the image says of it."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {
            "build": self.name,
            "version": self.version,
            "platform": self.platform,
            "sha256": digest,
        }


def flash(
    source: Path, out: Path, wish: Wish, agent: Agent | None, progress: Progress
) -> dict[str, Any]:
    """Write a copy of the image ``source`` to ``out`` that makes the box a node; what is in it.

    ``out`` appears whole or not at all; ``source`` is only read.

    Raises:
        ConfigError: one of the two files is not usable, or the image has no room.
        RemoteProtocolError: the image's partition table or file system is damaged.
        UnavailableError: the image needs debugfs, and it is not installed.
    """
    if out.exists():
        raise ConfigError("exists already", where=str(out), remedy="name a new file, or remove it")
    try:
        with source.open("rb") as image:
            boot, _ = _partitions(image, str(source))
            _check_room(image, boot, wish, agent, str(source))
            with tempfile.NamedTemporaryFile(
                dir=out.parent, prefix=f".{out.name}.", suffix=".unfinished", delete=False
            ) as copy:
                unfinished = Path(copy.name)
                try:
                    _copy(image, copy.file, progress)
                    _put(copy.file, unfinished, wish, agent)
                    copy.file.flush()
                    unfinished.chmod(0o600)  # it holds a token
                    said = inspect(unfinished)
                    unfinished.rename(out)
                finally:
                    unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be read or written: {error.strerror}", where=str(error.filename or source)
        ) from error
    return {**said, "image": str(out)}


def inspect(path: Path) -> dict[str, Any]:
    """What ``cantor flash image`` has put into an image; the token's secret is left out.

    Raises:
        ConfigError: it is no image, or nothing was put into it.
    """
    try:
        with path.open("rb") as image:
            boot, root = _partitions(image, str(path))
            volume = FatVolume(image, boot.start_bytes, boot.size_bytes, str(path))
            if not volume.exists(first_boot.ABOUT_FILE):
                raise ConfigError("cantor flash has put nothing into it", where=str(path))
            about = json.loads(volume.read(first_boot.ABOUT_FILE))
            inside = [f"{first_boot.FOLDER}/{name}" for name in volume.names(first_boot.FOLDER)]
            token = ""
            if volume.exists(first_boot.TOKEN_FILE):
                token = redacted(volume.read(first_boot.TOKEN_FILE).decode("utf-8", "replace"))
            names = volume.names()
            if not isinstance(about, dict) or not isinstance(about.get("labels"), dict):
                raise ValueError("about")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"{first_boot.ABOUT_FILE} in it is damaged", where=str(path)) from error
    mechanism = first_boot.mechanism_of(names)
    if mechanism == "cloud-init":
        inside.append(first_boot.VENDOR_FILE)
    elif mechanism == "firstrun":
        inside.append(first_boot.CMDLINE_FILE)
    elif root is not None and read_unit(path, root, first_boot.ROOT_UNIT_NAME):
        inside.append(f"root:{first_boot.ROOT_UNIT_NAME}")
    return {
        "image": str(path),
        "partition": boot.number,
        "starts_by": mechanism,
        "token": token,
        **about,
        "files": sorted(inside),
    }


def redacted(token: str) -> str:
    """A token as it may be shown: which hub it leads to, and no secret."""
    parts = token.strip().split("_")
    return "_".join([*parts[:2], "…"]) if len(parts) == 5 else "…"


def _put(image: IO[bytes], path: Path, wish: Wish, agent: Agent | None) -> None:
    boot, root = _partitions(image, str(path))
    volume = FatVolume(image, boot.start_bytes, boot.size_bytes, "boot partition")
    names = volume.names()
    mechanism = first_boot.mechanism_of(names)
    if mechanism == "cloud-init" and volume.exists(first_boot.VENDOR_FILE):
        raise ConfigError(
            f"its boot partition has a {first_boot.VENDOR_FILE} already",
            remedy="use the image as its maker gives it out",
        )
    is_cmdline = first_boot.CMDLINE_FILE in names
    cmdline = volume.read(first_boot.CMDLINE_FILE) if is_cmdline else b""
    for name, content in _files(wish, agent, mechanism, cmdline).items():
        volume.write(name, content)
    image.flush()
    if mechanism == "unit":
        if root is None:
            raise ConfigError(
                "it has neither cloud-init, nor firstrun, nor an ext4 root partition",
                remedy="use an image of Raspberry Pi OS, Ubuntu or Debian",
            )
        add_unit(path, root, first_boot.ROOT_UNIT_NAME, first_boot.ROOT_UNIT)


def _files(
    wish: Wish, agent: Agent | None, mechanism: Mechanism, cmdline: bytes
) -> dict[str, bytes]:
    about = {"agent": agent.about() if agent else None}
    files = first_boot.seed_files(wish, agent.content if agent else b"", about)
    return {**files, **first_boot.mechanism_files(mechanism, cmdline)}


def _check_room(
    image: IO[bytes], boot: Partition, wish: Wish, agent: Agent | None, where: str
) -> None:
    """Refuse before gigabytes are copied, rather than after."""
    volume = FatVolume(image, boot.start_bytes, boot.size_bytes, where)
    files = _files(wish, agent, "cloud-init", b"")
    needed = sum(len(content) for content in files.values()) + DIRECTORY_RESERVE_BYTES
    if needed > volume.free_bytes:
        raise ConfigError(
            f"no room on its boot partition: {needed} bytes are needed, "
            f"{volume.free_bytes} are free",
            where=where,
            remedy="use an image with a larger boot partition, or a smaller agent",
        )


def _partitions(image: IO[bytes], where: str) -> tuple[Partition, Partition | None]:
    found = partitions_of(image, where)
    boot = next((part for part in found if part.filesystem == "fat"), None)
    if boot is None:
        raise ConfigError(
            "has no FAT boot partition",
            where=where,
            remedy="use an image of Raspberry Pi OS, Ubuntu or Debian for boxes",
        )
    return boot, next((part for part in found if part.filesystem == "ext"), None)


def _copy(source: IO[bytes], target: IO[bytes], progress: Progress) -> None:
    """Copy all bytes; runs of zeros become holes."""
    size, done = source.seek(0, 2), 0
    source.seek(0)
    while block := source.read(BLOCK_BYTES):
        if block.count(0) == len(block):
            target.seek(len(block), 1)
        else:
            target.write(block)
        done += len(block)
        progress(done, size)
    target.truncate(size)
    target.flush()


def _manifest_in(path: Path) -> dict[str, Any]:
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.name.split("/")[1:] == [MANIFEST_FILE] and member.isfile():
                file = archive.extractfile(member)
                if file is None or member.size > MANIFEST_BYTES_MAX:
                    break
                about = json.loads(file.read())
                if not isinstance(about, dict) or not {"name", "version", "platform"} <= set(about):
                    break
                return about
    raise ValueError("no manifest in it")
