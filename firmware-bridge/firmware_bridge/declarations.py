"""One declaration of a key gives its check, its default and its JSON Schema."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from firmware_bridge.strict_file import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.strict_yaml import KeyPath

Schema: TypeAlias = dict[str, object]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REQUIRED = object()
"""The default of a key that must be given."""


class Declaration(Protocol):
    """What a key may hold."""

    @property
    def default(self) -> object:
        """What holds when the key is not there; ``REQUIRED`` if it must be."""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> object:
        """The value as the program holds it; what is wrong goes to ``problems``."""

    def schema(self) -> Schema:
        """JSON Schema (2020-12) of the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string; ``pattern`` must match all of it, ``says`` is the pattern in words."""

    default: object = REQUIRED
    pattern: str = ""
    says: str = ""
    choices: tuple[str, ...] = ()
    length_max: int = 256
    description: str = ""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> str:
        """The string."""
        if not isinstance(value, str):
            problems.append(Problem(path, f"must be a string, not {shown(value)}"))
            return ""
        if self.choices and value not in self.choices:
            known = ", ".join(self.choices)
            problems.append(Problem(path, f"must be one of {known}, not {shown(value)}"))
        elif len(value) > self.length_max:
            problems.append(Problem(path, f"is longer than {self.length_max} characters"))
        elif self.pattern and not re.fullmatch(self.pattern, value):
            problems.append(Problem(path, f"must be {self.says}, not {shown(value)}"))
        return value

    def schema(self) -> Schema:
        """Its JSON Schema."""
        schema: Schema = {"type": "string", "maxLength": self.length_max}
        if self.choices:
            schema = {"enum": [*self.choices]}
        if self.pattern:
            schema["pattern"] = f"^(?:{self.pattern})$"
        return _described(schema, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number, whole if ``whole``; between ``minimum`` and ``maximum`` if they are given."""

    default: object = REQUIRED
    whole: bool = False
    minimum: float = -math.inf
    maximum: float = math.inf
    unit: str = ""
    description: str = ""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> float:
        """The number."""
        kinds = (int,) if self.whole else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool) or not math.isfinite(value):
            wanted = "a whole number" if self.whole else "a number"
            problems.append(Problem(path, f"must be {wanted}, not {shown(value)}"))
            return 0
        if not self.minimum <= value <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            what = f"must lie between {self.minimum} and {self.maximum}{unit}, not {shown(value)}"
            problems.append(Problem(path, what))
        return value

    def schema(self) -> Schema:
        """Its JSON Schema."""
        schema: Schema = {"type": "integer" if self.whole else "number"}
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        schema.update({key: limit for key, limit in limits.items() if math.isfinite(limit)})
        if self.unit:
            schema["x-unit"] = self.unit
        return _described(schema, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """True or false."""

    default: object = REQUIRED
    description: str = ""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> bool:
        """The flag."""
        if not isinstance(value, bool):
            problems.append(Problem(path, f"must be true or false, not {shown(value)}"))
        return value is True

    def schema(self) -> Schema:
        """Its JSON Schema."""
        return _described({"type": "boolean"}, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of ``item``."""

    item: Declaration
    default: object = REQUIRED
    minimum: int = 0
    maximum: int = 64
    description: str = ""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> tuple[object, ...]:
        """The items."""
        if not isinstance(value, list):
            problems.append(Problem(path, f"must be a list, not {shown(value)}"))
            return ()
        if not self.minimum <= len(value) <= self.maximum:
            what = f"must hold {self.minimum} to {self.maximum} entries, not {len(value)}"
            problems.append(Problem(path, what))
            return ()
        return tuple(self.item.read(one, (*path, i), problems) for i, one in enumerate(value))

    def schema(self) -> Schema:
        """Its JSON Schema."""
        schema: Schema = {
            "type": "array",
            "items": self.item.schema(),
            "minItems": self.minimum,
            "maxItems": self.maximum,
        }
        return _described(schema, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A mapping with the given keys and no others."""

    keys: Mapping[str, Declaration]
    default: object = REQUIRED
    description: str = ""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> dict[str, Any]:
        """Every key with its value or its default."""
        if not isinstance(value, dict):
            known = ", ".join(self.keys)
            what = f"must be a mapping with the keys {known}, not {shown(value)}"
            problems.append(Problem(path, what))
            value = {}
        elif unknown := [key for key in value if key not in self.keys]:
            remedy = f"known keys: {', '.join(self.keys)}"
            problems += [Problem((*path, key), "unknown key", remedy) for key in unknown]
        found: dict[str, Any] = {}
        for key, declared in self.keys.items():
            if key in value:
                found[key] = declared.read(value[key], (*path, key), problems)
            elif declared.default is REQUIRED:
                problems.append(Problem((*path, key), "is missing"))
            else:
                found[key] = declared.default
        return found

    def schema(self) -> Schema:
        """Its JSON Schema."""
        required = [key for key, one in self.keys.items() if one.default is REQUIRED]
        schema: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: one.schema() for key, one in self.keys.items()},
        }
        if required:
            schema["required"] = required
        return _described(schema, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A mapping from names that the person chose to ``item``."""

    item: Declaration
    name: Text = field(default_factory=Text)
    default: object = REQUIRED
    maximum: int = 64
    description: str = ""

    def read(self, value: object, path: KeyPath, problems: list[Problem]) -> dict[str, Any]:
        """The named items."""
        if not isinstance(value, dict) or not 0 < len(value) <= self.maximum:
            what = f"must be a mapping with 1 to {self.maximum} names, not {shown(value)}"
            problems.append(Problem(path, what))
            return {}
        found: dict[str, Any] = {}
        for name, one in value.items():
            before = len(problems)
            self.name.read(name, (*path, name), problems)
            if len(problems) == before:
                found[name] = self.item.read(one, (*path, name), problems)
        return found

    def schema(self) -> Schema:
        """Its JSON Schema."""
        schema: Schema = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": self.maximum,
            "propertyNames": self.name.schema(),
            "additionalProperties": self.item.schema(),
        }
        return _described(schema, self)


def shown(value: object) -> str:
    """A value from outside, cut to what an error line can hold."""
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _described(schema: Schema, declared: Text | Number | Flag | Listing | Table | Named) -> Schema:
    if declared.description:
        schema["description"] = declared.description
    default = declared.default
    if default is not None and default is not REQUIRED:
        schema["default"] = [*default] if isinstance(default, tuple) else default
    return schema
