"""What can go wrong with a disk that should keep something."""

from __future__ import annotations

from cantor.base.errors import CantorError


class StoreError(CantorError):
    """What should be kept could not be written or read: a full disk, a broken one, no room left."""

    exit_code = 74
