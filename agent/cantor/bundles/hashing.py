"""The hash of a file, as bundles and wheels are named by it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, reason_of

if TYPE_CHECKING:
    from pathlib import Path


def hash_of(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file in hexadecimal. It takes a second for 1 GiB.

    Raises:
        BundleError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise BundleError(f"it cannot be read: {reason_of(error)}", where=str(path)) from error
