"""A hub in one file: its database, copied while it runs, and the keys of its mesh."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.identity.authority import Authority
from cantor.identity.files import publish, write_draft, write_durably

if TYPE_CHECKING:
    from edge_hub.settings import HubSettings

FILE_SIZE_BYTES_MAX = 2 * 2**30
_DATABASE = "hub.sqlite3"
_AUTHORITY = "authority"


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
            for path in sorted(settings.authority_folder.iterdir()):
                tar.add(path, arcname=f"{_AUTHORITY}/{path.name}")
    write_durably(file.absolute(), archive.getvalue())


def restore(settings: HubSettings, file: Path) -> None:
    """Put a backup into an empty folder. Used tokens stay used, denied nodes stay denied.

    Raises:
        ConfigError: the folder holds a hub already, or the file is no backup.
    """
    if settings.database_path.exists() or settings.authority_folder.exists():
        raise ConfigError(
            "holds a hub already", where=str(settings.data), remedy="restore into an empty folder"
        )
    try:
        content = _read(file)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise _no_backup(file) from error
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.authority_folder.mkdir(mode=0o700)
    for name, data in content.items():
        if name != _DATABASE:
            write_durably(settings.data / name, data)
    draft = write_draft(settings.database_path, content[_DATABASE])
    publish(draft, settings.database_path)
    Authority.load(settings.authority_folder)


def _read(file: Path) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    with tarfile.open(file, mode="r:") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            belongs = member.name == _DATABASE or (
                path.parent == PurePosixPath(_AUTHORITY) and path.name not in {"", ".", ".."}
            )
            stream = tar.extractfile(member) if member.isreg() else None
            if not belongs or stream is None or member.size > FILE_SIZE_BYTES_MAX:
                raise _no_backup(file)
            content[member.name] = stream.read()
    if not content.get(_DATABASE, b"").startswith(b"SQLite format 3\0") or len(content) < 2:
        raise _no_backup(file)
    return content


def _no_backup(file: Path) -> ConfigError:
    return ConfigError(
        "is no backup of a hub", where=os.fspath(file), remedy="make one with cantor hub backup"
    )
