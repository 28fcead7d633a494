"""Files that must survive a power cut and must not be read by others."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
_OTHERS = 0o077


def make_private_folder(folder: Path) -> None:
    """Create ``folder`` so that only its owner can look inside."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_draft(path: Path, data: bytes, mode: int = PRIVATE_MODE) -> Path:
    """Write ``data`` durably beside ``path`` and return where; ``publish`` puts it in place."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def publish(draft: Path, path: Path) -> None:
    """Put a draft in place of ``path`` in one step that a power cut cannot halve."""
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_durably(path: Path, data: bytes, mode: int = PRIVATE_MODE) -> None:
    """Replace the content of ``path``; after the return it is on the disk."""
    publish(write_draft(path, data, mode), path)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_private(path: Path) -> bytes:
    """The content of a file that holds a secret.

    Raises:
        IdentityError: it is missing, or others may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except OSError as error:
        raise IdentityError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="restore it from a backup"
        ) from error
    if mode & _OTHERS:
        raise IdentityError(
            "holds a private key that others may read",
            where=str(path),
            remedy=f"chmod 600 {path}, and replace the key if anybody else uses this box",
        )
    return data
