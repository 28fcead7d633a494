"""The JSON Schema of a pipeline file, made from the same declarations as the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from galaxy.filter import BaseSource, params_schema
from galaxy.pipeline import CONNECTION_KEYS, FILTER_KEYS
from galaxy.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from galaxy.filter import BaseFilter
    from galaxy.params import JsonValue
    from galaxy.pins import Pin


def file_schema() -> dict[str, JsonValue]:
    """The schema of a pipeline file with the filter types of this installation."""
    return pipeline_schema(Registry.default())


def pipeline_schema(registry: Registry) -> dict[str, JsonValue]:
    """JSON Schema (2020-12) of a pipeline file with every known filter type."""
    kinds: list[JsonValue] = [
        {
            "if": {"properties": {"type": {"const": name}}},
            "then": {"properties": {"params": params_schema(registry.get(name))}},
        }
        for name in registry.names()
    ]
    filter_keys: dict[str, JsonValue] = {key: param.schema() for key, param in FILTER_KEYS.items()}
    filter_keys["type"] = {"enum": [*registry.names()]}
    filter_keys["params"] = {"type": "object"}
    connection: dict[str, JsonValue] = {
        key: param.schema() for key, param in CONNECTION_KEYS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Galaxy pipeline",
        "type": "object",
        "additionalProperties": False,
        "required": ["filters"],
        "properties": {
            "name": {"type": "string"},
            "filters": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": "^[^.]+$"},
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["type"],
                    "properties": filter_keys,
                    "allOf": kinds,
                },
            },
            "connections": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["from", "to"],
                    "properties": connection,
                },
            },
        },
    }


def describe_filter(name: str, filter_type: type[BaseFilter]) -> dict[str, JsonValue]:
    """What a form or a list needs to know of a filter type."""
    return {
        "type": name,
        "description": filter_type.description,
        "source": issubclass(filter_type, BaseSource),
        "live": issubclass(filter_type, BaseSource) and filter_type.live,
        "needs": filter_type.needs,
        "inputs": _pins(filter_type.inputs),
        "outputs": _pins(filter_type.outputs),
        "params": params_schema(filter_type),
    }


def _pins(pins: Mapping[str, Pin]) -> JsonValue:
    return {
        name: {"type": pin.type, "formats": [*pin.formats], "optional": pin.optional}
        for name, pin in pins.items()
    }
