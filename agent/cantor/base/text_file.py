"""Text files that people write: settings, pipelines, descriptors, rigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024


def read_text(path: Path, bytes_max: int = 256 * KIB) -> str:
    """The text of a file of at most ``bytes_max`` bytes of UTF-8.

    Raises:
        ConfigError: it cannot be read, is larger, or is no UTF-8 text; the message names the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {reason_of(error)}", where=str(path)) from error
    if len(content) > bytes_max:
        raise ConfigError(f"is larger than {bytes_max // KIB} KiB", where=str(path))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError("cannot be read: it is not UTF-8 text", where=str(path)) from error
