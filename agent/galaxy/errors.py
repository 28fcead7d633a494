"""Galaxy's errors: branches of the one tree in :mod:`cantor.base.errors`."""

from __future__ import annotations

from typing import ClassVar

from cantor.base.errors import CantorError


class MediaError(CantorError):
    """A video or stream cannot be decoded."""

    exit_code: ClassVar[int] = 65


class FilterError(CantorError):
    """A filter raised while it opened, ran or closed; ``where`` names the filter and the node."""

    exit_code: ClassVar[int] = 70
