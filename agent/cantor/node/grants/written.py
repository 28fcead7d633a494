"""Resources as people write them: as options of an agent, and in a ``resources.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource, ResourceValue
from cantor.base.text_file import read_text
from cantor.base.units import parse_size
from cantor.node.grants.sharing import is_shared
from cantor.node.sandboxes import CONDITION
from cantor.scheduling.expression import KEYWORDS, NAME
from cantor.scheduling.grants.book import UNITS_MAX

if TYPE_CHECKING:
    from pathlib import Path

VALUE_CHARACTERS_MAX = 256
NUMBER_MAX = 2**63
PARTS: dict[str, Literal["condition", "quantity"]] = {
    "conditions": "condition",
    "quantities": "quantity",
    "shared": "quantity",
}
_RESOURCE = re.compile(rf"({NAME.pattern})\s*(==?)\s*(.*)", re.DOTALL)


def resource_from_text(text: str) -> Resource:
    """A resource as people give it: ``Licence=4`` is a quantity, ``Detectron2==1`` a condition.

    Raises:
        ConfigError: it is neither.
    """
    match = _RESOURCE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"not a resource: {text[:80]!r}",
            where="--resource",
            remedy="write Licence=4 for units that are taken, Detectron2==1 for what holds",
        )
    name, sign, written = match.groups()
    value, unit = value_from_text(written)
    return checked(Resource(name, "quantity" if sign == "=" else "condition", value, unit))


def value_from_text(text: str) -> tuple[ResourceValue, str]:
    """A value and its unit: ``4``, ``0.5``, ``8GiB`` (bytes), ``true``, else text."""
    for read in (int, float):
        try:
            return read(text), ""
        except ValueError:
            continue
    try:
        return parse_size(text), "B"
    except ValueError:
        return {"true": True, "false": False}.get(text, text.strip("\"'")), ""


def shared_from_text(text: str) -> tuple[str, int]:
    """A shared quantity as people give it: ``Licence=8``.

    Raises:
        ConfigError: it is none.
    """
    if _RESOURCE.fullmatch(text.strip()):
        found = resource_from_text(text)
        total = found.value
        if found.kind == "quantity" and isinstance(total, int) and is_shared(found.name, total):
            return found.name, total
    raise ConfigError(
        f"not a shared quantity: {text[:80]!r}",
        where="--shared",
        remedy=f"write Licence=8: a short name and 1 to {UNITS_MAX} whole units",
    )


def checked(resource: Resource) -> Resource:
    """The resource, if a node may say so.

    Raises:
        ConfigError: its name or its value is of no use.
    """
    name, value = resource.name, resource.value
    if not NAME.fullmatch(name) or name in KEYWORDS:
        raise ConfigError(f"no name of a resource: {name[:80]!r}", remedy="write a word: Licence")
    if name == CONDITION:
        raise ConfigError("the node finds that out itself", where=name, remedy="leave it out")
    is_number = not isinstance(value, bool | str)
    if isinstance(value, int | float) and not abs(value) < NUMBER_MAX:  # it may be none: nan
        raise ConfigError(f"{value!r:.40} is no number to count with", where=name, remedy="write 4")
    if resource.kind == "quantity" and not (is_number and float(value) > 0):
        raise ConfigError(f"{value!r:.40} is no number of units", where=name, remedy="write 4")
    if isinstance(value, str) and (len(value) > VALUE_CHARACTERS_MAX or not value.isprintable()):
        raise ConfigError(f"{value!r:.40} is no short text", where=name, remedy="shorten it")
    return resource


@dataclass(frozen=True, slots=True)
class ResourceSettings:
    """What a box has beside what is found; ``shared`` are units that it owns for its site."""

    resources: tuple[Resource, ...] = ()
    shared: dict[str, int] = field(default_factory=dict)


def load_resources(path: Path) -> ResourceSettings:
    """The resources in a ``resources.yaml``: ``conditions``, ``quantities`` and ``shared``.

    Raises:
        ConfigError: it cannot be read, has an unknown key, or a resource that cannot be; the
            message names file, line and key.
    """
    from cantor.base.strict_yaml import StrictYaml  # most agents come without a file

    yaml = StrictYaml(read_text(path), str(path))
    resources: list[Resource] = []
    shared: dict[str, int] = {}
    for part, content in _keys(yaml.content, str(path)).items():
        where = f"{path}:{yaml.line((part,))}: {part}"
        if part not in PARTS:
            raise ConfigError("no such key", where=where, remedy=f"keys are {', '.join(PARTS)}")
        for name, value in _keys(content, where).items():
            try:
                if part == "shared":
                    shared[name] = _shared(name, value)
                else:
                    resources.append(_resource(name, PARTS[part], value))
            except ConfigError as error:
                place = f"{path}:{yaml.line((part, name))}: {name}"
                raise ConfigError(error.what, where=place, remedy=error.remedy) from error
    return ResourceSettings(tuple(resources), shared)


def file_schema() -> dict[str, Any]:
    """JSON Schema of a ``resources.yaml``."""
    value = {"type": ["boolean", "number", "string"], "maxLength": VALUE_CHARACTERS_MAX}
    units = {"type": ["number", "string"], "exclusiveMinimum": 0}
    shared = {"type": "integer", "minimum": 1, "maximum": UNITS_MAX}
    texts = {
        "conditions": ("What holds, or has a value.", value),
        "quantities": ("Units that work takes: a number, or a size such as 8GiB.", units),
        "shared": ("Units that this box owns for all of its site, or of its tenant.", shared),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "resources.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            part: {
                "type": "object",
                "description": text,
                "propertyNames": {"pattern": f"^{NAME.pattern}$"},
                "additionalProperties": kind,
            }
            for part, (text, kind) in texts.items()
        },
    }


def _keys(content: object, where: str) -> dict[str, object]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError("is no list of names and values", where=where,
                          remedy="write lines such as GPU: 1")  # fmt: skip
    return content


def _resource(name: str, kind: Literal["condition", "quantity"], value: object) -> Resource:
    if isinstance(value, str):
        return checked(Resource(name, kind, *value_from_text(value)))
    if not isinstance(value, ResourceValue):
        raise ConfigError(f"{value!r:.40} is no value of a resource", remedy="write 4 or 8GiB")
    return checked(Resource(name, kind, value))


def _shared(name: str, value: object) -> int:
    if not is_shared(name, value) or not isinstance(value, int):
        remedy = f"write a short name and 1 to {UNITS_MAX} whole units"
        raise ConfigError(f"{value!r:.40} cannot be shared", remedy=remedy)
    return value
