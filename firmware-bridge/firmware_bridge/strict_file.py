"""YAML that a person wrote, read strictly: the line of every key is kept for what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.strict_yaml import KeyPath, StrictYaml
from cantor.base.text_file import read_text

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and the path of the key that holds it."""

    path: KeyPath
    what: str
    remedy: str = ""

    @property
    def key(self) -> str:
        """The path as people write it: ``mqtt.readings[0].topic``."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


class StrictFile:
    """The content of one file, and the line where each key stands."""

    def __init__(self, text: str, where: str) -> None:
        """Read the text.

        Raises:
            ConfigError: it is no YAML mapping, too large, too deep, or holds an alias or a key
                twice.
        """
        self.where = where
        self._yaml = StrictYaml(text, where)
        content = self._yaml.content
        if not isinstance(content, dict):
            raise ConfigError("is not a mapping from keys to values", where=where)
        self.content: dict[str, object] = content

    def error(self, problem: Problem) -> ConfigError:
        """The problem as an error that names file, line and key."""
        what = f"{problem.key}: {problem.what}" if problem.path else problem.what
        where = f"{self.where}:{self._yaml.line(problem.path)}"
        return ConfigError(what, where=where, remedy=problem.remedy)


def read_strict_file(path: Path) -> StrictFile:
    """Open a file.

    Raises:
        ConfigError: it cannot be read, or as :class:`StrictFile` says.
    """
    return StrictFile(read_text(path), str(path))
