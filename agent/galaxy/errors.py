"""Galaxy's errors: branches of the one tree in :mod:`cantor.base.errors`."""

from __future__ import annotations

from typing import ClassVar

from cantor.base.errors import CantorError


class MediaError(CantorError):
    """A video or stream cannot be decoded."""

    exit_code: ClassVar[int] = 65


class FilterError(CantorError):
    """A filter raised while it opened, ran or closed; ``where`` names the filter and the node.

    A program that ends with it exits as its cause says: with 65 for a video that cannot be decoded.
    """

    exit_code: ClassVar[int] = 70

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", cause: Exception | None = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        if isinstance(cause, CantorError):
            self.exit_code = cause.exit_code  # type: ignore[misc] # this one's own
