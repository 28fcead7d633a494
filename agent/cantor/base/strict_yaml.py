"""YAML that a person wrote, read strictly: no aliases, no key twice, and the line of every key."""

from __future__ import annotations

from typing import TypeAlias

import yaml

from cantor.base.errors import ConfigError

NESTING_MAX = 16
KeyPath: TypeAlias = tuple[str | int, ...]


class StrictYaml:
    """The ``content`` of one YAML text as plain values, and the line where each key stands."""

    def __init__(self, text: str, where: str) -> None:
        """Read the text; ``content`` is None if it is empty.

        Raises:
            ConfigError: it is no YAML, too deep, or holds an alias, a key twice or no plain value.
        """
        self._where = where
        self._lines: dict[KeyPath, int] = {}
        root = self._compose(text)
        self.content = self._value(root, ()) if root is not None else None

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest key above that the text has."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _compose(self, text: str) -> yaml.Node | None:
        depth = 0
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                if isinstance(event, yaml.AliasEvent):
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    raise self._error("aliases (*name) are not allowed", line)
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > NESTING_MAX:
                    raise ConfigError(f"is nested deeper than {NESTING_MAX}", where=self._where)
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{self._where}:{mark.line + 1}" if mark else self._where
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
            raise self._error("is no plain value", node.start_mark.line + 1) from error
        finally:
            loader.dispose()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error("a key must be a word", line)
            key = str(key_node.value)
            if key in values:
                raise self._error(f"the key {key!r} stands twice", line)
            self._lines[(*path, key)] = line
            values[key] = self._value(value_node, (*path, key))
        return values

    def _error(self, what: str, line: int) -> ConfigError:
        return ConfigError(what, where=f"{self._where}:{line}")
