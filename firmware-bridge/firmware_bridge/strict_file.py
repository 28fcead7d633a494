"""YAML that a person wrote, read strictly: the line of every key is kept for what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import yaml

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SIZE_BYTES_MAX = 256 * 1024
NESTING_MAX = 16
KeyPath: TypeAlias = tuple[str | int, ...]


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
        self._lines: dict[KeyPath, int] = {}
        root = self._compose(text)
        content = self._value(root, ()) if root is not None else None
        if not isinstance(content, dict):
            raise ConfigError("is not a mapping from keys to values", where=where)
        self.content: dict[str, object] = content

    def error(self, problem: Problem) -> ConfigError:
        """The problem as an error that names file, line and key."""
        path = problem.path
        while path and path not in self._lines:
            path = path[:-1]
        what = f"{problem.key}: {problem.what}" if problem.path else problem.what
        where = f"{self.where}:{self._lines.get(path, 1)}"
        return ConfigError(what, where=where, remedy=problem.remedy)

    def _compose(self, text: str) -> yaml.Node | None:
        depth = 0
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                if isinstance(event, yaml.AliasEvent):
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    raise ConfigError(
                        "aliases (*name) are not allowed", where=f"{self.where}:{line}"
                    )
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > NESTING_MAX:
                    raise ConfigError(f"is nested deeper than {NESTING_MAX}", where=self.where)
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{self.where}:{mark.line + 1}" if mark else self.where
            what = getattr(error, "problem", None) or "unreadable characters"
            raise ConfigError(f"is not YAML: {what}", where=where) from error

    def _value(self, node: yaml.Node, path: KeyPath) -> object:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            line = node.start_mark.line + 1
            raise ConfigError("is no plain value", where=f"{self.where}:{line}") from error
        finally:
            loader.dispose()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            where = f"{self.where}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError("a key must be a word", where=where)
            key = str(key_node.value)
            if key in values:
                raise ConfigError(f"the key {key!r} stands twice", where=where)
            self._lines[(*path, key)] = key_node.start_mark.line + 1
            values[key] = self._value(value_node, (*path, key))
        return values


def read_strict_file(path: Path) -> StrictFile:
    """Open a file.

    Raises:
        ConfigError: it cannot be read, or as :class:`StrictFile` says.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_BYTES_MAX + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from error
    if len(data) > SIZE_BYTES_MAX:
        raise ConfigError(f"is larger than {SIZE_BYTES_MAX >> 10} KiB", where=str(path))
    return StrictFile(text, str(path))
