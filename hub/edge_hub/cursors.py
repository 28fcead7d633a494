"""Cursors: where the next page of a list starts, opaque to whoever carries them."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from edge_hub.problems import ProblemError

CURSOR_CHARS_MAX = 512
T = TypeVar("T")


def encode_cursor(position: tuple[float | str, ...] | None) -> str | None:
    """A cursor for a position, None where there is no next page."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode_cursor(text: str | None, kind: type[T]) -> T | None:
    """The position in a cursor, None without one.

    Raises:
        ProblemError: this hub made no such cursor (400).
    """
    if text is None:
        return None
    try:
        if len(text) > CURSOR_CHARS_MAX:
            raise ValueError
        return msgspec.json.decode(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind
        )
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise ProblemError(400, "bad-cursor", "start the list again without a cursor") from error
