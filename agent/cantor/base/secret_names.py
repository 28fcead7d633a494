"""Names of secrets, references to them, and texts in which their values are covered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFERENCE = "secret://"
"""What stands in a configuration in place of a value: this, and the name."""
VARIABLE = "CANTOR_SECRETS"
"""Tells a process which it was given: ``name=descriptor``, with spaces between."""
VALUE_BYTES_MAX = 64 * 1024
NAMES_MAX = 32
"""So many secrets may one service, pipeline or task name."""
COVERED_BYTES_MIN = 4
"""Shorter values are not covered in texts: they stand in half of all lines by chance."""
NAME_PATTERN = "[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
_NAME = re.compile(NAME_PATTERN)


def is_secret_name(name: object) -> bool:
    """Whether a secret can be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check_secret_name(name: str, where: str = "secret") -> str:
    """A name that a secret can have.

    Raises:
        ConfigError: it is none.
    """
    if not is_secret_name(name):
        raise ConfigError(
            "no secret can be called so",
            where=where,
            remedy="use up to 64 lower-case letters, digits, dots, hyphens and underlines",
        )
    return name


def named_in(text: object) -> str | None:
    """The name in a reference; None if the text is none. The name is not checked."""
    if isinstance(text, str) and text.startswith(REFERENCE):
        return text.removeprefix(REFERENCE)
    return None


class Cover:
    """Puts references in place of values that stand in a text.

    It is for what people and other nodes read of code that was given secrets: its errors, and what
    it prints. A value that code has changed before it prints it is not found.
    """

    def __init__(self, values: Mapping[str, bytes]) -> None:
        """``values`` by name. Each line of one is covered, and the password of one that is an
        address.
        """
        found: dict[bytes, bytes] = {}
        for name, value in values.items():
            for part in (value, *value.splitlines(), *_passwords(value)):
                if len(part) >= COVERED_BYTES_MIN:
                    found.setdefault(part, f"{REFERENCE}{name}".encode())
        self._found = sorted(found.items(), key=lambda pair: -len(pair[0]))

    def __bool__(self) -> bool:
        return bool(self._found)

    def data(self, data: bytes) -> bytes:
        """The bytes without the values."""
        for value, reference in self._found:
            data = data.replace(value, reference)
        return data

    def value(self, value: Any) -> Any:  # noqa: ANN401 (what msgpack and JSON can say)
        """A value of plain types without the values, in all its parts."""
        if not self._found:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(part) for key, part in value.items()}
        return [self.value(part) for part in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """The text without the values."""
        if not self._found:
            return text
        data = self.data(text.encode("utf-8", "surrogatepass"))
        return data.decode("utf-8", "surrogatepass")


def _passwords(value: bytes) -> Iterator[bytes]:
    """The password in ``scheme://user:password@host``, also as it is without its escapes."""
    place = value.partition(b"://")[2].partition(b"/")[0]
    before, at, _ = place.rpartition(b"@")
    _, colon, password = before.partition(b":")
    if at and colon:
        from urllib.parse import unquote_to_bytes

        yield password
        yield unquote_to_bytes(password)
