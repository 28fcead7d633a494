"""A hub in one file: its database, copied while it runs, the keys of its mesh, and its own node.

A restored hub is the same node as before; the old one and the restored one must not both run.
"""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, reason_of
from cantor.identity.authority_folder import load_authority
from cantor.identity.files import publish, write_draft, write_durably

if TYPE_CHECKING:
    from edge_hub.settings import HubSettings

FILE_SIZE_BYTES_MAX = 2 * 2**30
_DATABASE = "hub.sqlite3"
_AUTHORITY = "authority"
_NODE = "node"


def backup(settings: HubSettings, file: Path) -> None:
    """Write everything that a hub cannot do without into ``file`` (mode 0600: it holds keys).

    Raises:
        ConfigError: the folder holds no hub.
    """
    if not settings.database_path.is_file():
        raise ConfigError("holds no hub", where=str(settings.data), remedy="name another --data")
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory(dir=settings.data) as folder:
        copy = Path(folder) / _DATABASE
        with (
            closing(sqlite3.connect(settings.database_path)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("DELETE FROM sessions")
            target.execute("DELETE FROM tickets")
            target.commit()
            target.execute("PRAGMA journal_mode=DELETE")
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(copy, arcname=_DATABASE)
            for path in _kept(settings.authority_folder):
                tar.add(path, arcname=f"{_AUTHORITY}/{path.name}")
            for path in _kept(settings.node_folder):
                tar.add(path, arcname=f"{_NODE}/{path.name}")
    try:
        write_durably(file.absolute(), archive.getvalue())
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {reason_of(error)}",
            where=os.fspath(file),
            remedy="name a file in a folder that you may write to",
        ) from error


def restore(settings: HubSettings, file: Path) -> None:
    """Put a backup into an empty folder. Used tokens stay used, denied nodes stay denied.

    Raises:
        ConfigError: the folder holds a hub already, or the file is no backup.
    """
    folders = (settings.authority_folder, settings.node_folder)
    if settings.database_path.exists() or any(folder.exists() for folder in folders):
        raise ConfigError(
            "holds a hub already", where=str(settings.data), remedy="restore into an empty folder"
        )
    try:
        content = _read(file)
    except OSError as error:
        raise ConfigError(f"cannot be read: {reason_of(error)}", where=os.fspath(file)) from error
    except (tarfile.TarError, EOFError) as error:
        raise _no_backup(file) from error
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in folders:
        if any(PurePosixPath(name).parent.name == folder.name for name in content):
            folder.mkdir(mode=0o700)
    for name, data in content.items():
        if name != _DATABASE:
            write_durably(settings.data / name, data)
    draft = write_draft(settings.database_path, content[_DATABASE])
    publish(draft, settings.database_path)
    load_authority(settings.authority_folder)


def _kept(folder: Path) -> list[Path]:
    """The files of a folder that are worth keeping: no socket, and no draft of another file."""
    if not folder.is_dir():
        return []
    return [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")]


def _read(file: Path) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    with tarfile.open(file, mode="r:") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            belongs = member.name == _DATABASE or (
                member.name == str(path)
                and str(path.parent) in {_AUTHORITY, _NODE}
                and path.name not in {"", ".", ".."}
            )
            stream = tar.extractfile(member) if member.isreg() else None
            if not belongs or stream is None or member.size > FILE_SIZE_BYTES_MAX:
                raise _no_backup(file)
            content[member.name] = stream.read()
    has_keys = any(name.startswith(f"{_AUTHORITY}/") for name in content)
    if not content.get(_DATABASE, b"").startswith(b"SQLite format 3\0") or not has_keys:
        raise _no_backup(file)
    return content


def _no_backup(file: Path) -> ConfigError:
    return ConfigError(
        "is no backup of a hub", where=os.fspath(file), remedy="make one with cantor hub backup"
    )
